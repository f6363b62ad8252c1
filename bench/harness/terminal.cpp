#include "harness/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace vmbsave::bench {
namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Of the terminal; 0: it is none, or does not say.
unsigned window_columns(int descriptor) {
  winsize window{};
  return ioctl(descriptor, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
}

}  // namespace

bool is_live_terminal(int descriptor) { return isatty(descriptor) == 1 && variable("TERM") != "dumb"; }

unsigned terminal_columns(int descriptor, unsigned otherwise) {
  constexpr unsigned kLeast = 20;
  constexpr unsigned kMost = 500;
  const std::string_view text = variable("COLUMNS");
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) value = window_columns(descriptor);
  return value >= kLeast && value <= kMost ? value : otherwise;
}

bool wants_colour(int descriptor) { return is_live_terminal(descriptor) && variable("NO_COLOR").empty(); }

}  // namespace vmbsave::bench
