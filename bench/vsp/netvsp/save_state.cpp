#include "vsp/netvsp/save_state.hpp"

#include <cstring>

namespace vmbsave::netvsp {
namespace {

// What follows the head, one behind the other.
class Words {
 public:
  explicit Words(const std::byte* at) : at_(at) {}

  std::uint32_t next() {
    std::uint32_t word;
    std::memcpy(&word, at_, sizeof(word));
    at_ += sizeof(word);
    return word;
  }

 private:
  const std::byte* at_;
};

void append(std::byte*& at, std::uint32_t word) {
  std::memcpy(at, &word, sizeof(word));
  at += sizeof(word);
}

bool read_transmit(Words words, std::uint32_t size, PacketContext& context) {
  const std::uint32_t status = words.next();
  context = {PacketKind::kTransmit, static_cast<TransmitStatus>(status), 0, 0};
  return size == state_bytes(0) && status <= static_cast<std::uint32_t>(TransmitStatus::kDropped);
}

// The sections of one message lie side by side.
bool read_receive(Words words, std::uint32_t size, PacketContext& context) {
  const std::uint32_t sections = words.next();
  if (sections == 0 || sections > kMaxReceiveSections || size != state_bytes(sections)) return false;
  const std::uint32_t first = words.next();
  context = {PacketKind::kReceive, TransmitStatus::kInFlight, first, sections};
  bool side_by_side = true;
  for (std::uint32_t i = 1; i < sections; ++i) side_by_side = words.next() == first + i && side_by_side;
  return side_by_side && first < kReceiveSections && sections <= kReceiveSections - first;
}

}  // namespace

void write_state(const PacketContext& context, std::uint64_t transaction_id, void* out) {
  const bool is_receive = context.kind == PacketKind::kReceive;
  const StateHead head{is_receive ? kReceiveMagic : kTransmitMagic, kStateVersion,
                       static_cast<std::uint16_t>(state_bytes(context)), transaction_id};
  auto* at = static_cast<std::byte*>(out);
  std::memcpy(at, &head, sizeof(head));
  at += sizeof(head);
  append(at, is_receive ? context.sections : static_cast<std::uint32_t>(context.load_status()));
  for (std::uint32_t i = 0; is_receive && i < context.sections; ++i) append(at, context.first_section + i);
}

bool read_state(const void* state, std::uint32_t size, PacketContext& context, std::uint64_t& transaction_id) {
  if (size < state_bytes(0)) return false;
  StateHead head;
  std::memcpy(&head, state, sizeof(head));
  if (head.version != kStateVersion || head.size != size) return false;
  transaction_id = head.transaction_id;
  const Words words(static_cast<const std::byte*>(state) + sizeof(head));
  if (head.magic == kTransmitMagic) return read_transmit(words, size, context);
  return head.magic == kReceiveMagic && read_receive(words, size, context);
}

}  // namespace vmbsave::netvsp
