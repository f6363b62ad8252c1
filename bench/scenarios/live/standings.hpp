// standings.hpp: how far the VSP is with each request, for who wants to know what a cut must have found.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace vmbsave::bench {

enum class RequestStage : std::uint8_t {
  kNone,
  kSubmitted,  // ProcessPacket has it
  kAnswering,  // its completion goes to the library, or has gone
  kAnswered,   // it has
};

// The last request of a slot: its transaction id, and its stage.
struct Standing {
  std::uint64_t transaction_id = 0;
  RequestStage stage = RequestStage::kNone;
  bool operator==(const Standing&) const = default;
};

// The VSP's thread writes, any thread reads. A word says both, so that no reader sees one request's stage with
// another's id; whoever reads a stage sees what was done before it, and the cut's own operations on the packets order
// it against the cut.
class Standings {
 public:
  explicit Standings(std::uint32_t slots) : words_(slots) {}

  void note(std::uint32_t slot, Standing standing) noexcept {
    words_[slot].store(standing.transaction_id << kStageBits | static_cast<std::uint64_t>(standing.stage),
                       std::memory_order_release);
  }
  // As of now, slot by slot. `standings` has room for all.
  void read(std::vector<Standing>& standings) const noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t word = words_[i].load(std::memory_order_acquire);
      standings[i] = {word >> kStageBits, static_cast<RequestStage>(word & ((1u << kStageBits) - 1))};
    }
  }
  std::size_t slots() const noexcept { return words_.size(); }

 private:
  static constexpr unsigned kStageBits = 2;
  std::vector<std::atomic<std::uint64_t>> words_;
};

}  // namespace vmbsave::bench
