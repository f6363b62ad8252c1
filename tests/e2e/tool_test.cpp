// What vmbsave does with command lines and files that are not as it wants them: one line that says why, and exit
// code 2.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "e2e/refused.hpp"

namespace vmbsave::tests {
namespace {

namespace fs = std::filesystem;

// A sanitizer needs more address space than these tests leave.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsAddresses = false;
#else
constexpr bool kLimitsAddresses = true;
#endif

constexpr const char* kProfile = "replay --profile cloudphysics --repeat 1 ";

class ToolRefuses : public InAFolder {
 protected:
  static std::string quoted(const std::string& word) { return "'" + word + "' "; }

  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  // Version 1: four requests of 512 bytes, a millisecond apart.
  std::string vscsi(const std::string& name) const {
    std::string bytes;
    for (unsigned i = 0; i < 4; ++i) {
      const auto put = [&](std::uint64_t value, unsigned size) {
        bytes.append(reinterpret_cast<const char*>(&value), size);
      };
      put(i + 1, 4);        // sn
      put(512, 4);          // len
      put(1, 4);            // nSG
      put(0x28, 2);         // cmd
      put(1u << 8 | 1, 2);  // ver
      put(8 * i, 8);        // lbn
      put(1'000'000 + i * 1'000, 8);
    }
    return file(name, bytes);
  }

  static Outcome tool(const std::string& arguments) {
    return run(std::string("timeout 60 ") + VMBSAVE_TOOL, arguments + " </dev/null");
  }

  static void expect_refused(const std::string& arguments, const std::string& words) {
    expect_one_refusal(tool(arguments), arguments, words);
  }
};

TEST_F(ToolRefuses, EmptyNames) {
  for (const char* const arguments :
       {"table ''", "bar ''", "inspect ''", "verify ''", "record --results results ''", "record --results '' FILE",
        "record --results results --readme '' ", "replay --trace ''", "replay --profile cloudphysics --image ''",
        "replay --profile cloudphysics --plan ''"}) {
    expect_refused(arguments, ": expected a value; see vmbsave ");
  }
}

TEST_F(ToolRefuses, NumbersOutOfRange) {
  const std::string golden = VMBSAVE_GOLDEN "/v1-streamed.img";
  for (const char* const number : {"-1", "99999999999999999999999", "''", "' 1'", "+1", "0x10", "1k", "1.5"}) {
    for (const char* const command : {"verify", "inspect"}) {
      expect_refused(std::string(command) + " --max-bytes " + number + " " + golden,
                     "--max-bytes: expected a whole number from 0 to 18446744073709551615, found '");
    }
  }
  const std::pair<const char*, const char*> options[] = {{"--threads", "1 to 1024"},
                                                         {"--repeat", "1 to 10000000"},
                                                         {"--channels", "1 to 2047"},
                                                         {"--replicate", "1 to 4096"}};
  for (const auto& [option, range] : options) {
    for (const char* const number :
         {"-18446744073709551614", "-18446744073709551615", "0", "18446744073709551617", "x"}) {
      expect_refused(std::string("replay --profile cloudphysics ") + option + " " + number,
                     std::string(option) + ": expected a whole number from " + range + ", found '");
    }
  }
  EXPECT_EQ(nlohmann::json::parse(tool("replay --profile cloudphysics --json --repeat 010").out).at("repeat"), 10)
      << "not octal";
}

TEST_F(ToolRefuses, UnknownOptionsByName) {
  for (const char* const option : {"-x", "--bogus"}) expect_refused(option, std::string("no option '") + option + "'");
  EXPECT_EQ(tool("-h").exit_code, 0);
  EXPECT_EQ(tool("--version").exit_code, 0);
}

TEST_F(ToolRefuses, WhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  for (const std::string& name : {path("fifo"), folder_.string(), std::string("/dev/zero"), std::string("/dev/null")}) {
    for (const char* const command : {"verify ", "inspect "}) {
      expect_refused(command + quoted(name), name + ": expected a regular file");
    }
  }
}

// 2 GiB of nothing, in which no block is there to be read.
TEST_F(ToolRefuses, ALargeFileThatIsNoImageByItsFirstBytes) {
  file("large", std::string(64, 'x'));
  fs::resize_file(path("large"), std::uint64_t{2} << 30);
  const std::string limit = kLimitsAddresses ? "ulimit -v 1000000; " : "";
  for (const char* const command : {"verify ", "inspect "}) {
    const Outcome outcome = run(limit + "timeout 60 " VMBSAVE_TOOL, command + path("large"));
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_NE(outcome.out.find("large: not an image"), std::string::npos) << outcome.out;
  }
}

TEST_F(ToolRefuses, AnImageInPlaceOfItsTrace) {
  const std::string trace = vscsi("disk.vscsi");
  const auto bytes = fs::file_size(trace);
  fs::create_hard_link(trace, path("hard"));
  fs::create_symlink(trace, path("soft"));
  fs::create_hard_link(trace, path("many.3"));
  const std::string replay = "replay --repeat 1 --trace " + quoted(trace);
  for (const char* const name : {"disk.vscsi", "hard", "soft", "many --replicate 4"}) {
    expect_refused(replay + "--image " + folder_.string() + "/" + name, "would write over the trace");
  }
  EXPECT_EQ(fs::file_size(trace), bytes);
  EXPECT_EQ(tool(replay + "--image " + path("other")).exit_code, 0);

  fs::create_directory(folder_ / "octf");
  file("octf/octf.trace.0", "not looked at");
  expect_refused("replay --trace " + path("octf") + " --image " + path("octf/octf.trace.0"),
                 "would write over the trace");
  file("sda.blktrace.0", "not looked at");
  expect_refused("replay --trace " + path("sda") + " --image " + path("sda.blktrace.0"), "would write over the trace");
}

TEST_F(ToolRefuses, MoreThanTheMachineHas) {
  if (!kLimitsAddresses) GTEST_SKIP() << "a sanitizer takes more address space than this leaves";
  const Outcome outcome = run(std::string("ulimit -v 500000; timeout 60 ") + VMBSAVE_TOOL,
                              std::string(kProfile) + "--channels 2047 --replicate 16");
  EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  EXPECT_NE(outcome.out.find("lower --channels or --replicate"), std::string::npos) << outcome.out;
}

TEST_F(ToolRefuses, ButNotANameThatIsNoUtf8) {
  const std::string trace = vscsi("disk\xff.vscsi");
  const Outcome outcome = tool("replay --repeat 1 --json --trace " + quoted(trace));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  const std::string name = nlohmann::json::parse(outcome.out).at("trace");
  EXPECT_TRUE(name.ends_with("disk\xef\xbf\xbd.vscsi")) << name;
}

TEST_F(ToolRefuses, FormatsAndGuestsThatAreNone) {
  const std::string replay = "replay --repeat 1 --trace " + quoted(vscsi("disk.vscsi"));
  expect_refused(replay + "--format vscsi", "no format 'vscsi'; there are: octf, capture, blktrace, vscsi-v1, ");
  expect_refused(replay + "--format mqsim", "offset 0: line 1: expected five numbers");
  expect_refused(replay + "--format ''", "--format: expected a value");
  expect_refused("replay --profile cloudphysics --format msr", "--format requires --trace");
  for (const char* const guest : {"''", "1", "00:15:5d:01:02", "00-15-5d-01-02-03"}) {
    expect_refused(replay + "--guest " + guest, "--guest: expected a MAC address such as 00:15:5d:01:02:03, found ");
  }
  expect_refused(replay + "--guest 00:15:5d:01:02:03",
                 "expected a capture, as a guest's address is given, found vscsi");
}

TEST_F(ToolRefuses, ACaptureThatIsCutOff) {
  std::string bytes("\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0\0", 24);
  bytes += std::string("\1\0\0\0\0\0\0\0\x0e\0\0\0\x0e\0\0\0", 16) + std::string(14, '\2');
  expect_refused("replay --trace " + quoted(file("cut.pcap", bytes.substr(0, 45))),
                 "frame 1: expected a frame, found ");
  const Outcome whole = tool("replay --repeat 1 --json --trace " + quoted(file("one.pcap", bytes)));
  ASSERT_EQ(whole.exit_code, 0) << whole.out;
  const auto json = nlohmann::json::parse(whole.out);
  EXPECT_EQ(json.at("format"), "capture");
  EXPECT_EQ(json.at("vsp"), "netvsp");
  EXPECT_EQ(json.at("transmits_in_use"), 1);
  EXPECT_EQ(json.at("restored"), true);
}

TEST_F(ToolRefuses, ButNotATraceOfText) {
  const std::pair<const char*, const char*> traces[] = {
      {"mqsim", "5 0 8 16 0\n6 1 8 16 1\n"},
      {"msr", "5,h,0,Write,4096,8192,70\n6,h,1,Read,0,512,50\n"},
      {"fio-v3", "fio version 3 iolog\n5 f write 0 9\n6 g read 0 512\n"}};
  for (const auto& [format, text] : traces) {
    const Outcome outcome = tool("replay --repeat 1 --json --trace " + quoted(file("trace", text)));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json.at("format"), format);
    EXPECT_EQ(json.at("packets_in_use"), 2);
    EXPECT_EQ(json.at("channels"), 2);
    EXPECT_EQ(json.at("restored"), true);
    EXPECT_EQ(json.at("measured_completions"), format == std::string("msr"));
  }
}

TEST_F(ToolRefuses, NamesThatSteerTheTerminalInOneLine) {
  const std::string name = path("a\nb\x1b[31m");
  for (const char* const command : {"verify ", "inspect ", "table ", "bar ", "replay --trace ", "replay --profile ",
                                    "record --results results ", "--", "no\n"}) {
    const std::string arguments = command == std::string("no\n") ? quoted("no\ncommand\x1b") : command + quoted(name);
    expect_refused(arguments, "");
    EXPECT_EQ(tool(arguments).out.find('\x1b'), std::string::npos) << arguments;
  }
  fs::copy_file(VMBSAVE_GOLDEN "/v1-streamed.img", name);
  const Outcome good = tool("verify " + quoted(name));
  EXPECT_EQ(std::count(good.out.begin(), good.out.end(), '\n'), 1) << good.out;
  EXPECT_EQ(good.out.find('\x1b'), std::string::npos);
}

TEST_F(ToolRefuses, AFolderOfRunsThatIsAFile) {
  file("runs", "");
  file("README.md", "\n<!-- results -->\n<!-- end of results -->\n");
  for (const char* const check : {"", "--check "}) {
    expect_refused("record " + std::string(check) + "--results " + path("runs") + " --readme " + path("README.md"),
                   path("runs") + ": Not a directory");
  }
}

}  // namespace
}  // namespace vmbsave::tests
