// step.cpp: a save that stands still before each call of SavePacket. A function of this library takes SavePacket's
// place while the calls are made, so that saves in no steps pay nothing for it.
#include "vmbsave/step.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "kmcl/channel.hpp"
#include "save/passes.hpp"

// Of the test's thread and the saver one goes at a time. What they share belongs to the one that goes.
struct VMBS_STEPPER__ {
 public:
  using SavePacketFn = vmbsave::packet::SavePacketFn;

  VMBS_STEPPER__() = default;
  VMBS_STEPPER__(const VMBS_STEPPER__&) = delete;

  // The test's. Those that are not noexcept may throw std::bad_alloc and std::system_error; nothing is changed then.
  NTSTATUS join(VMBCHANNEL first, vmbsave::SavePlan plan);
  NTSTATUS peek(VMBS_STEP& step);
  NTSTATUS next(VMBS_STEP& step);
  NTSTATUS fail(NTSTATUS status);
  NTSTATUS end() noexcept;

 private:
  struct Joined {
    VMBCHANNEL channel;
    SavePacketFn save_packet = nullptr;  // the VSP's
  };

  void note_image() noexcept;
  void start();
  void advance() noexcept;
  void await_saver() noexcept;
  void interpose() noexcept;
  void withdraw() noexcept;

  // The saver's.
  void save() noexcept;
  static NTSTATUS on_save(VMBCHANNEL channel, VMBPACKET packet, void* save_buf, UINT32 size, UINT32* needed);
  NTSTATUS take_step(SavePacketFn save_packet, void* save_buf, UINT32* needed);
  SavePacketFn save_packet_of(VMBCHANNEL channel) const noexcept;
  void stand() noexcept;

  inline static thread_local VMBS_STEPPER__* of_this_thread_ = nullptr;

  std::vector<Joined> joined_;
  std::thread saver_;

  std::mutex mutex_;  // of saver_goes_
  std::condition_variable turned_;
  bool saver_goes_ = false;

  bool over_ = false;                    // no call is to come
  NTSTATUS outcome_ = STATUS_CANCELLED;  // of the save, then
  NTSTATUS failure_ = STATUS_SUCCESS;    // what the next call fails with, instead of being made
  VMBS_STEP coming_{};
  VMBS_STEP made_{};
  std::vector<UINT8> saved_;  // what made_.SaveBuf points to
};

// The first one's begin is the cut; from then on no channel comes or goes.
NTSTATUS VMBS_STEPPER__::join(VMBCHANNEL first, vmbsave::SavePlan plan) {
  joined_.push_back({first});
  NTSTATUS status = vmbsave::kmcl::begin_save(first, plan);
  if (status != STATUS_SUCCESS) {
    joined_.clear();
    return status;
  }
  for (const vmbsave::packet::Channel* channel : first->vm->channels().channels()) {
    VMBCHANNEL const other = channel->config().handle;
    if (other == first) continue;
    joined_.push_back({other});
    status = VmbChannelSaveBegin(other);
    if (status == STATUS_SUCCESS) continue;
    joined_.pop_back();
    break;
  }
  return status;
}

NTSTATUS VMBS_STEPPER__::peek(VMBS_STEP& step) {
  note_image();
  if (!over_ && !saver_.joinable()) start();
  if (over_) return outcome_ == STATUS_SUCCESS ? STATUS_NO_MORE_ENTRIES : outcome_;
  step = coming_;
  return STATUS_SUCCESS;
}

NTSTATUS VMBS_STEPPER__::next(VMBS_STEP& step) {
  const NTSTATUS status = peek(step);
  if (status != STATUS_SUCCESS) return status;
  advance();
  step = made_;
  return STATUS_SUCCESS;
}

NTSTATUS VMBS_STEPPER__::fail(NTSTATUS status) {
  VMBS_STEP step;
  if (const NTSTATUS before = peek(step); before != STATUS_SUCCESS) return before;
  failure_ = status;
  advance();
  return STATUS_SUCCESS;
}

