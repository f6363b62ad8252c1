// readme_results.hpp: the part of the README that is made from the committed runs.
#pragma once

#include <filesystem>
#include <string>

namespace vmbsave::report {

// `text` of the file `readme` with what lies between the lines `<!-- results -->` and `<!-- end of results -->`
// replaced by the tables of the newest run in `results`, and, if it has a place for it, between `<!-- picture -->` and
// `<!-- end of picture -->` by the newest picture. Throws std::runtime_error, in one line, if such lines are not there
// once each, or if a run cannot be read.
std::string with_results(const std::filesystem::path& readme, const std::string& text,
                         const std::filesystem::path& results);

}  // namespace vmbsave::report
