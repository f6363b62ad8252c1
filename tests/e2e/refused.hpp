// refused.hpp: what the tool says of a command line that it can do nothing with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "e2e/program.hpp"

namespace vmbsave::tests {

// Exit code 2 and one line, "vmbsave COMMAND: what; what to do".
inline void expect_one_refusal(const Outcome& outcome, const std::string& arguments, const std::string& words = "") {
  EXPECT_EQ(outcome.exit_code, 2) << arguments << "\n" << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << arguments << "\n" << outcome.out;
  const std::string command = arguments.substr(0, arguments.find_first_of(" '"));
  const bool is_known = outcome.out.starts_with("vmbsave " + command);
  EXPECT_TRUE(is_known || outcome.out.starts_with("vmbsave: ")) << arguments << "\n" << outcome.out;
  EXPECT_NE(outcome.out.find("; "), std::string::npos) << arguments << "\n" << outcome.out;
  EXPECT_NE(outcome.out.find(words), std::string::npos) << arguments << "\n" << outcome.out;
}

}  // namespace vmbsave::tests
