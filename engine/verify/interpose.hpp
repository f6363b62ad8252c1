// interpose.hpp: this library's functions in place of a VSP's callbacks.
#pragma once

#include "verify/endpoint.hpp"

namespace vmbsave::verify {

// Between configure and Enable. The endpoint keeps what the VSP registered, and outlives the channel.
void interpose(VMBCHANNEL channel, Endpoint& endpoint) noexcept;

}  // namespace vmbsave::verify
