// run_age.hpp: how far the engine has gone on since a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace vmbsave::report {

// How many commits between `commit` and HEAD of the git work tree that `source` lies in change what is measured: engine/
// without pages, comments, and what examines VSPs. Nothing where that is not known: no git, no work tree, or none that
// has this commit, as a shallow clone.
std::optional<std::uint64_t> engine_commits_since(const std::filesystem::path& source, const std::string& commit);

}  // namespace vmbsave::report
