// check.hpp: what an implementation saved against the reference packets of its rig. Each function gives an empty
// string, or the first difference in one line.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "save/image_view.hpp"

namespace vmbsave::bench {

class Rig;

// Of an image in the engine's format, in one piece or in several.
std::string image_difference(const Rig& rig, std::span<const std::byte> image, bool checksum);
std::string image_difference(const Rig& rig, const save::ImageView& image, bool checksum);

// Of the channels' streams alone, one behind the other.
std::string streams_difference(const Rig& rig, std::span<const std::byte> streams, bool checksum);

// Of records alone, channel by channel in order of arrival, one behind the other.
std::string records_difference(const Rig& rig, std::span<const std::byte> records);

// The same of records that lie anywhere.
using Records = std::vector<std::span<const std::byte>>;
std::string records_difference(const Rig& rig, const Records& records);

}  // namespace vmbsave::bench
