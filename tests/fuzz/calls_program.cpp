// calls_program.cpp: the steps of a program, but for saves and restores.
#include "fuzz/calls_program.hpp"

namespace vmbsave::fuzz {

void calls(Input input) { Program(input).run(); }

Program::Program(Input input) : rest_(input) {
  one_vm_ = (byte() & 1) != 0;
  for (unsigned l = 0; l < kLines; ++l) make_line(l);
}

unsigned Program::byte() {
  if (rest_.empty()) return 0;
  const auto value = std::to_integer<unsigned>(rest_.front());
  rest_ = rest_.subspan(1);
  return value;
}

unsigned Program::word() {
  const unsigned low = byte();
  return low + (byte() << 8);
}

void Program::run() {
  constexpr std::size_t kMostCalls = 200;
  for (std::size_t calls = 0; !rest_.empty() && calls < kMostCalls; ++calls) {
    const unsigned code = byte();
    step(step_of(code), line_of(code));
    for (unsigned l = 0; l < kLines; ++l) {
      if (!is_saving(l)) lines_[l]->require_accounts();
    }
  }
  finish();
}

bool Program::is_saving(unsigned l) const {
  return lines_[l]->saving || (one_vm_ && (lines_[0]->saving || lines_[1]->saving));
}

namespace {

// A VM that lives as long as the program: making one looks at what the machine allows, which takes longer than all the
// calls. What one program leaves behind would show in a later one.
PDEVICE_OBJECT parent_of(unsigned vm) {
  struct Kept {
    Kept() { require(VmbChannelAllocate(parent(), 1, &channel) == STATUS_SUCCESS, "a VM is made"); }
    ~Kept() { VmbChannelCleanup(channel); }
    PDEVICE_OBJECT parent() { return reinterpret_cast<PDEVICE_OBJECT>(this); }
    VMBCHANNEL channel = nullptr;
  };
  static Kept kept[2];
  return kept[vm].parent();
}

}  // namespace

void Program::make_line(unsigned l) {
  lines_[l] = std::make_unique<CallsLine>(parent_of(one_vm_ ? 0 : l));
  set_options(l, 0);
  leaving_[l] = false;
}

void Program::step(Step code, unsigned l) {
  CallsLine& line = *lines_[l];
  switch (code) {
    case Step::kReceive:
      return receive(line);
    case Step::kProcess:
      return process(line);
    case Step::kComplete:
      return complete(line);
    case Step::kSend:
      return send(line);
    case Step::kAnswer:
      return answer(line);
    case Step::kSaveBegin:
      return save_begin(l);
    case Step::kSaveContinue:
      return save_continue(l);
    case Step::kSaveEnd:
      return save_end(l);
    case Step::kDisable:
      return disable(l);
    case Step::kEnable:
      return enable(line);
    case Step::kStart:
      return VmbChannelStart(line.channel);
    case Step::kPause:
      line.complete_all();  // which it waits for
      return VmbChannelPause(line.channel);
    case Step::kOpen:
      return open(line);
    case Step::kClose:
      return close(line);
    case Step::kRestore:
      return restore(line);
    case Step::kCleanup:
      return cleanup(l);
    case Step::kOptions:
      return set_options(l, byte());
    case Step::kTurnRoom:
      return void(line.guest.has_room = !line.guest.has_room);
    case Step::kTurnRefusal:
      return void(line.refuses = !line.refuses);
    case Step::kMisuse:
      return misuse(line);
  }
}

// ---- packets ----

void Program::receive(CallsLine& line) {
  const UINT64 id = ++last_id_;
  line.guest.send(id, request(), id % 4 != 0);
}

Request Program::request() {
  const unsigned mood = byte();
  return {byte() * 3u % 200, mood >= 240 ? mood - 240 : 0};
}

void Program::process(CallsLine& line) {
  UINT32 taken = 0;
  require_one_of(VmbsChannelProcessIncoming(line.channel, byte() % 4, &taken),
                 {STATUS_SUCCESS, STATUS_MORE_ENTRIES, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES,
                  STATUS_INVALID_DEVICE_STATE},
                 "ProcessIncoming");
}

void Program::complete(CallsLine& line) {
  const unsigned which = byte();
  if (line.incoming() == 0) return;
  which >= 250 ? line.fail(which % line.incoming()) : line.complete(which % line.incoming());
}

void Program::send(CallsLine& line) {
  const unsigned bytes = byte() % 65;
  const unsigned flags = byte() % 2;
  require_one_of(line.send(bytes, flags, request()),
                 {STATUS_SUCCESS, STATUS_INVALID_DEVICE_STATE, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES},
                 "Send");
}

void Program::answer(CallsLine& line) {
  const unsigned which = byte();
  auto& asked = line.guest.asked;
  if (asked.empty()) return line.guest.answer(which);  // a stray one
  line.guest.answer(asked[which % asked.size()]);
  asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(which % asked.size()));
}

