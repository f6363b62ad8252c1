#include <span>

#include "base/clock.hpp"
#include "packet/vm.hpp"
#include "save/session.hpp"
#include "scenarios/save_under_load/image_records.hpp"
#include "scenarios/save_under_load/target.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

class EngineTarget final : public Target {
 public:
  explicit EngineTarget(const TargetOptions& options)
      : options_(options), save_options_{.executor = options.executor, .checksum = false}, packets_(options.packets) {
    for (std::uint32_t c = 0; c < options.channels; ++c) {
      packet::ChannelConfig config;
      config.save_packet = on_save;
      config.sink = on_completion;
      config.sink_context = this;
      config.capacity = (options.packets + options.channels - 1) / options.channels;
      config.context_bytes = kMostStateBytes;
      config.result_bytes = sizeof(Token);
      config.concurrent_callbacks = true;
      channels_.push_back(std::make_unique<packet::Channel>(vm_.control(), config));
      if (!channels_.back()->reserve()) throw std::bad_alloc();
      if (vm_.attach(*channels_.back()) != Status::kSuccess) throw CheckFailed("a channel cannot be attached");
    }
  }
  ~EngineTarget() override {
    for (const auto& channel : channels_) (void)vm_.detach(*channel);
  }

  const char* name() const noexcept override { return "engine"; }

  bool acquire(Token token) noexcept override {
    packet::Channel& channel = channel_of(token);
    const auto [status, packet] = channel.claim();
    if (status != packet::ClaimStatus::kClaimed) return false;
    packet->transaction_id = token;
    packet->completion_requested = true;
    channel.publish(*packet);
    write_state(token, packet->context());
    packets_[token] = packet;
    channel.indicated();
    return true;
  }

  void complete(Token token) noexcept override {
    (void)channel_of(token).complete(*packets_[token], std::as_bytes(std::span(&token, 1)));
  }

  Saved save(std::vector<Token>* image) override {
    const std::uint64_t start = base::now_ns();
    expect(session_.begin(save_options_));
    expect(session_.save());
    if (image != nullptr) read(*image);
    session_.end(EndMode::kResume);
    const SaveReport& report = session_.report();
    return {base::now_ns() - start, report.packets, report.deferred_delivered};
  }

 private:
  packet::Channel& channel_of(Token token) noexcept { return *channels_[token % channels_.size()]; }

  static std::int32_t on_save(VMBCHANNEL__*, VMBPACKET__* handle, void* buf, std::uint32_t size,
                              std::uint32_t* needed) {
    packet::Packet& packet = *packet::from_handle(handle);
    const std::uint32_t bytes = state_bytes(static_cast<Token>(packet.transaction_id));
    *needed = bytes;
    if (size < bytes) return static_cast<std::int32_t>(Status::kBufferTooSmall);
    std::memcpy(buf, packet.context(), bytes);
    return static_cast<std::int32_t>(Status::kSuccess);
  }

  static void on_completion(void* self, const packet::Packet& packet, const void*) {
    const auto& options = static_cast<EngineTarget*>(self)->options_;
    options.sink(options.sink_context, static_cast<Token>(packet.transaction_id));
  }

  static void expect(Status status) {
    if (status != Status::kSuccess) throw CheckFailed(std::string("engine: a save failed: ") + status_name(status));
  }

  static void expect_readable(bool readable) {
    if (!readable) throw CheckFailed("engine: the image cannot be read");
  }

  void read(std::vector<Token>& tokens) const {
    std::vector<std::byte> bytes(session_.image().bytes());
    session_.image().copy_to(bytes.data());
    expect_readable(for_each_record(bytes, [&](const image::Chunk& chunk, const image::Record& record) {
      const auto token = static_cast<Token>(record.lib.transaction_id);
      if (!is_state(token, chunk.bytes.data() + record.save_offset, record.lib.save_bytes)) {
        throw CheckFailed("engine: the image holds a state that is not its packet's");
      }
      tokens.push_back(token);
    }));
  }

  const TargetOptions options_;
  const SaveOptions save_options_;
  packet::Vm vm_;
  std::vector<std::unique_ptr<packet::Channel>> channels_;
  save::SaveSession session_{vm_};
  std::vector<packet::Packet*> packets_;  // by token
};

}  // namespace

std::unique_ptr<Target> make_engine_target(const TargetOptions& options) {
  return std::make_unique<EngineTarget>(options);
}

}  // namespace vmbsave::bench
