#include "gate/build.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "gate/child.hpp"

namespace vmbsave::gate {
namespace {

namespace fs = std::filesystem;

constexpr const char* kObject = "bench/gate/entry/vmbsave_gate_entry.so";
constexpr std::chrono::minutes kLongestBuild{30};

// A name of the same unique symbol in both sides would be one object for both: GCC has a flag against them.
bool is_clang() {
  const char* const compiler = std::getenv("CXX");
  return compiler != nullptr && std::string(compiler).find("clang") != std::string::npos;
}

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
std::string compiler_version() {
  const char* const compiler = std::getenv("CXX");
  try {
    return first_line_of({compiler == nullptr ? "c++" : compiler, "--version"});
  } catch (const std::runtime_error&) {
    return "";
  }
}

// FNV-1a, as sixteen digits: the name of a folder, not a proof.
std::string short_hash(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return fmt::format("{:016x}", hash);
}

// A folder that is there under its name when it is whole.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& target) : target_(target) {
    fs::create_directories(target.parent_path());
    std::string name = (target.parent_path() / ".new-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw std::runtime_error(fmt::format("cannot write into {}", target.parent_path().string()));
    path_ = name;
  }
  ~NewFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;

  const fs::path& path() const noexcept { return path_; }

  // Another gate may have been faster: what it built is as good.
  void keep() const {
    std::error_code error;
    fs::rename(path_, target_, error);
    if (error && !fs::exists(target_)) throw std::runtime_error(fmt::format("cannot write {}", target_.string()));
  }

 private:
  const fs::path target_;
  fs::path path_;
};

void step(const std::vector<std::string>& command, const std::vector<std::string>& environment, const fs::path& folder,
          const fs::path& log) {
  const ChildResult result = run_child(
      {.arguments = command, .environment = environment, .folder = folder, .log = log, .limit = kLongestBuild});
  if (result.exit_code != 0) {
    throw std::runtime_error(
        fmt::format("{} of {} failed ({}); its output: {}", command[0], folder.string(), result.fate, log.string()));
  }
}

void build_own(const fs::path& source, const fs::path& build, const fs::path& object, const fs::path& log,
               const BuildOptions& options) {
  const auto environment = own_environment();
  const std::string flags =
      fmt::format("{} -ffile-prefix-map={}=.", compiler_flags(options), fs::absolute(source).string());
  step({"cmake", "-S", source.string(), "-B", build.string(), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        "-DVMBSAVE_CHECK=0", "-DVMBSAVE_BENCH=ON", "-DVMBSAVE_TESTS=OFF", "-DCMAKE_CXX_FLAGS=" + flags,
        fmt::format("-DCMAKE_MODULE_LINKER_FLAGS={}", fmt::join(options.link_flags, " "))},
       environment, source, log);
  step({"cmake", "--build", build.string(), "--target", "vmbsave_gate_entry"}, environment, source, log);
  fs::copy_file(build / kObject, object, fs::copy_options::overwrite_existing);
}

// Its own flags are its own affair; what is the same for both sides is that it is the same command.
void build_by_command(const fs::path& source, const fs::path& object, const fs::path& log,
                      const BuildOptions& options) {
  std::vector<std::string> environment = own_environment();
  environment.push_back("VMBS_GATE_OUT=" + fs::absolute(object).string());
  environment.push_back("VMBS_GATE_CXXFLAGS=" + compiler_flags(options));
  step({"sh", "-c", options.command}, environment, source, log);
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

Build build_worktree(const Git& git, const std::string& variant, const BuildOptions& options) {
  if (options.command.empty()) expect_entry(fs::exists(git.top() / kEntryFile), "the work tree");
  const fs::path folder = options.cache / (std::string(kWorktree) + "-" + variant);
  fs::create_directories(folder);
  const fs::path object = folder / "side.so";
  const fs::path log = folder / "build.log";
  fs::remove(log);
  fs::remove(object);
  build_object(git.top(), folder / "build", object, log, options);
  return {kWorktree, git.commit("HEAD"), "", object, false};
}

}  // namespace

std::string build_flags(const BuildOptions& options) {
  if (!options.command.empty()) return "by " + options.command;
  return fmt::format("Release, VMBSAVE_CHECK=0, {}; linker {}", compiler_flags(options),
                     fmt::join(options.link_flags, " "));
}

Build build_side(const Git& git, const std::string& name, const BuildOptions& options) {
  const std::string variant = short_hash(build_flags(options) + "\n" + compiler_version());
  if (name == kWorktree) return build_worktree(git, variant, options);
  const std::string commit = git.commit(name);
  if (options.command.empty())
    expect_entry(git.has_file(commit, kEntryFile), fmt::format("{} ({})", name, commit.substr(0, 12)));
  const fs::path kept = options.cache / fmt::format("{}-{}", commit, variant);
  Build build{name, commit, git.subject(commit), kept / "side.so", fs::exists(kept / "side.so")};
  if (build.was_kept) return build;
  const NewFolder folder(kept);
  const fs::path source = folder.path() / "source";
  fs::create_directory(source);
  git.unpack(commit, source);
  const fs::path log = options.cache / fmt::format("{}-{}.log", commit, variant);
  fs::remove(log);
  build_object(source, folder.path() / "build", folder.path() / "side.so", log, options);
  fs::remove_all(source);
  fs::remove_all(folder.path() / "build");
  folder.keep();
  return build;
}

}  // namespace vmbsave::gate