NTSTATUS VMBS_STEPPER__::end() noexcept {
  note_image();
  if (saver_.joinable()) {
    if (!over_) {
      failure_ = STATUS_CANCELLED;
      advance();
    }
    saver_.join();
  }
  // A channel that was disabled meanwhile is there until the last of these.
  for (const Joined& joined : joined_) VmbChannelSaveEnd(joined.channel);
  return outcome_;
}

// Where VmbChannelSaveContinue was called before the first step there is none.
void VMBS_STEPPER__::note_image() noexcept {
  if (over_ || saver_.joinable()) return;
  over_ = std::any_of(joined_.begin(), joined_.end(), [](const Joined& joined) { return joined.channel->ran; });
  if (over_) outcome_ = vmbsave::kmcl::to_ntstatus(joined_.front().channel->vm->report().failure.status);
}

void VMBS_STEPPER__::start() {
  interpose();
  saver_goes_ = true;
  try {
    saver_ = std::thread([this] { save(); });
  } catch (...) {
    withdraw();
    throw;
  }
  await_saver();
}

void VMBS_STEPPER__::advance() noexcept {
  {
    const std::lock_guard lock(mutex_);
    saver_goes_ = true;
  }
  turned_.notify_one();
  await_saver();
}

// Until it stands before its next call, or is over.
void VMBS_STEPPER__::await_saver() noexcept {
  {
    std::unique_lock lock(mutex_);
    turned_.wait(lock, [this] { return !saver_goes_; });
  }
  if (over_) withdraw();
}

void VMBS_STEPPER__::interpose() noexcept {
  for (Joined& joined : joined_) {
    vmbsave::packet::Channel& channel = *joined.channel->channel;
    joined.save_packet = channel.config().save_packet;
    if (joined.save_packet != nullptr) channel.set_save_packet(on_save);
  }
}

void VMBS_STEPPER__::withdraw() noexcept {
  for (const Joined& joined : joined_) joined.channel->channel->set_save_packet(joined.save_packet);
}

// The first SaveContinue saves the whole VM; with no room nothing is handed out yet. A channel that was disabled before
// it has no part in the save.
void VMBS_STEPPER__::save() noexcept {
  of_this_thread_ = this;
  const auto first = std::find_if(joined_.begin(), joined_.end(),
                                  [](const Joined& joined) { return !joined.channel->disable_pending; });
  ULONG filled = 0;
  ULONG required = 0;
  outcome_ =
      first == joined_.end() ? STATUS_SUCCESS : VmbChannelSaveContinue(first->channel, nullptr, 0, &filled, &required);
  if (outcome_ == STATUS_BUFFER_TOO_SMALL) outcome_ = STATUS_SUCCESS;
  over_ = true;
  const std::lock_guard lock(mutex_);
  saver_goes_ = false;
  turned_.notify_one();
}

NTSTATUS VMBS_STEPPER__::on_save(VMBCHANNEL channel, VMBPACKET packet, void* save_buf, UINT32 size, UINT32* needed) {
  VMBS_STEPPER__& self = *of_this_thread_;
  self.coming_ = {.Call = size == 0 ? UINT32{VMBS_STEP_SIZING} : UINT32{VMBS_STEP_SAVING},
                  .SaveBufSize = size,
                  .Channel = channel,
                  .Packet = packet,
                  .TransactionId = VmbsPacketGetTransactionId(packet),
                  .Status = STATUS_PENDING,
                  .BytesNeeded = 0,
                  .SaveBuf = nullptr};
  self.stand();
  return self.take_step(self.save_packet_of(channel), save_buf, needed);
}

NTSTATUS VMBS_STEPPER__::take_step(SavePacketFn save_packet, void* save_buf, UINT32* needed) {
  made_ = coming_;
  if (failure_ != STATUS_SUCCESS) {
    *needed = 0;
    return failure_;
  }
  made_.Status = STATUS_UNHANDLED_EXCEPTION;  // if it throws
  saved_.resize(made_.SaveBufSize);
  made_.Status = save_packet(made_.Channel, made_.Packet, save_buf, made_.SaveBufSize, needed);
  made_.BytesNeeded = *needed == vmbsave::save::kUnwritten ? made_.SaveBufSize : *needed;
  if (made_.SaveBufSize != 0) {
    std::memcpy(saved_.data(), save_buf, saved_.size());
    made_.SaveBuf = saved_.data();
  }
  return made_.Status;
}

