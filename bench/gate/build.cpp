#include "gate/build.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "gate/child.hpp"
#include "gate/new_folder.hpp"

namespace vmbsave::gate {
namespace {

namespace fs = std::filesystem;

constexpr const char* kObject = "bench/gate/entry/vmbsave_gate_entry.so";
constexpr std::chrono::minutes kLongestBuild{30};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A name of the same unique symbol in both sides would be one object for both: GCC has a flag against them.
bool is_clang() { return variable("CXX").find("clang") != std::string::npos; }

std::string compiler_flags(const BuildOptions& options) {
  std::string flags = is_clang() ? "" : "-fno-gnu-unique";
  for (const std::string& definition : options.definitions) flags += " -D" + definition;
  for (const std::string& flag : options.flags) flags += " " + flag;
  return flags;
}

std::string first_line_of(const std::vector<std::string>& command) {
  const ChildResult result =
      run_child({.arguments = command, .environment = own_environment(), .folder = {}, .log = {}});
  return result.out.substr(0, result.out.find('\n'));
}

// What else decides what comes out: of the same commit, another of these is another object.
std::string toolchain() {
  std::string text;
  for (const char* const name : {"CXX", "CC", "CFLAGS", "LDFLAGS", "CMAKE_PREFIX_PATH"}) text += variable(name) + "\n";
  const std::string compiler = variable("CXX");
  return text + first_line_of({"sh", "-c", (compiler.empty() ? "c++" : compiler) + " --version"});
}

// FNV-1a, as sixteen digits: the name of a folder, not a proof.
std::string short_hash(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return fmt::format("{:016x}", hash);
}

// Two gates do not build in one folder at once; the second one waits.
class BuildLock {
 public:
  explicit BuildLock(const fs::path& folder)
      : descriptor_(open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ >= 0) (void)flock(descriptor_, LOCK_EX);
  }
  ~BuildLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  BuildLock(const BuildLock&) = delete;

 private:
  const int descriptor_;
};

void step(const char* what, const std::vector<std::string>& command, const std::vector<std::string>& environment,
          const fs::path& folder, const fs::path& log) {
  const ChildResult result = run_child(
      {.arguments = command, .environment = environment, .folder = folder, .log = log, .limit = kLongestBuild});
  if (result.exit_code != 0) {
    throw std::runtime_error(
        fmt::format("{} in {} failed ({}); its output: {}", what, folder.string(), result.fate, log.string()));
  }
}

void build_own(const fs::path& source, const fs::path& build, const fs::path& object, const fs::path& log,
               const BuildOptions& options) {
  const auto environment = own_environment();
  const std::string flags =
      fmt::format("{} -ffile-prefix-map={}=.", compiler_flags(options), fs::absolute(source).string());
  step("cmake",
       {"cmake", "-S", source.string(), "-B", build.string(), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        "-DVMBSAVE_CHECK=0", "-DVMBSAVE_BENCH=ON", "-DVMBSAVE_TESTS=OFF", "-DCMAKE_CXX_FLAGS=" + flags,
        fmt::format("-DCMAKE_MODULE_LINKER_FLAGS={}", fmt::join(options.link_flags, " "))},
       environment, source, log);
  step("the build", {"cmake", "--build", build.string(), "--target", "vmbsave_gate_entry"}, environment, source, log);
  fs::copy_file(build / kObject, object, fs::copy_options::overwrite_existing);
}

// Its own flags are its own affair; what is the same for both sides is that it is the same command.
void build_by_command(const fs::path& source, const fs::path& object, const fs::path& log,
                      const BuildOptions& options) {
  std::vector<std::string> environment = own_environment();
  environment.push_back("VMBS_GATE_OUT=" + fs::absolute(object).string());
  environment.push_back("VMBS_GATE_CXXFLAGS=" + compiler_flags(options));
  step("the build command", {"sh", "-c", options.command}, environment, source, log);
  if (!fs::exists(object)) {
    throw std::runtime_error(fmt::format("the build command in {} did not write $VMBS_GATE_OUT; its output: {}",
                                         source.string(), log.string()));
  }
}

void build_object(const fs::path& source, const fs::path& build, const fs::path& object, const fs::path& log,
                  const BuildOptions& options) {
  if (options.command.empty()) {
    build_own(source, build, object, log, options);
  } else {
    build_by_command(source, object, log, options);
  }
}

void expect_entry(bool has_entry, const std::string& name) {
  if (!has_entry) throw NoBase(fmt::format("{} has no {}: take a newer commit", name, kEntryFile));
}

std::string bytes_of_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Each under a name of its own: one that is being measured is not replaced by what another gate builds meanwhile. Those
// of yesterday go.
fs::path keep_by_content(const fs::path& object) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(object.parent_path())) {
    const bool is_old = fs::last_write_time(entry, ignored) < fs::file_time_type::clock::now() - std::chrono::hours(24);
    if (entry.path().extension() == ".so" && is_old) fs::remove(entry, ignored);
  }
  const fs::path kept = object.parent_path() / ("side-" + short_hash(bytes_of_file(object)) + ".so");
  fs::rename(object, kept);
  return kept;
}

Build build_worktree(const Git& git, const std::string& variant, const BuildOptions& options) {
  if (options.command.empty() && !fs::exists(git.top() / kEntryFile)) {
    throw std::runtime_error(fmt::format("the work tree has no {}", kEntryFile));
  }
  // Of this checkout: another one may share the cache.
  const fs::path folder =
      options.cache / fmt::format("{}-{}", kWorktree, short_hash(variant + fs::absolute(git.top()).string()));
  fs::create_directories(folder);
  const BuildLock lock(folder);
  const fs::path object = folder / "new.so";
  const fs::path log = folder / "build.log";
  fs::remove(log);
  fs::remove(object);
  build_object(git.top(), folder / "build", object, log, options);
  return {kWorktree, git.commit("HEAD"), "", keep_by_content(object)};
}

}  // namespace

std::string object_bytes(const Build& build) { return bytes_of_file(build.object); }

std::string build_flags(const BuildOptions& options) {
  if (!options.command.empty()) return "by " + options.command;
  return fmt::format("Release, VMBSAVE_CHECK=0, {}; linker {}", compiler_flags(options),
                     fmt::join(options.link_flags, " "));
}

Build build_side(const Git& git, const std::string& name, const BuildOptions& options) {
  const std::string variant = short_hash(build_flags(options) + "\n" + toolchain());
  if (name == kWorktree) return build_worktree(git, variant, options);
  const std::string commit = git.commit(name);
  if (options.command.empty())
    expect_entry(git.has_file(commit, kEntryFile), fmt::format("{} ({})", name, commit.substr(0, 12)));
  const fs::path kept = options.cache / fmt::format("{}-{}", commit, variant);
  Build build{name, commit, git.subject(commit), kept / "side.so"};
  if (fs::exists(build.object)) return build;
  remove_abandoned_folders(options.cache);
  const NewFolder folder(options.cache);
  const fs::path source = folder.path() / "source";
  fs::create_directory(source);
  git.unpack(commit, source);
  const fs::path log = options.cache / fmt::format("{}-{}.log", commit, variant);
  fs::remove(log);
  build_object(source, folder.path() / "build", folder.path() / "side.so", log, options);
  fs::remove_all(source);
  fs::remove_all(folder.path() / "build");
  folder.keep(kept);
  return build;
}

}  // namespace vmbsave::gate
