// image_sender.hpp: runs a save and sends its image to a sink meanwhile, a channel at a time, as each is complete.
#pragma once

#include <cstdint>

#include "save/session.hpp"
#include "vmbsave/io.hpp"

namespace vmbsave::io {

// How an image is sent.
struct SendOptions {
  bool meanwhile = true;  // false: when the save is over
};

// What became of it.
struct SendReport {
  Status status = Status::kSuccess;      // of the save, or else of the sink
  IoError io{};                          // of the sink
  std::uint64_t bytes = 0;               // sent
  std::uint64_t save_ns = 0;             // of the save
  std::uint64_t send_ns = 0;             // from the start until the sink had all
  std::uint32_t channels_meanwhile = 0;  // sent, or begun, before the save was over
  std::uint64_t peak_bytes = 0;          // of memory: the session's and the sink's
};

// In place of session.save(), of a session that has begun; session.end() is due as ever. kSuccess: the sink is finished
// and has the whole image. Else it is abandoned: nobody takes what was sent for an image, but after kSyncDirectory. A
// sink that fails does not stop the save. Takes one thread more while it sends.
//
// Past the save's deadline, when it is cancelled or has failed, the sink no longer waits for another end that takes
// nothing (Sink::set_patience, which is this call's until it returns): kIoTimeout or kCancelled even if all packets
// were saved in time. The save is then complete, and send_image may send it.
SendReport save_to(save::SaveSession& session, Sink& sink, const SendOptions& options = {}) noexcept;

// The same for a save that is complete, however late it is: as long as the sink waits.
SendReport send_image(const save::SaveSession& session, Sink& sink) noexcept;

}  // namespace vmbsave::io
