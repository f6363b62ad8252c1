#include "vsp/plugin.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include "harness/one_line.hpp"
#include "vsp/host_functions.hpp"
#include "vsp/shared_object.hpp"
#include "vsp/vsp_fault.hpp"

namespace vmbsave::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWithoutEngine =
    "a VSP calls the functions of the program that loads it: link it without vmbsave::kmcl";

[[noreturn]] void fail(const fs::path& file, const std::string& what) {
  throw PluginError(one_line(fmt::format("{}: {}", file.string(), what)));
}

// With its whole path: the loader looks for a mere name elsewhere.
void* load(const fs::path& file) {
  if (const std::string fault = object_fault(file); !fault.empty()) fail(file, fault);
  const fs::path whole = fs::absolute(file);
  void* const object = dlopen(whole.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) fail(file, loader_fault(whole, dlerror()));
  return object;
}

// "it", or the object that came along with it.
std::string who(const fs::path& file, const char* found) {
  std::error_code none;
  return fs::equivalent(file, found, none) ? "it" : fmt::format("{}, which it is linked with,", found);
}

// A function of the C face that the object, or what it is linked with, defines. The loader looks there and not in the
// program.
void expect_no_functions(const fs::path& file, void* object) {
  for (const HostFunction& function : host_functions()) {
    const void* const own = dlsym(object, function.name);
    if (own == nullptr) continue;
    Dl_info where{};
    const char* const found = dladdr(own, &where) != 0 && where.dli_fname != nullptr ? where.dli_fname : "";
    fail(file, fmt::format("{} defines {} itself, and so brings an engine of its own; {}", who(file, found),
                           function.name, kWithoutEngine));
  }
}

// An engine whose symbols are hidden.
void expect_no_engine(const fs::path& file) {
  const std::string found = object_with_engine(host_functions().front().address);
  if (found.empty()) return;
  fail(file, fmt::format("{} has a copy of vmbsave's engine in it (ELF note 'vmbsave'); {}", who(file, found.c_str()),
                         kWithoutEngine));
}

const VMBS_VSP* make(const fs::path& file, void* object) {
  const auto factory = reinterpret_cast<decltype(&vmbs_vsp)>(dlsym(object, VMBS_VSP_FACTORY));
  if (factory == nullptr) {
    fail(file, "it exports no function " VMBS_VSP_FACTORY
               ", expected 'VMBS_VSP_EXPORT const VMBS_VSP* vmbs_vsp(void)' with C linkage");
  }
  const VMBS_VSP* const vsp = factory();
  if (const std::string fault = vsp_fault(vsp); !fault.empty()) fail(file, fault);
  return vsp;
}

}  // namespace

Plugin::Plugin(const fs::path& file) : object_(load(file)) {
  expect_no_functions(file, object_.get());
  expect_no_engine(file);
  vsp_ = make(file, object_.get());
}

Plugin::~Plugin() = default;

void Plugin::Close::operator()(void* object) const noexcept { dlclose(object); }

}  // namespace vmbsave::bench
