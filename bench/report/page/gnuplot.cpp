#include "report/page/gnuplot.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "harness/child.hpp"

namespace vmbsave::page {
namespace {

// The script as a file that only this process and its children see.
class ScriptFile {
 public:
  explicit ScriptFile(const std::string& script) : file_(memfd_create("figure", 0)) {
    if (file_ < 0 || write(file_, script.data(), script.size()) != static_cast<ssize_t>(script.size())) {
      throw std::runtime_error(fmt::format("no memory for a figure: {}", std::strerror(errno)));
    }
  }
  ~ScriptFile() { close(file_); }
  ScriptFile(const ScriptFile&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", file_); }

 private:
  int file_;
};

// What it says last: before that it shows the line that it stumbled on.
std::string complaint(const bench::ChildResult& result) {
  const std::size_t end = result.err.find_last_not_of("\n ");
  if (end == std::string::npos) return result.fate;
  const std::size_t begin = result.err.find_last_of('\n', end) + 1;
  return result.err.substr(begin, end + 1 - begin);
}

// Without the settings of whoever runs it.
bench::ChildResult gnuplot(const std::string& argument, std::chrono::seconds limit) {
  return bench::run_child({.arguments = {"gnuplot", "--default-settings", argument},
                           .environment = bench::own_environment(),
                           .limit = limit});
}

}  // namespace

bool has_gnuplot() {
  try {
    return gnuplot("--version", std::chrono::seconds(10)).exit_code == 0;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string run_gnuplot(const std::string& script) {
  const ScriptFile file(script);
  bench::ChildResult result = gnuplot(file.path(), std::chrono::seconds(60));
  if (result.exit_code != 0 || result.out.empty()) {
    throw std::runtime_error(fmt::format("gnuplot: {}", complaint(result)));
  }
  return std::move(result.out);
}

}  // namespace vmbsave::page
