// suggestion.hpp: the known word that somebody may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmbsave::bench {

// "" if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace vmbsave::bench
