// calls_saves.cpp: the steps of a program that save and restore.
#include <algorithm>
#include <utility>

#include "fuzz/calls_program.hpp"
#include "fuzz/calls_room.hpp"

namespace vmbsave::fuzz {

void Program::save_begin(unsigned l) {
  CallsLine& line = *lines_[l];
  const bool is_cut = !is_saving(l);
  const NTSTATUS status = VmbChannelSaveBegin(line.channel);
  require_one_of(status, {STATUS_SUCCESS, STATUS_DEVICE_BUSY, STATUS_INVALID_DEVICE_STATE}, "SaveBegin");
  if (status != STATUS_SUCCESS) return;
  for (unsigned i = 0; is_cut && i < kLines; ++i) {
    if (one_vm_ || i == l) lines_[i]->cut = lines_[i]->in_use();
  }
  line.saving = true;
  line.broken = false;
  line.saved.clear();
  done_[l] = false;
  required_[l] = 0;
}

// A buffer that is none, odd, exactly what was required, or for all of it.
std::size_t Program::room_bytes(unsigned l) {
  switch (byte() % 4) {
    case 0:
      return byte();
    case 1:
      return word() % 5000;
    case 2:
      return required_[l];
    default:
      return 1u << 15;
  }
}

void Program::save_continue(unsigned l) {
  CallsLine& line = *lines_[l];
  const std::size_t bytes = room_bytes(l);
  CallsRoom room(bytes, byte() % 3 * 8);
  ULONG filled = 77;
  ULONG required = 77;
  const NTSTATUS status = VmbChannelSaveContinue(line.channel, room.data(), room.size(), &filled, &required);
  room.require_guards();
  require(filled <= room.size(), "no more is filled than there is room for");
  switch (status) {
    case STATUS_SUCCESS:
      require(filled != 0 && required == 0, "a save that is complete requires nothing");
      break;
    case STATUS_BUFFER_OVERFLOW:
      require(filled != 0 && required > room.size() - filled, "what follows did not fit");
      break;
    case STATUS_BUFFER_TOO_SMALL:
      require(filled == 0 && required > room.size(), "the first chunk did not fit");
      break;
    default:
      return refused(line, status, filled);
  }
  required_[l] = required;
  line.saved.insert(line.saved.end(), room.data(), room.data() + filled);
  if (status == STATUS_SUCCESS) save_done(l);
}

void Program::refused(CallsLine& line, NTSTATUS status, ULONG filled) {
  require_one_of(status,
                 {STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_QUOTA_EXCEEDED,
                  STATUS_INVALID_DEVICE_REQUEST, STATUS_UNHANDLED_EXCEPTION, STATUS_UNSUCCESSFUL},
                 "SaveContinue");
  require(filled == 0, "a failed call fills nothing");
  if (status != STATUS_INVALID_DEVICE_STATE) line.broken = true;
}

void Program::save_done(unsigned l) {
  CallsLine& line = *lines_[l];
  require(!line.broken, "a save that has failed stays so");
  done_[l] = true;
  CallsStream stream(line.saved);
  require(stream.packets == line.cut, "what was in use at the cut is saved, each packet once");
  constexpr std::size_t kMostStreams = 4;
  if (streams_.size() == kMostStreams) streams_.pop_front();
  streams_.push_back(std::move(stream));
}

void Program::save_end(unsigned l) {
  VmbChannelSaveEnd(lines_[l]->channel);
  save_ended(l);
}

// With the VM's last one, what waited for it happens.
void Program::save_ended(unsigned l) {
  lines_[l]->saving = false;
  if (is_saving(l)) return;
  for (unsigned i = 0; i < kLines; ++i) {
    if (!leaving_[i] || is_saving(i)) continue;
    leaving_[i] = false;
    require(lines_[i]->ended(), "at the end of a save, what a leaving channel has sent or completed is over");
    lines_[i]->emptied();
  }
}

// ---- a restore ----

void Program::restore(CallsLine& line) {
  const unsigned how = byte();
  const std::size_t which = byte();
  const std::size_t at = word();
  if (streams_.empty()) return;
  const CallsStream& stream = streams_[which % streams_.size()];
  switch (how % 5) {
    case 0:
      return restored(line, stream, feed(line, stream, 0, stream.bytes.size()), false);
    case 1:
      return restored(line, stream, feed_chunks(line, stream, stream.ends.size()), false);
    case 2:
      return restored(line, stream, feed_chunks(line, stream, at % stream.ends.size()), false);  // not all of it
    case 3:
      return restored(line, stream, feed(line, stream, 0, at % stream.bytes.size()), false);
    default:
      return damaged(line, stream, at);
  }
}

NTSTATUS Program::feed(CallsLine& line, const CallsStream& stream, std::size_t first, std::size_t end) {
  std::vector<UINT8> piece(stream.bytes.begin() + static_cast<std::ptrdiff_t>(first),
                           stream.bytes.begin() + static_cast<std::ptrdiff_t>(end));
  const NTSTATUS status = line.restore(piece.data(), static_cast<ULONG>(piece.size()));
  std::fill(piece.begin(), piece.end(), UINT8{0xAA});  // the caller's again
  return status;
}

NTSTATUS Program::feed_chunks(CallsLine& line, const CallsStream& stream, std::size_t chunks) {
  NTSTATUS status = STATUS_MORE_PROCESSING_REQUIRED;
  std::size_t first = 0;
  for (std::size_t c = 0; c < chunks && status == STATUS_MORE_PROCESSING_REQUIRED; first = stream.ends[c++]) {
    status = feed(line, stream, first, stream.ends[c]);
  }
  return status;
}

void Program::damaged(CallsLine& line, const CallsStream& stream, std::size_t at) {
  CallsStream copy = stream;
  copy.bytes[at % copy.bytes.size()] ^= 1;
  restored(line, stream, feed(line, copy, 0, copy.bytes.size()), true);
}

void Program::restored(CallsLine& line, const CallsStream& stream, NTSTATUS status, bool is_damaged) {
  switch (status) {
    case STATUS_SUCCESS:
      require(!is_damaged && stream.sealed, "nothing damaged restores");
      return require(line.in_use() == stream.packets, "what was saved is in use again");
    case STATUS_MORE_PROCESSING_REQUIRED:
    case STATUS_INVALID_DEVICE_STATE:
    case STATUS_INVALID_PARAMETER_2:
    case STATUS_DEVICE_BUSY:
      return;  // nothing has changed
    default:
      require_one_of(status,
                     {STATUS_INVALID_IMAGE_FORMAT, STATUS_REVISION_MISMATCH, STATUS_INVALID_BUFFER_SIZE,
                      STATUS_CRC_ERROR, STATUS_DATA_ERROR, STATUS_QUOTA_EXCEEDED, STATUS_UNSUCCESSFUL},
                     "RestoreFromBuffer");
  }
}

}  // namespace vmbsave::fuzz
