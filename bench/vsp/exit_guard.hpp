// exit_guard.hpp: a VSP that ends the process does not pass for a program that has done what it was asked for.
#pragma once

#include <string>

namespace vmbsave::bench {

// While it lives, exit and quick_exit say in one line which VSP it was and end the process with kBadInput, from any
// thread. Made before the VSP is loaded, destroyed after it was unloaded; one at a time. _exit is out of its reach.
class ExitGuard {
 public:
  // program: begins the line; file: the VSP's.
  ExitGuard(const std::string& program, const std::string& file);
  ~ExitGuard();
  ExitGuard(const ExitGuard&) = delete;

 private:
  const std::string line_;
};

}  // namespace vmbsave::bench
