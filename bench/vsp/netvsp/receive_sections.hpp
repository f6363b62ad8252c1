// receive_sections.hpp: which of a vNIC's receive sections one channel has taken.
#pragma once

#include <cstdint>

#include "vsp/netvsp/section_map.hpp"
#include "vsp/netvsp/vnic.hpp"

namespace vmbsave::netvsp {

// Kept beside the packets that hold them, so that what a failed restore or an abrupt end leaves behind is given back:
// the library drops such packets and tells nobody. Identity: each section taken here is taken in the vNIC's map, and in
// no other channel's. Any thread, but for give_all.
class ReceiveSections {
 public:
  explicit ReceiveSections(Vnic& vnic) : vnic_(vnic) {}

  // As SectionMap::take.
  std::uint32_t take(std::uint32_t count) {
    const std::uint32_t first = vnic_.receive_sections.take(count);
    if (first != kNoSection) own(first, count);
    return first;
  }

  // Exactly these. False: one is out of range or taken, and nothing has changed.
  bool claim(std::uint32_t first, std::uint32_t count) {
    std::uint32_t claimed = 0;
    while (claimed < count && vnic_.receive_sections.take_one(first + claimed)) ++claimed;
    if (claimed == count) {
      own(first, count);
      return true;
    }
    vnic_.receive_sections.give(first, claimed);
    return false;
  }

  // Disowned first: as soon as they are given they may be another channel's.
  void give(std::uint32_t first, std::uint32_t count) {
    owned_.give(first, count);
    vnic_.receive_sections.give(first, count);
  }

  // While no other thread uses the channel.
  void give_all() {
    owned_.for_each_taken([this](std::uint32_t section) { give(section, 1); });
  }

 private:
  void own(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t section = first; section < first + count; ++section) (void)owned_.take_one(section);
  }

  Vnic& vnic_;
  SectionMap<kReceiveSections> owned_;
};

}  // namespace vmbsave::netvsp
