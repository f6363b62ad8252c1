// What a VSP's shared object is refused for, each in one line that names it; and that a good one is taken.
#include "vsp/plugin.hpp"

#include <elf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "e2e/in_a_folder.hpp"
#include "vsp/vsp_fault.hpp"

namespace {

using vmbsave::bench::Plugin;
using vmbsave::bench::PluginError;

std::string side(const std::string& name) { return std::string(VMBSAVE_SIDES) + "/plugin_side_" + name + ".so"; }

// What the object is refused with; empty: it is not.
std::string refusal(const std::string& file) {
  try {
    const Plugin plugin(file);
    return "";
  } catch (const PluginError& error) {
    return error.what();
  }
}

void expect_refused(const std::string& file, const std::vector<std::string>& said) {
  const std::string what = refusal(file);
  EXPECT_TRUE(what.starts_with(file + ": ")) << what;
  EXPECT_EQ(what.find('\n'), std::string::npos) << what;
  for (const std::string& words : said) EXPECT_NE(what.find(words), std::string::npos) << words << " in: " << what;
}

class PluginFile : public vmbsave::tests::InAFolder {
 protected:
  std::string written(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // The template with one byte of its ELF header changed.
  std::string changed(const std::string& name, std::size_t at, char byte) const {
    std::string bytes = bytes_of(VMBSAVE_TEMPLATE);
    bytes.at(at) = byte;
    return written(name, bytes);
  }
};

TEST_F(PluginFile, TheTemplateIsTakenAndDescribesItself) {
  const Plugin plugin(VMBSAVE_TEMPLATE);
  EXPECT_STREQ(plugin.vsp().name, "minivsp");
  EXPECT_EQ(plugin.vsp().max_state_bytes, 16u);
  EXPECT_EQ(refusal(side("leaves_all_out")), "");
  EXPECT_EQ(refusal(side("no_reference")), "");
}

TEST_F(PluginFile, APathIsLookedForWhereItSays) {
  std::filesystem::copy_file(VMBSAVE_TEMPLATE, path("here.so"));
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  const std::string what = refusal("here.so");
  std::filesystem::current_path(before);
  EXPECT_EQ(what, "") << "the loader would look for a mere name elsewhere";
}

TEST_F(PluginFile, WhatIsNoSharedObjectIsRefused) {
  expect_refused(path("nothing.so"), {"no such file"});
  expect_refused(folder_.string(), {"no regular file"});
  expect_refused(written("empty.so", ""), {"no ELF file", "-shared"});
  expect_refused(written("text.so", "a VSP, honestly, of more bytes than an ELF header has: 0123456789"),
                 {"no ELF file"});
  expect_refused(written("cut.so", bytes_of(VMBSAVE_TEMPLATE).substr(0, 40)), {"ends within its ELF header"});
  const std::string whole = bytes_of(VMBSAVE_TEMPLATE);
  for (const std::size_t bytes : {whole.size() / 2, std::size_t{400}}) {
    expect_refused(written("torn.so", whole.substr(0, bytes)), {"ends before what its ELF header says"});
  }
  expect_refused(changed("other.so", offsetof(Elf64_Ehdr, e_machine), 8), {"another machine", "ELF machine 8"});
  expect_refused(changed("short.so", EI_CLASS, ELFCLASS32), {"another machine", "32 bits"});
  expect_refused(changed("object.o", offsetof(Elf64_Ehdr, e_type), ET_REL), {"object file", "-shared"});
  expect_refused(changed("program", offsetof(Elf64_Ehdr, e_type), ET_EXEC), {"no shared object", "-shared"});
}

TEST_F(PluginFile, AFileThatMayNotBeReadIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const std::string file = written("shut.so", "");
  std::filesystem::permissions(file, std::filesystem::perms::none);
  expect_refused(file, {"cannot be read"});
}

TEST_F(PluginFile, ANameThatWouldBreakTheLineDoesNot) {
  const std::string what = refusal(path("a\nb.so"));
  EXPECT_EQ(what.find('\n'), std::string::npos) << what;
  EXPECT_NE(what.find("no such file"), std::string::npos) << what;
}

TEST(Plugin, WhatItNeedsAndNobodyHasIsNamed) {
  expect_refused(side("needs_a_function"), {"vmbs_that_nobody_has", "nothing defines"});
  expect_refused(side("needs_a_newer_vmbsave"), {"VmbChannelFly", "no function of this vmbsave's kmcl.h"});
}

TEST(Plugin, AFactoryThatGivesNothingToUseIsRefused) {
  expect_refused(side("no_factory"), {"no function vmbs_vsp"});
  expect_refused(side("null"), {"NULL"});
  expect_refused(side("version"), {"version 1 and 136 bytes", "expected version 2 and 136"});
  expect_refused(side("size"), {"version 2 and 8 bytes", "expected version 2 and 136"});
  expect_refused(side("nameless"), {"no name"});
  expect_refused(side("empty_name"), {"a name of 0 characters"});
  expect_refused(side("odd_name"), {"not all printable"});
  expect_refused(side("long_name"), {"more than 64 characters"});
  expect_refused(side("nothing_asked_for"), {"no configure, encode:"});
  expect_refused(side("half_a_sender"), {"1 of deliver, accept and answer"});
  expect_refused(side("half_a_device"), {"one of create_device and destroy_device"});
}

TEST(Plugin, AnEngineThatCameAlongIsRefusedByName) {
  const std::string without = "link it without vmbsave::kmcl";
  expect_refused(side("defines_a_function"), {"it defines VmbChannelPacketComplete itself", without});
  expect_refused(side("engine"), {"it defines Vmb", without});
  expect_refused(side("engine_hidden"), {"it has a copy of vmbsave's engine in it", without});
  expect_refused(side("engine_stripped"), {"it has a copy of vmbsave's engine in it", without});
  expect_refused(side("beside_seen"), {"libplugin_engine_seen.so, which it is linked with, defines Vmb", without});
  expect_refused(side("beside_unseen"),
                 {"libplugin_engine_unseen.so, which it is linked with, has a copy of vmbsave's engine", without});
}

TEST(Plugin, WhatWasRefusedLeavesNothingBehind) {
  EXPECT_NE(refusal(side("beside_unseen")), "");
  EXPECT_EQ(refusal(VMBSAVE_TEMPLATE), "") << "an engine that was refused before is not this one's";
}

TEST(Plugin, EachFunctionThatIsAskedForIsNamedWhereItIsMissing) {
  const Plugin plugin(VMBSAVE_TEMPLATE);
  VMBS_VSP vsp = plugin.vsp();
  vsp.complete = nullptr;
  EXPECT_NE(vmbsave::bench::vsp_fault(&vsp).find("no complete:"), std::string::npos);
  vsp = plugin.vsp();
  vsp.reissue = nullptr;
  vsp.release = nullptr;
  vsp.outcome = nullptr;
  vsp.reference_state = nullptr;
  EXPECT_EQ(vmbsave::bench::vsp_fault(&vsp), "");
}

}  // namespace
