// inspection_text.hpp: what an image holds, in words and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/image_inspection.hpp"

namespace vmbsave::cli {

std::string inspection_text(const InspectedImage& found);

// vmbsave-inspect-1, without what a restore says of it.
nlohmann::ordered_json inspection_json(const InspectedImage& found);

}  // namespace vmbsave::cli
