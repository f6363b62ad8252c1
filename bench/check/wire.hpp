// wire.hpp: an examination's results on their way to the parent process: a line of JSON each.
#pragma once

#include <string>

#include "vmbsave/verify.hpp"

namespace vmbsave::check {

std::string line_of(const verify::Finding& finding);   // found now; the report has it again
std::string line_of(const verify::Report& report);     // the last line
std::string line_of_name(const std::string& name);     // of the VSP, once it is loaded
std::string line_of_failure(const std::string& what);  // the last line: nothing could be examined

// What the lines have said.
struct Received {
  std::string name;
  std::string failure;
  verify::Report report;
};
// True: it was the last one. Throws nlohmann::json::exception for what is no line of these.
bool take_line(const std::string& line, Received& received);

}  // namespace vmbsave::check