// ---- a channel's life ----

void Program::enable(CallsLine& line) {
  const NTSTATUS status = VmbChannelEnable(line.channel);
  require_one_of(status, {STATUS_SUCCESS, STATUS_INVALID_DEVICE_STATE, STATUS_DEVICE_BUSY}, "Enable");
  line.enabled |= status == STATUS_SUCCESS;
}

void Program::disable(unsigned l) {
  CallsLine& line = *lines_[l];
  if (!line.enabled) return VmbChannelDisable(line.channel);
  const bool discards = line.saving && done_[l];
  VmbChannelDisable(line.channel);
  line.enabled = false;
  line.open = false;
  if (is_saving(l) && !discards) {
    leaving_[l] = true;
    return line.left();
  }
  require(discards || line.ended(), "a disabled channel has nothing left");
  line.emptied();
}

// While a save runs, the channel's memory goes at its end: what its callbacks would need stays until then.
void Program::cleanup(unsigned l) {
  CallsLine& line = *lines_[l];
  VmbChannelCleanup(line.channel);
  line.channel = nullptr;
  line.enabled = false;
  if (!leaving_[l]) line.emptied();
  leaving_[l] = false;
  save_ended(l);
  gone_.push_back(std::move(lines_[l]));
  make_line(l);
}

void Program::open(CallsLine& line) {
  require_one_of(line.try_open(),
                 {STATUS_SUCCESS, STATUS_INVALID_DEVICE_STATE, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES},
                 "Open");
}

void Program::close(CallsLine& line) {
  line.complete_all();  // which it waits for
  const NTSTATUS status = VmbsChannelClose(line.channel);
  require_one_of(status, {STATUS_SUCCESS, STATUS_INVALID_DEVICE_STATE, STATUS_DEVICE_BUSY}, "Close");
  if (status == STATUS_SUCCESS) line.open = false;
}

void Program::set_options(unsigned l, unsigned code) {
  VMBS_SAVE_OPTIONS options;
  VMBS_SAVE_OPTIONS_INIT(&options);
  options.Executor = VMBS_EXECUTOR_SERIAL;  // the same bytes make the same calls
  options.Plan = static_cast<UINT8>(code % 3);
  options.Checksum = (code & 4) == 0;
  options.GrowthRetries = (code >> 3) % 2;
  options.RequirePaused = (code & 16) != 0;
  options.MemoryBudget = (code & 32) != 0 ? 700 : 0;
  require_one_of(VmbsChannelSetSaveOptions(lines_[l]->channel, &options), {STATUS_SUCCESS, STATUS_DEVICE_BUSY},
                 "SetSaveOptions");
}

// ---- calls that may do nothing ----

void Program::misuse(CallsLine& line) {
  ULONG filled = 0;
  UINT8 bytes[64] = {};
  require(VmbChannelSaveContinue(line.channel, nullptr, 1, &filled, &filled) == STATUS_INVALID_PARAMETER, "no buffer");
  require(VmbChannelSaveContinue(line.channel, bytes, sizeof bytes, nullptr, &filled) == STATUS_INVALID_PARAMETER,
          "no pointer");
  require(VmbChannelRestoreFromBuffer(line.channel, nullptr, 64) == STATUS_INVALID_PARAMETER_2, "no bytes");
  require(VmbChannelSaveBegin(nullptr) == STATUS_INVALID_PARAMETER_1, "no channel");
  require(VmbPacketRestore(nullptr, bytes, sizeof bytes) == STATUS_INVALID_PARAMETER, "no packet");
  VmbChannelSaveEnd(nullptr);
  const VMBPACKET packet = VmbPacketAllocate(line.channel);
  if (packet == nullptr) return;
  require(VmbPacketRestore(packet, bytes, sizeof bytes) == STATUS_INVALID_DEVICE_STATE, "not inside RestorePacket");
  VmbPacketFree(packet);
}

// However it went, every channel can be used again.
void Program::finish() {
  for (unsigned l = 0; l < kLines; ++l) save_end(l);
  for (unsigned l = 0; l < kLines; ++l) {
    disable(l);
    enable(*lines_[l]);
    require(lines_[l]->enabled, "a disabled channel can be enabled");
    lines_[l]->require_accounts();
  }
}

}  // namespace vmbsave::fuzz
