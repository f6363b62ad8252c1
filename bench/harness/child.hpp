// child.hpp: a program that is run to its end, with an environment of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace vmbsave::bench {

struct ChildSpec {
  std::vector<std::string> arguments;    // the first one is the program, looked up in PATH
  std::vector<std::string> environment;  // NAME=VALUE, and nothing else
  std::filesystem::path folder = {};     // empty: this process's
  std::filesystem::path log = {};        // both outputs go to the end of this file; empty: they are given back
  std::chrono::seconds limit{120};       // after which it is killed
};

struct ChildResult {
  int exit_code = -1;  // -1: it did not end by itself
  std::string fate;    // "exit code 3", "signal 11 (Segmentation fault)", "killed after 120 s"
  std::string out;
  std::string err;
};

// Throws std::runtime_error if it can't be started.
ChildResult run_child(const ChildSpec& spec);

// In one line: its fate, and the first line of what it complained of.
std::string failure_text(const ChildResult& result);

// From here on, a signal that ends the program ends the child that runs first, with all that it started; run_child then
// throws Interrupted, and what was being made is removed on the way out.
struct Interrupted : std::runtime_error {
  explicit Interrupted(int number);
  int number;
};
void watch_for_interrupts();
void throw_if_interrupted();

// The group of the child that runs; 0: none. For whoever ends the program from a signal handler.
pid_t running_child() noexcept;

// This process's environment.
std::vector<std::string> own_environment();

}  // namespace vmbsave::bench
