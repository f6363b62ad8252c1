// marked_part.hpp: files of which one part is made, and the rest written.
#pragma once

#include <filesystem>
#include <string>

namespace vmbsave::report {

// `text` of `file` with `part` instead of what lies between the lines `<!-- NAME -->` and `<!-- end of NAME -->`.
// Throws std::runtime_error, in one line, if the lines are not there once each and in this order.
std::string with_marked_part(const std::filesystem::path& file, const std::string& text, const std::string& name,
                             const std::string& part);

}  // namespace vmbsave::report
