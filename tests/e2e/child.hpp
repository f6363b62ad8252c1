// child.hpp: the tool as a process of its own, to which signals are sent, or which has a terminal.
#pragma once

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace vmbsave::tests {

// Both outputs of it, and its end.
class Child {
 public:
  // environment: "NAME=value".
  static Child on_terminal(const std::vector<std::string>& words, const std::vector<std::string>& environment) {
    Child child;
    child.pid_ = forkpty(&child.output_, nullptr, nullptr, nullptr);
    if (child.pid_ == 0) become(words, environment);
    return child;
  }

  static Child on_pipe(const std::vector<std::string>& words, const std::vector<std::string>& environment = {}) {
    Child child;
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    child.pid_ = fork();
    if (child.pid_ == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      dup2(pipe_ends[1], STDERR_FILENO);
      close(pipe_ends[0]);
      become(words, environment);
    }
    close(pipe_ends[1]);
    child.output_ = pipe_ends[0];
    return child;
  }

  // Until it has a handler for SIGTERM, as `program`: at most half a minute.
  void await_handler(const std::string& program) const {
    for (int i = 0; i < 30'000 && !has_handler(program); ++i) usleep(1'000);
  }

  void signal(int number) const { kill(pid_, number); }

  // Everything that it writes until it ends; then exit_code is known.
  std::string await() {
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t got; (got = read(output_, buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    close(output_);
    int status = 0;
    waitpid(pid_, &status, 0);
    if (WIFEXITED(status)) exit_code_ = WEXITSTATUS(status);
    return text;
  }

  int exit_code() const noexcept { return exit_code_; }

 private:
  [[noreturn]] static void become(const std::vector<std::string>& words, const std::vector<std::string>& environment) {
    for (const char* const name : {"COLUMNS", "NO_COLOR", "TERM"}) unsetenv(name);
    for (const std::string& variable : environment) putenv(const_cast<char*>(variable.c_str()));
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  bool has_handler(const std::string& program) const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    bool is_program = false;
    for (std::string line; std::getline(status, line);) {
      if (line == "Name:\t" + program) is_program = true;
      if (line.starts_with("SigCgt:")) {
        return is_program && (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
      }
    }
    return false;
  }

  pid_t pid_ = -1;
  int output_ = -1;
  int exit_code_ = -1;
};

}  // namespace vmbsave::tests
