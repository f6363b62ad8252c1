#include "cli/trace_kept.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "trace/blktrace_files.hpp"

namespace vmbsave::cli {
namespace {

namespace fs = std::filesystem;

void expect_kept(const char* option, const fs::path& input, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::error_code none;
    if (fs::equivalent(file, input, none)) {
      throw std::runtime_error(fmt::format("{} {} would write over the trace {}", option, file, input.string()));
    }
  }
}

}  // namespace

void expect_trace_kept(const char* option, const std::string& trace, const std::vector<std::string>& files) {
  std::error_code none;
  if (files.empty()) return;
  expect_kept(option, trace, files);
  if (fs::status(trace, none).type() == fs::file_type::not_found) {
    for (const fs::path& file : trace::blktrace_files(trace)) expect_kept(option, file, files);
  }
  if (!fs::is_directory(trace, none)) return;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(trace, none))
    expect_kept(option, entry, files);
}

}  // namespace vmbsave::cli
