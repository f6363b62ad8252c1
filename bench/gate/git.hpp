// git.hpp: what the gate asks git.
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace vmbsave::gate {

// No answer, or none that can be used: there is nothing to compare with. One line, with what to do.
struct NoBase : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// By which it is known whether a commit has the gate's entry.
inline constexpr const char* kEntryFile = "bench/gate/entry/entry.cpp";

class Git {
 public:
  // The checkout that `folder` lies in. Throws NoBase: there is none.
  explicit Git(const std::filesystem::path& folder);

  const std::filesystem::path& top() const noexcept { return top_; }

  // The commit that a name means. Throws std::invalid_argument; in a shallow clone, NoBase.
  std::string commit(const std::string& name) const;
  std::optional<std::string> find_commit(const std::string& name) const;
  std::optional<std::string> merge_base(const std::string& a, const std::string& b) const;
  // From the commit's parent back, by first parents; at most so many.
  std::vector<std::string> ancestors(const std::string& commit, std::size_t most) const;
  bool has_file(const std::string& commit, const std::string& file) const;
  std::string subject(const std::string& commit) const;
  bool is_shallow() const;

  struct Message {
    std::string commit;
    std::string text;
  };
  // Of the commits that `head` has and `base` has not, oldest first.
  std::vector<Message> messages(const std::string& base, const std::string& head) const;

  // The files of a commit, into an empty folder. Throws std::runtime_error.
  void unpack(const std::string& commit, const std::filesystem::path& folder) const;

 private:
  std::optional<std::string> ask(std::vector<std::string> arguments) const;

  std::filesystem::path top_;
};

}  // namespace vmbsave::gate
