// verify.hpp: compares an image, byte for byte in every packet's state, with the requests that must be in it. Reads it
// with the engine's reader of chunks; what must be there comes from the requests alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "image/format.hpp"
#include "scenarios/vm/reference_state.hpp"
#include "vsp/vsp_kinds.hpp"

namespace vmbsave::bench {

// The requests in use on each channel of a domain, in order of arrival; behind them what the VSP sent, in order of
// sending, as the guest saw it.
using ExpectedChannels = std::vector<std::vector<VMBS_VSP_REQUEST>>;

// From the order in which they came into that order.
void put_receives_last(std::vector<VMBS_VSP_REQUEST>& requests);

// kLeftOut: of a save without them, whose checksum fields must then be zero.
enum class Checksums { kChecked, kLeftOut };

// An image from front to back, in pieces of whole chunks.
using Pieces = std::vector<std::span<const std::byte>>;

// What SavePacket gave for the expected packets, at the same places.
using State = std::vector<UINT8>;
using SavedStates = std::vector<std::vector<State>>;

// Of packets whose VSP has no reference_state: what their states are compared with, and where those of the image go.
// Where neither is given, they may be anything.
struct StatesOfVsp {
  const SavedStates* known = nullptr;
  SavedStates* found = nullptr;
};

// Empty if the image holds exactly the expected packets in the expected order; else the first difference, in one line.
std::string difference(std::span<const std::byte> image, const ExpectedChannels& expected, const VspKinds& vsps,
                       Checksums checksums = Checksums::kChecked, const StatesOfVsp& states = {});
std::string difference(const Pieces& image, const ExpectedChannels& expected, const VspKinds& vsps,
                       Checksums checksums = Checksums::kChecked, const StatesOfVsp& states = {});

// The same for the channels' streams one behind the other, without the image's own chunks.
std::string streams_difference(std::span<const std::byte> streams, const ExpectedChannels& expected,
                               const VspKinds& vsps, Checksums checksums, const StatesOfVsp& states = {});

// The same for one record: what the library kept of the packet, and `room` bytes from where the VSP's state lies.
// reference: where the VSP is asked; known: of a VSP without reference_state, or nullptr.
std::string record_difference(const image::LibBuf& lib, std::span<const std::byte> room,
                              const VMBS_VSP_REQUEST& request, const VMBS_VSP& vsp, ReferenceState& reference,
                              const State* known = nullptr);

}  // namespace vmbsave::bench
