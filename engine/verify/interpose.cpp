#include "verify/interpose.hpp"

#include <utility>

#include "kmcl/channel.hpp"
#include "verify/subject.hpp"

namespace vmbsave::verify {
namespace {

NTSTATUS on_save(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size, PUINT32 bytes_needed) {
  Endpoint& endpoint = endpoint_of(channel);
  Course& course = endpoint.subject().course();
  const Call call = save_buf_size == 0 ? Call::kSizing : Call::kSaving;
  const Inside inside(course.journals.lane(0),
                      place_of(call, 0, name_of(endpoint.number(), *packet::from_handle(packet))));
  ++course.calls;
  return endpoint.save_packet(channel, packet, save_buf, save_buf_size, bytes_needed);
}

NTSTATUS on_restore(VMBCHANNEL channel, PVOID lib_buf, UINT32 lib_buf_size, PVOID save_buf, UINT32 save_buf_size) {
  return endpoint_of(channel).subject().restores().call(*channel,
                                                        {static_cast<const std::byte*>(lib_buf), lib_buf_size},
                                                        {static_cast<const std::byte*>(save_buf), save_buf_size});
}

}  // namespace

// A channel's transport belongs to whoever opens it, which is the endpoint too: until then nobody else uses its place.
void interpose(VMBCHANNEL channel, Endpoint& endpoint) noexcept {
  channel->transport_context = &endpoint;
  endpoint.save_packet = std::exchange(channel->config.save_packet, on_save);
  endpoint.restore_packet = std::exchange(channel->config.restore_packet, on_restore);
}

Endpoint& endpoint_of(VMBCHANNEL channel) noexcept { return *static_cast<Endpoint*>(channel->transport_context); }

}  // namespace vmbsave::verify
