#include "vsp/storvsp/save_state.hpp"

#include <cstring>

namespace vmbsave::storvsp {
namespace {

// Bounds everything that is read afterwards. One word of range would be one without a page.
bool is_sound(const StateHead& head, std::uint32_t size) {
  return head.magic == kStateMagic && head.version == kStateVersion && head.size == size && head.range_words != 1 &&
         head.range_words <= 1 + kMaxPages && state_bytes(static_cast<std::uint32_t>(head.range_words)) == size;
}

bool range_fits_words(const PacketContext& context) {
  if (context.range_words == 0) return true;
  return valid_pages(context.range.byte_offset, context.range.byte_count) == context.range_words - 1;
}

}  // namespace

void write_state(const PacketContext& context, void* out) {
  const std::uint32_t range_bytes = 8 * context.range_words;
  const StateHead head{kStateMagic, kStateVersion, static_cast<std::uint16_t>(state_bytes(context.range_words)),
                       context.transaction_id, context.range_words};
  auto* at = static_cast<std::byte*>(out);
  std::memcpy(at, &head, sizeof(head));
  std::memcpy(at + sizeof(head), &context.range, range_bytes);
  std::memcpy(at + sizeof(head) + range_bytes, &context.request, sizeof(context.request));
}

bool read_state(const void* state, std::uint32_t size, PacketContext& context) {
  if (size < state_bytes(0)) return false;
  StateHead head;
  std::memcpy(&head, state, sizeof(head));
  if (!is_sound(head, size)) return false;
  const auto* at = static_cast<const std::byte*>(state) + sizeof(head);
  context.transaction_id = head.transaction_id;
  context.range_words = static_cast<std::uint32_t>(head.range_words);
  std::memcpy(&context.range, at, 8 * context.range_words);
  std::memcpy(&context.request, at + 8 * context.range_words, sizeof(context.request));
  return range_fits_words(context) && is_valid(context);
}

}  // namespace vmbsave::storvsp