VMBS_STEPPER__::SavePacketFn VMBS_STEPPER__::save_packet_of(VMBCHANNEL channel) const noexcept {
  std::size_t i = 0;
  while (joined_[i].channel != channel) ++i;
  return joined_[i].save_packet;
}

// Until the test lets it go.
void VMBS_STEPPER__::stand() noexcept {
  std::unique_lock lock(mutex_);
  saver_goes_ = false;
  turned_.notify_one();
  turned_.wait(lock, [this] { return saver_goes_; });
}

namespace {

bool is_error(NTSTATUS status) noexcept {
  return status < 0 && status != STATUS_BUFFER_TOO_SMALL && status != STATUS_BUFFER_OVERFLOW &&
         status != STATUS_NO_MORE_ENTRIES;
}

// No exception crosses the C face.
template <class Call>
NTSTATUS guarded(Call&& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  } catch (const std::system_error&) {  // no thread to be had
    return STATUS_INSUFFICIENT_RESOURCES;
  }
}

}  // namespace

NTSTATUS VmbsStepBegin(VMBCHANNEL Channel, UINT32 Plan, VMBS_STEPPER* Stepper) {
  if (Stepper != nullptr) *Stepper = nullptr;
  if (!vmbsave::kmcl::is_live(Channel)) return STATUS_INVALID_PARAMETER_1;
  if (Plan > VMBS_PLAN_FUSED) return STATUS_INVALID_PARAMETER_2;
  if (Stepper == nullptr) return STATUS_INVALID_PARAMETER_3;
  std::unique_ptr<VMBS_STEPPER__> stepper;
  const NTSTATUS status = guarded([&] {
    stepper = std::make_unique<VMBS_STEPPER__>();
    return stepper->join(Channel, static_cast<vmbsave::SavePlan>(Plan));
  });
  if (status == STATUS_SUCCESS) {
    *Stepper = stepper.release();
  } else if (stepper) {
    (void)stepper->end();
  }
  return status;
}

NTSTATUS VmbsStepPeek(VMBS_STEPPER Stepper, VMBS_STEP* Step) {
  if (Stepper == nullptr) return STATUS_INVALID_PARAMETER_1;
  if (Step == nullptr) return STATUS_INVALID_PARAMETER_2;
  return guarded([&] { return Stepper->peek(*Step); });
}

NTSTATUS VmbsStepNext(VMBS_STEPPER Stepper, VMBS_STEP* Step) {
  if (Stepper == nullptr) return STATUS_INVALID_PARAMETER_1;
  if (Step == nullptr) return STATUS_INVALID_PARAMETER_2;
  return guarded([&] { return Stepper->next(*Step); });
}

NTSTATUS VmbsStepTo(VMBS_STEPPER Stepper, VMBPACKET Packet, UINT32 Call, VMBS_STEP* Step) {
  if (Call != VMBS_STEP_SIZING && Call != VMBS_STEP_SAVING) return STATUS_INVALID_PARAMETER_3;
  NTSTATUS status = VmbsStepPeek(Stepper, Step);
  while (status == STATUS_SUCCESS && !(Step->Packet == Packet && Step->Call == Call)) {
    status = VmbsStepNext(Stepper, Step);
    if (status == STATUS_SUCCESS) status = VmbsStepPeek(Stepper, Step);
  }
  return status;
}

NTSTATUS VmbsStepFail(VMBS_STEPPER Stepper, NTSTATUS Status) {
  if (Stepper == nullptr) return STATUS_INVALID_PARAMETER_1;
  if (!is_error(Status)) return STATUS_INVALID_PARAMETER_2;
  return guarded([&] { return Stepper->fail(Status); });
}

NTSTATUS VmbsStepEnd(VMBS_STEPPER Stepper) {
  const std::unique_ptr<VMBS_STEPPER__> stepper(Stepper);
  return Stepper == nullptr ? STATUS_SUCCESS : Stepper->end();
}
