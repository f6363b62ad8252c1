#include "report/page/glossary.hpp"

#include <fmt/format.h>

#include "report/page/html.hpp"

namespace vmbsave::page {
namespace {

struct Word {
  const char* word;
  const char* meaning;
  const char* sign = "";  // what a page has that needs the word
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
     "The floor: a copy of every byte of the engine's image from where it lies, with all sizes and places known before "
     "and "
     "memory fetched ahead: hardly anything that saves these packets can be faster."},
    {"contract_floor",
     "The floor with the two calls of the VSP for each packet that the contract asks for. It is one way to make them "
     "and "
     "no limit: the engine's own rows may be a little below it.",
     "contract_floor"},
    {"beside fused",
     "Not a row of its own: by the ratio that was measured in turns beside each save of the fused plan, and by that "
     "plan's "
     "time.",
     "beside fused"},
    {"documented_sequential",
     "The documented protocol, packet after packet: ask for the size, allocate, save, append, "
     "free."},
    {"x floor, x engine, x copy, x fused save",
     "How many times as long as that, measured in turns within the same run; the numbers in "
     "brackets enclose the true median with 95 %."},
    {"x faster than documented",
     "How many times as long documented_sequential takes, measured likewise; tables in a terminal call it \u201cx "
     "faster "
     "than seq\u201d.",
     "x faster than documented"},
    {"p99", "99 of 100 samples are no larger. A percentile with fewer than 10 samples beyond it is not shown."},
    {"warm, cold, first_touch",
     "Packets and memory in the caches; flushed from them before each save; the image's memory "
     "given back before each save."},
    {"phases",
     "cut: what is in use is frozen; transit_wait: until threads that were receiving or delivering a packet are "
     "through; "
     "size: the VSPs are asked for sizes (exact plan); place: everything gets its place in the image; save: the VSPs "
     "write (exact plan, and what the fused plan found no room for at first); pass: both calls, block by block (fused "
     "plan); seal: the image's own parts; end: what was held back is delivered.",
     "phases\">"},
    {"roofline", "The most that the machine gives: a save copies memory too, and hardly any can be faster.",
     "roofline\">"},
    {"streaming", "A copy whose writes go past the caches; memcpy is the C library's.", "roofline\">"},
    {"send_rest, callbacks",
     "Parts of a transfer. send_rest: what of an image is sent when its save is over already; callbacks: VSPs get "
     "their "
     "packets back, after the check of what arrived.",
     "transfers\">"},
    {"pinned, open, flat_out, blackout",
     "Loads. pinned: the VSP's thread has one processor and a save of one thread the other; open: requests arrive at a "
     "fixed rate; flat_out: as fast as they are completed; blackout: 65,536 packets in use, each for 10 ms, and "
     "blackout_1ms for 1 ms.",
     "load\">"},
    {"deferred, lost",
     "Completions that waited for the end of a save; requests that were never completed, of which there may be none.",
     "load\">"},
    {"at_once, in_turn",
     "How all VMs of a host are saved. at_once: the cut of every VM first, then each thread saves the next VM; "
     "in_turn: "
     "one VM after the other, its cut when its turn comes.",
     "host\">"},
    {"the others",
     "mutex_list, qemu_shape, openvmm_shape, flatbuffers, pmr_monotonic, malloc_per_packet, "
     "mimalloc_per_packet and tbb_scalable do the same work the way that other programs and libraries do "
     "it."},
};

}  // namespace

std::string glossary_html(std::string_view page) {
  std::string html = "<dl class=\"words\">\n";
  for (const Word& word : kWords) {
    if (page.find(word.sign) == std::string_view::npos) continue;
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(word.word), escaped(word.meaning));
  }
  return html + "</dl>\n";
}

}  // namespace vmbsave::page
