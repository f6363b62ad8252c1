// build.hpp: makes the shared object of a side, out of its tree, and keeps those of commits.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gate/git.hpp"

namespace vmbsave::gate {

inline constexpr const char* kWorktree = "worktree";  // instead of a commit: the files as they are

struct BuildOptions {
  std::filesystem::path cache;           // objects of commits, by commit and flags
  std::string command;                   // empty: this project's own; else a shell's, see gate --help
  std::vector<std::string> definitions;  // more of the compiler's, such as "VMBS_GATE_SLOWDOWN_PERCENT=5"
  std::vector<std::string> flags;        // more of the compiler's
  std::vector<std::string> link_flags;   // more of the linker's
};

struct Build {
  std::string name;    // as it was asked for
  std::string commit;  // of kWorktree the one that it is based on
  std::string subject;
  std::filesystem::path object;
};

// Throws NoBase: a commit without the entry. std::runtime_error: it does not build; the log is named.
Build build_side(const Git& git, const std::string& name, const BuildOptions& options);

std::string object_bytes(const Build& build);

// The compiler's flags that each side gets, as they stand in a report.
std::string build_flags(const BuildOptions& options);

}  // namespace vmbsave::gate
