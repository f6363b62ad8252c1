#include "report/page/glossary.hpp"

#include <fmt/format.h>

#include "report/page/html.hpp"

namespace vmbsave::page {
namespace {

struct Word {
  const char* word;
  const char* meaning;
};

constexpr Word kWords[] = {
    {"VSP", "Virtualization service provider: the host's side of a VMBus channel, such as storage or network."},
    {"packet in use",
     "A request of the guest that the VSP has taken and not yet completed. When a VM is saved, each one "
     "must be saved with the VSP's state for it."},
    {"save time", "From the beginning of a save until its image is complete."},
    {"cut", "The instant that a save describes: what was in use then is in the image."},
    {"blackout", "From the cut until completions that were held back are delivered: what the guest notices."},
    {"plan exact",
     "First every packet is asked for its size, then all are written one behind the other: an image that "
     "is the same byte for byte."},
    {"plan fused", "Each block of packets is sized and written at once, while it is in the cache."},
    {"engine, c_face", "The same engine, called through C++ and through the C interface."},
    {"copy_floor",
     "The floor: a copy of all bytes of the image from where they lie, with memory fetched ahead. Nobody "
     "can save faster who copies as much."},
    {"contract_floor",
     "The least that keeps to the contract: the two calls of the VSP for each packet, and nothing else."},
    {"documented_sequential",
     "The documented protocol, packet after packet: ask for the size, allocate, save, append, "
     "free."},
    {"x floor, x engine",
     "How many times as long as that, measured in turns within the same run; the numbers in "
     "brackets enclose the true median with 95 %."},
    {"p99", "99 of 100 samples are no larger. A percentile with fewer than 10 samples beyond it is not shown."},
    {"warm, cold, first_touch",
     "Packets and memory in the caches; flushed from them before each save; the image's memory "
     "given back before each save."},
    {"the others",
     "mutex_list, qemu_shape, openvmm_shape, flatbuffers, pmr_monotonic, malloc_per_packet, "
     "mimalloc_per_packet and tbb_scalable do the same work the way that other programs and libraries do "
     "it."},
};

}  // namespace

std::string glossary_html() {
  std::string html = "<dl class=\"words\">\n";
  for (const Word& word : kWords) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(word.word), escaped(word.meaning));
  }
  return html + "</dl>\n";
}

}  // namespace vmbsave::page
