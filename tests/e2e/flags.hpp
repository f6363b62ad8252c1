// flags.hpp: which commands a line names, with which flags, and which flags the programs' own help knows.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace vmbsave::tests {

struct Named {
  std::string program;  // "vmbsave gate", "bench/run"; "" if a line names none
  std::string flag;     // "--base", "-o"
};

// Of the text of a command line, of prose with commands in it, or of one flag alone. Programs that are not the
// project's are left out with their flags.
std::vector<Named> flags_in(const std::string& line);

// What each program's --help has in front of what it says of its options. Asks each program once.
class KnownFlags {
 public:
  explicit KnownFlags(std::string root);  // the source folder, where the scripts are

  // Empty, or why there is no such flag.
  std::string fault(const Named& named);

 private:
  const std::set<std::string>& of(const std::string& program);
  bool anywhere(const std::string& flag);

  std::string root_;
  std::map<std::string, std::set<std::string>> known_;
  std::set<std::string> schedules_;  // has no --help: as its source compares them
};

// The subcommands that `vmbsave [COMMAND] --help` lists: "bench", "gate".
std::vector<std::string> listed_commands(const std::string& help);

std::string help_of(const std::string& root, const std::string& program);

}  // namespace vmbsave::tests
