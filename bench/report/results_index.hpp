// results_index.hpp: the list of the committed runs, as their folder's README has it.
#pragma once

#include <filesystem>
#include <string>

namespace vmbsave::report {

// `text` of the file `index` with what lies between the lines `<!-- runs -->` and `<!-- end of runs -->` replaced by a
// table of the runs in `results`, the newest first. Throws std::runtime_error, in one line, if the lines are not there
// once each, or if a run cannot be read.
std::string with_index(const std::filesystem::path& index, const std::string& text,
                       const std::filesystem::path& results);

}  // namespace vmbsave::report
