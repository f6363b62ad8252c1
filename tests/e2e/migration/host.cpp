#include "e2e/migration/host.hpp"

#include <algorithm>
#include <stdexcept>

#include "e2e/migration/stamps.hpp"
#include "e2e/migration/workload.hpp"
#include "kmcl/channel.hpp"
#include "scenarios/live/disk_command.hpp"
#include "vsp/storvsp/request.hpp"
#include "vsp/storvsp/storvsp.h"

namespace vmbsave::migration {
namespace {

void require(NTSTATUS status, const char* what) {
  if (NT_SUCCESS(status)) return;
  throw std::runtime_error(std::string(what) + " failed: " + status_name(static_cast<Status>(status)));
}

// The pieces of guest memory that a request's range names; none if a page is not the guest's.
std::vector<iovec> guest_memory(Shared& shared, const storvsp::PacketContext& context) {
  std::vector<iovec> pieces;
  std::uint32_t offset = context.range.byte_offset;
  std::uint32_t left = context.request.data_transfer_length;
  for (std::uint32_t i = 0; i + 1 < context.range_words && left != 0; ++i) {
    std::byte* const page = shared.page(context.range.pfn[i]);
    if (page == nullptr) return {};
    const std::uint32_t bytes = std::min(left, kPageBytes - offset);
    pieces.push_back({page + offset, bytes});
    left -= bytes;
    offset = 0;
  }
  return pieces;
}

// storvsp's; the same for each channel.
PFN_VMB_CHANNEL_SAVE_PACKET own_save_packet = nullptr;

}  // namespace

// ---- Channels ----

Channels::Channels(Submit submit, PFN_VMB_CHANNEL_SAVE_PACKET save_packet)
    : submit_(std::move(submit)),
      save_packet_(save_packet),
      backend_{this,
               [](VOID* context, VMBPACKET packet, UINT64 transaction_id) -> VOID {
                 static_cast<Channels*>(context)->submit_(packet, transaction_id);
               },
               nullptr} {
  for (std::uint32_t number = 0; number < kChannels; ++number) {
    VMBCHANNEL channel = nullptr;
    require(VmbChannelAllocate(reinterpret_cast<PDEVICE_OBJECT>(&parent_), 1, &channel), "VmbChannelAllocate");
    channels_.push_back(channel);
    configure(channel);
  }
}

void Channels::configure(VMBCHANNEL channel) {
  require(vmbs_vsp_storvsp()->configure(channel, &backend_), "storvsp's configure");
  if (save_packet_ != nullptr) {
    own_save_packet = channel->config.save_packet;
    require(VmbServerChannelInitSetSaveRestorePacketCallbacks(channel, save_packet_, channel->config.restore_packet),
            "VmbServerChannelInitSetSaveRestorePacketCallbacks");
  }
  VmbChannelSetTransactionQuota(channel, kQuota);
  require(VmbChannelEnable(channel), "VmbChannelEnable");
}

NTSTATUS Channels::storvsp_save_packet(VMBCHANNEL channel, VMBPACKET packet, PVOID save_buf, UINT32 save_buf_size,
                                       PUINT32 bytes_needed) {
  return own_save_packet(channel, packet, save_buf, save_buf_size, bytes_needed);
}

Channels::~Channels() {
  for (const VMBCHANNEL channel : channels_) {
    vmbs_vsp_storvsp()->release(channel);
    VmbChannelCleanup(channel);
  }
}

kmcl::Vm& Channels::vm() const { return *channels_.front()->vm; }

void Channels::reissue() {
  for (const VMBCHANNEL channel : channels_) vmbs_vsp_storvsp()->reissue(channel);
}

void Channels::renew() {
  for (const VMBCHANNEL channel : channels_) {
    VmbChannelDisable(channel);
    vmbs_vsp_storvsp()->release(channel);
  }
  for (const VMBCHANNEL channel : channels_) configure(channel);
}

// ---- Host ----

struct Host::Operation {
  VMBPACKET packet;
  std::uint64_t transaction_id;
  bool reissued;
};

Host::Host(Shared& shared, const Settings& settings)
    : shared_(shared),
      settings_(settings),
      channels_([this](VMBPACKET packet, std::uint64_t transaction_id) { submit(packet, transaction_id); },
                settings.save_packet) {}

Host::~Host() { stop_serving(); }

bool Host::take_disk(bool wait_for_lock) {
  constexpr unsigned kSeconds = 20;
  file_ = std::make_unique<DiskFile>(settings_.disk);
  const bool waited = wait_for_lock && file_->lock(kSeconds);
  disk_ = Disk::open(*file_, settings_.uring,
                     [this](void* operation, bool good) { done(static_cast<Operation*>(operation), good); });
  shared_.uring.store(disk_->is_uring());
  shared_.direct.store(file_->direct());
  return waited;
}

void Host::open() {
  for (std::uint32_t number = 0; number < kChannels; ++number) {
    transports_.push_back(std::make_unique<Transport>(shared_, number, reissued_));
    require(transports_.back()->open(channels_.channel(number)), "VmbsChannelOpen");
  }
}

void Host::reissue() {
  reissuing_ = true;
  channels_.reissue();
  reissuing_ = false;
}

void Host::serve() {
  for (std::uint32_t number = 0; number < kChannels; ++number) {
    transports_[number]->allow_new();
    VmbChannelStart(channels_.channel(number));
  }
  serving_.store(true);
  server_ = std::thread([this] { poll(); });
}

void Host::stop_serving() {
  serving_.store(false);
  if (server_.joinable()) server_.join();
}

// What a quota or a save stopped is tried again when a bell rings, and now and then.
void Host::poll() {
  constexpr std::uint32_t kMicroseconds = 500;
  while (serving_.load()) {
    const std::uint32_t looked = shared_.host_bell.look();
    UINT32 taken = 0;
    for (std::uint32_t number = 0; number < kChannels; ++number) {
      UINT32 processed = 0;
      const NTSTATUS status = VmbsChannelProcessIncoming(channels_.channel(number), 0, &processed);
      taken += processed;
      if (!NT_SUCCESS(status) && status != STATUS_DEVICE_BUSY && status != STATUS_INSUFFICIENT_RESOURCES) {
        shared_.complain(std::string("the incoming queue stopped: ") + status_name(static_cast<Status>(status)));
      }
    }
    if (taken == 0) shared_.host_bell.wait(looked, kMicroseconds);
  }
}

void Host::submit(VMBPACKET packet, std::uint64_t transaction_id) {
  note(&Ids::submitted, transaction_id);
  const storvsp::PacketContext& context = storvsp::context_of(packet);
  const auto command = bench::disk_command(context.request, kDiskBytes / kBlockBytes);
  std::vector<iovec> pieces = command ? guest_memory(shared_, context) : std::vector<iovec>();
  if (pieces.empty()) {
    answer(packet, transaction_id, STATUS_INVALID_PARAMETER);
    return;
  }
  if (reissuing_) reissued_.fetch_add(1);
  disk_->submit(std::make_unique<Transfer>(Transfer{new Operation{packet, transaction_id, reissuing_}, command->write,
                                                    command->block* kBlockBytes, command->blocks* kBlockBytes,
                                                    std::move(pieces)}));
}

void Host::done(Operation* operation, bool good) {
  const std::unique_ptr<Operation> its(operation);
  if (!good) shared_.complain("the disk failed");
  answer(its->packet, its->transaction_id, good ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
  if (its->reissued) reissued_.fetch_sub(1);
}

void Host::answer(VMBPACKET packet, std::uint64_t transaction_id, NTSTATUS status) {
  if (settings_.is_source && shared_.stage.load() == Stage::kCut) shared_.deferred.fetch_add(1);
  note(&Ids::answering, transaction_id);
  vmbs_vsp_storvsp()->complete(packet, status);
  note(&Ids::answered, transaction_id);
}

void Host::note(std::unordered_set<std::uint64_t> Ids::*set, std::uint64_t transaction_id) {
  const std::lock_guard lock(ids_mutex_);
  (ids_.*set).insert(transaction_id);
}

Host::Ids Host::ids() const {
  const std::lock_guard lock(ids_mutex_);
  return ids_;
}

}  // namespace vmbsave::migration
