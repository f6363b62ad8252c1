#include "gate/git.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "gate/child.hpp"

namespace vmbsave::gate {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

// What git says, without the last newline; absent: it failed.
std::optional<std::string> Git::ask(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"git", "--no-optional-locks", "-c", "safe.directory=*"});
  ChildResult result =
      run_child({.arguments = std::move(arguments), .environment = own_environment(), .folder = top_, .log = {}});
  if (result.exit_code != 0) return std::nullopt;
  if (!result.out.empty() && result.out.back() == '\n') result.out.pop_back();
  return result.out;
}

Git::Git(const fs::path& folder) : top_(folder) {
  const std::optional<std::string> top = ask({"rev-parse", "--show-toplevel"});
  if (!top) throw NoBase(fmt::format("{} is not in a git checkout: give --checkout", fs::absolute(folder).string()));
  top_ = *top;
}

std::optional<std::string> Git::find_commit(const std::string& name) const {
  if (name.empty() || name.front() == '-') return std::nullopt;
  return ask({"rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"});
}

std::string Git::commit(const std::string& name) const {
  if (const std::optional<std::string> commit = find_commit(name)) return *commit;
  if (is_shallow()) {
    throw NoBase(fmt::format("no commit '{}' in this shallow clone; run git fetch --unshallow", name));
  }
  throw std::invalid_argument(fmt::format("no commit '{}' in {}", name, top_.string()));
}

std::optional<std::string> Git::merge_base(const std::string& a, const std::string& b) const {
  return ask({"merge-base", a, b});
}

std::vector<std::string> Git::ancestors(const std::string& commit, std::size_t most) const {
  const auto list = ask({"rev-list", "--first-parent", "--skip=1", fmt::format("--max-count={}", most), commit});
  return list ? lines_of(*list) : std::vector<std::string>();
}

bool Git::has_file(const std::string& commit, const std::string& file) const {
  return ask({"cat-file", "-e", commit + ":" + file}).has_value();
}

std::string Git::subject(const std::string& commit) const {
  return ask({"log", "-1", "--format=%s", commit}).value_or("");
}

bool Git::is_shallow() const { return ask({"rev-parse", "--is-shallow-repository"}).value_or("") == "true"; }

std::vector<Git::Message> Git::messages(const std::string& base, const std::string& head) const {
  std::vector<Message> messages;
  const auto commits = ask({"rev-list", "--reverse", base + ".." + head});
  for (const std::string& commit : lines_of(commits.value_or(""))) {
    messages.push_back({commit, ask({"log", "-1", "--format=%B", commit}).value_or("")});
  }
  return messages;
}

void Git::unpack(const std::string& commit, const fs::path& folder) const {
  // In one shell, so that no archive lies anywhere; its failure on either end is a failure.
  const ChildResult result =
      run_child({.arguments = {"bash", "-c",
                               "set -o pipefail; git -c safe.directory='*' -C \"$1\" archive \"$2\" | tar -x -C \"$3\"",
                               "unpack", top_.string(), commit, folder.string()},
                 .environment = own_environment(),
                 .folder = {},
                 .log = {}});
  if (result.exit_code != 0) {
    throw std::runtime_error(fmt::format("cannot unpack {}: {}", commit, result.err.substr(0, result.err.find('\n'))));
  }
}

}  // namespace vmbsave::gate
