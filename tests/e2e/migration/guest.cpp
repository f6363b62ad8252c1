#include "e2e/migration/guest.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "vsp/storvsp/storvsp.h"

namespace vmbsave::migration {

void Findings::add(std::uint64_t& kind, const std::string& what) {
  ++kind;
  if (first.empty()) first = what;
}

Guest::Guest(Shared& shared, const std::vector<GuestRequest>& requests, std::uint64_t seed)
    : shared_(shared),
      requests_(requests),
      slots_(requests.size()),
      free_pages_(kPages),
      generations_(kDiskBytes / kBlockBytes),
      busy_(kDiskBytes / kBlockBytes),
      passed_over_(kDiskBytes / kBlockBytes) {
  std::iota(free_pages_.begin(), free_pages_.end(), kFirstPage);
  std::shuffle(free_pages_.begin(), free_pages_.end(), std::mt19937_64(seed));
}

void Guest::set_depth(std::uint32_t depth) noexcept {
  if (depth > kDepth) return;
  depth_ = depth;
  look_again_ = true;
}

bool Guest::pump() {
  const bool received = receive();
  return send_some() || received;
}

void Guest::reset() {
  (void)receive();  // what the dead host had completed is complete
  for (SharedChannel& channel : shared_.channels) {
    channel.to_host.reset();
    channel.to_guest.reset();
  }
  ++epoch_;
  for (std::uint32_t index = 0; index < requests_.size(); ++index) {
    if (slots_[index].state != State::kUnderWay) continue;
    send(index);
    ++sent_again_;
  }
}

// ---- sending ----

template <class Visit>
void Guest::for_each_block(const GuestRequest& request, Visit&& visit) const {
  if (request.fails) return;  // beyond the disk
  for (std::uint64_t block = request.block; block < request.block + request.blocks; ++block) visit(block);
}

bool Guest::may_start(std::uint32_t index) const {
  const GuestRequest& request = requests_[index];
  bool free = on_channel_[request.channel] < depth_;
  for_each_block(request,
                 [&](std::uint64_t block) { free = free && busy_[block] == 0 && passed_over_[block] != scan_; });
  return free;
}

// In the trace's order but for what has to wait; what lies on the blocks of a waiting one waits behind it, so that each
// block sees its requests in the trace's order whatever the hosts do.
bool Guest::send_some() {
  constexpr std::size_t kWindow = 1024;
  if (!look_again_) return false;
  look_again_ = false;
  ++scan_;
  while (waiting_.size() < kWindow && next_ < requests_.size()) waiting_.push_back(next_++);
  const std::size_t before = waiting_.size();
  std::deque<std::uint32_t> still;
  for (const std::uint32_t index : waiting_) {
    if (may_start(index)) {
      start(index);
      continue;
    }
    for_each_block(requests_[index], [&](std::uint64_t block) { passed_over_[block] = scan_; });
    still.push_back(index);
  }
  waiting_.swap(still);
  look_again_ = waiting_.size() < before && next_ < requests_.size();
  return waiting_.size() < before;
}

void Guest::start(std::uint32_t index) {
  const GuestRequest& request = requests_[index];
  Slot& slot = slots_[index];
  const std::uint32_t bytes = request.blocks * kBlockBytes;
  const std::uint64_t count = storvsp::page_count(request.first_byte, bytes);
  slot.pages.assign(free_pages_.end() - static_cast<std::ptrdiff_t>(count), free_pages_.end());
  free_pages_.resize(free_pages_.size() - count);
  slot.state = State::kUnderWay;
  for_each_block(request, [&](std::uint64_t block) { busy_[block] = 1; });
  ++on_channel_[request.channel];
  deepest_ = std::max(deepest_, ++under_way_);
  send(index);
}

void Guest::send(std::uint32_t index) {
  const GuestRequest& request = requests_[index];
  for (std::uint32_t i = 0; i < request.blocks; ++i) {
    if (request.write) {
      stamp(data_block(index, i), request.block + i, generation_of(index));
    } else {
      spoil(data_block(index, i));
    }
  }
  VMBS_VSP_REQUEST asked{};
  asked.record = index;
  asked.lba = request.block;
  asked.tag = index;
  asked.bytes = request.blocks * kBlockBytes;
  asked.first_byte = request.first_byte;
  asked.operation = request.write ? VMBS_VSP_WRITE : VMBS_VSP_READ;
  Submission submission{transaction_of(index), {}};
  if (!NT_SUCCESS(vmbs_vsp_storvsp()->encode(nullptr, &asked, &submission.packet)))
    throw std::runtime_error("encode failed");
  const std::vector<std::uint64_t>& pages = slots_[index].pages;
  std::copy(pages.begin(), pages.end(), submission.packet.pages);
  if (!shared_.channels[request.channel].to_host.push(submission)) throw std::runtime_error("a full ring");
  shared_.host_bell.ring();
}

Block Guest::data_block(std::uint32_t index, std::uint32_t number) {
  const std::uint32_t at = requests_[index].first_byte + number * kBlockBytes;
  return Block(shared_.page(slots_[index].pages[at / kPageBytes]) + at % kPageBytes, kBlockBytes);
}

// ---- completions ----

bool Guest::receive() {
  bool any = false;
  for (SharedChannel& channel : shared_.channels) {
    while (const Completion* const completion = channel.to_guest.peek()) {
      complete(*completion);
      channel.to_guest.consume();
      any = true;
    }
  }
  look_again_ = look_again_ || any;
  return any;
}

void Guest::complete(const Completion& completion) {
  const std::uint64_t number = completion.transaction_id & UINT32_MAX;
  const bool known = number != 0 && number <= requests_.size() && completion.transaction_id >> 32 == epoch_;
  if (!known || slots_[number - 1].state != State::kUnderWay) {
    findings_.add(findings_.doubled, "a completion of transaction " + std::to_string(completion.transaction_id) +
                                         (known ? ", which is not under way" : ", which is of before a reset"));
    return;
  }
  const auto index = static_cast<std::uint32_t>(number - 1);
  const GuestRequest& request = requests_[index];
  storvsp::VstorPacket reply{};
  std::memcpy(&reply, completion.bytes.data(), sizeof reply);
  if (completion.length != sizeof reply) reply = {};
  check_reply(request, index, reply);
  for (std::uint32_t i = 0; !request.fails && i < request.blocks; ++i) {
    if (request.write) {
      generations_[request.block + i] = generation_of(index);
    } else {
      check(data_block(index, i), request.block + i, "read");
    }
  }
  Slot& slot = slots_[index];
  slot.state = State::kDone;
  free_pages_.insert(free_pages_.end(), slot.pages.begin(), slot.pages.end());
  for_each_block(request, [&](std::uint64_t block) { busy_[block] = 0; });
  --on_channel_[request.channel];
  --under_way_;
  ++completed_;
}

void Guest::check_reply(const GuestRequest& request, std::uint32_t index, const storvsp::VstorPacket& reply) {
  const auto status = static_cast<std::uint32_t>(request.fails ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
  const std::uint8_t srb_status = request.fails ? storvsp::kSrbError : storvsp::kSrbSuccess;
  const std::uint32_t bytes = request.fails ? 0 : request.blocks * kBlockBytes;
  const bool good = reply.operation == storvsp::kCompleteIo && reply.status == status &&
                    reply.request.srb_status == srb_status && reply.request.data_transfer_length == bytes &&
                    reply.request.queue_sort_key == index;
  if (!good)
    findings_.add(findings_.wrong, "request " + std::to_string(index) + " has another's status, or a wrong one");
}

void Guest::check(ConstBlock bytes, std::uint64_t block, const char* where) {
  const Generation expected = generations_[block];
  const std::optional<Generation> found = read_stamp(bytes, block);
  if (found == expected) return;
  const std::string what = std::string(where) + ": block " + std::to_string(block) + " must hold write " +
                           std::to_string(expected) + " and holds ";
  if (!found.has_value()) {
    findings_.add(findings_.wrong, what + "no write of its own");
  } else {
    findings_.add(*found < expected ? findings_.old : findings_.wrong, what + std::to_string(*found));
  }
}

}  // namespace vmbsave::migration
