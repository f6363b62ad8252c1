// The cases: saves in both plans and through both faces, what an image costs to check and to restore, and what a packet
// costs while nobody saves. Small enough that one operation takes well under a millisecond.
#include <fmt/format.h>

#include <functional>
#include <stdexcept>
#include <string>

#include "gate/entry/gate_case.hpp"
#include "image/checksum.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/image_transfer/transfer.hpp"
#include "scenarios/operations/acquire_complete.hpp"
#include "scenarios/save_latency/implementation.hpp"
#include "scenarios/save_latency/rig.hpp"
#include "scenarios/save_latency/state_mix.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::gate {
namespace {

using bench::Point;

// FNV-1a over words; it need not be fast.
class Digest {
 public:
  void add(std::uint64_t word) noexcept { value_ = (value_ ^ word) * 0x100000001B3u; }
  std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325u;
};

// Of the packets of the rig, in order of arrival by channel: what an image without a difference holds.
std::uint64_t digest_of(const bench::Rig& rig) {
  Digest digest;
  std::vector<UINT8> state(rig.vsp().max_state_bytes);
  for (const auto& requests : rig.requests()) {
    digest.add(requests.size());
    for (const VMBS_VSP_REQUEST& request : requests) {
      const UINT32 bytes = rig.vsp().reference_state(&request, state.data());
      digest.add(request.record + 1);
      digest.add(bytes);
      for (UINT32 i = 0; i < bytes; ++i) digest.add(state[i]);
    }
  }
  return digest.value();
}

struct Setting {
  Point point;
  SavePlan plan = SavePlan::kFused;
  unsigned threads = 1;
  bool checksum = false;
};

std::unique_ptr<Executor> executor_for(const Setting& setting) {
  return setting.threads == 1 ? nullptr : make_executor(setting.threads);
}

class SaveCase final : public VMBS_GATE_CASE {
 public:
  using Make = std::unique_ptr<bench::Implementation>(bench::Rig&, const bench::RunOptions&);

  SaveCase(Make* make, const Setting& setting)
      : executor_(executor_for(setting)),
        rig_(setting.point),
        implementation_(make(rig_, {.executor = executor_.get(), .plan = setting.plan, .checksum = setting.checksum})) {
  }

  std::uint64_t operate() override { return implementation_->save(); }

  std::uint64_t check() override {
    if (const std::string why = implementation_->difference(); !why.empty()) throw bench::CheckFailed(why);
    return digest_of(rig_);
  }

  std::vector<VMBS_GATE_COUNTER> counters() const override { return {{"image_bytes", implementation_->image_bytes()}}; }

 private:
  const std::unique_ptr<Executor> executor_;
  bench::Rig rig_;
  const std::unique_ptr<bench::Implementation> implementation_;
};

// The destination of a restore is made anew for each, which is not timed.
class TransferCase final : public VMBS_GATE_CASE {
 public:
  TransferCase(bench::Journey journey, const Setting& setting)
      : executor_(executor_for(setting)),
        rig_(setting.point),
        transfer_(bench::make_restore_transfer(journey, rig_, executor_.get())) {}

  void make_ready() override { transfer_->make_ready(); }
  std::uint64_t operate() override { return transfer_->run().ns; }

  std::uint64_t check() override {
    transfer_->check();
    return digest_of(rig_);
  }

 private:
  const std::unique_ptr<Executor> executor_;
  bench::Rig rig_;
  const std::unique_ptr<bench::Transfer> transfer_;
};

class PacketLifeCase final : public VMBS_GATE_CASE {
 public:
  std::uint64_t operate() override { return life_.run(kPackets); }

  std::uint64_t check() override {
    if (!life_.is_right()) throw bench::CheckFailed("a packet was not delivered once, with its own completion");
    return kPackets;
  }

 private:
  static constexpr std::uint32_t kPackets = 4096;
  bench::AcquireComplete life_;
};

// A name and how to make it.
struct Entry {
  std::string name;
  unsigned threads;
  std::function<std::unique_ptr<VMBS_GATE_CASE>()> make;
};

std::string suffix(const Setting& setting) {
  return fmt::format("{}/threads:{}{}", bench::point_name(setting.point), setting.threads,
                     setting.checksum ? "/checksum" : "");
}

class Suite {
 public:
  Suite() {
    add_saves();
    add_factors();
    add_threads();
    add_the_rest();
    for (const Entry& entry : entries_) names_.push_back({entry.name.c_str(), entry.threads, 0});
  }

  std::span<const VMBS_GATE_CASE_NAME> names() const { return names_; }

  const Entry* find(std::string_view name) const {
    for (const Entry& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }

 private:
  static constexpr std::uint32_t kPackets = 4096;

  void add(const char* face, SaveCase::Make* make, const Setting& setting) {
    entries_.push_back({fmt::format("save/{}/{}/{}", face, plan_name(setting.plan), suffix(setting)), setting.threads,
                        [make, setting] { return std::make_unique<SaveCase>(make, setting); }});
  }
  void add_engine(const Setting& setting) { add("engine", bench::make_engine, setting); }
  void add_c_face(const Setting& setting) { add("c_face", bench::make_c_face, setting); }
  void add_transfer(bench::Journey journey, const Setting& setting) {
    entries_.push_back({fmt::format("{}/{}", bench::journey_name(journey), suffix(setting)), setting.threads,
                        [journey, setting] { return std::make_unique<TransferCase>(journey, setting); }});
  }

  // Both plans, with and without checksums, through C++ and C.
  void add_saves() {
    constexpr Point kPoint{.packets = kPackets};
    for (const bool checksum : {false, true}) {
      add_engine({.point = kPoint, .checksum = checksum});
      add_engine({.point = kPoint, .plan = SavePlan::kExact, .checksum = checksum});
      add_c_face({.point = kPoint, .checksum = checksum});
    }
  }

  // One at a time.
  void add_factors() {
    add_engine({.point = {.packets = kPackets, .state_min_bytes = 0, .state_max_bytes = 0}});
    add_engine({.point = {.packets = kPackets, .state_min_bytes = 624, .state_max_bytes = 624}});
    add_engine({.point = {.packets = 1024, .state_min_bytes = 4096, .state_max_bytes = 4096}});
    add_engine({.point = {.packets = kPackets, .stateful_percent = 50}});
    add_engine({.point = {.packets = kPackets, .skew_percent = 90, .concurrent_callbacks = false}});
    add_engine({.point = {.packets = kPackets, .in_order = true}});
    add_engine({.point = bench::mixed_point({.packets = kPackets}, bench::Mix::kCloudPhysics)});
    add_engine({.point = {.channels = 1, .packets = 64}});
    add_engine({.point = {.channels = 64, .packets = 1024}});
    add_engine({.point = {.packets = 16'384}});
  }

  void add_threads() {
    constexpr Point kPoint{.packets = 16'384};
    add_engine({.point = kPoint, .threads = 2});
    add_engine({.point = kPoint, .plan = SavePlan::kExact, .threads = 2});
    add_c_face({.point = kPoint, .threads = 2, .checksum = true});
  }

  void add_the_rest() {
    constexpr Point kPoint{.packets = kPackets};
    add_transfer(bench::Journey::kVerify, {.point = kPoint, .checksum = true});
    add_transfer(bench::Journey::kRestore, {.point = kPoint, .checksum = true});
    entries_.push_back({"acquire_complete", 1, [] { return std::make_unique<PacketLifeCase>(); }});
  }

  std::vector<Entry> entries_;
  std::vector<VMBS_GATE_CASE_NAME> names_;
};

const Suite& suite() {
  static const Suite suite;
  return suite;
}

}  // namespace

std::span<const VMBS_GATE_CASE_NAME> cases_of(std::string_view name) {
  return name == "ci" ? suite().names() : std::span<const VMBS_GATE_CASE_NAME>();
}

std::unique_ptr<VMBS_GATE_CASE> make_case(std::string_view name) {
  const Entry* const entry = suite().find(name);
  if (entry == nullptr) throw std::runtime_error(fmt::format("no case '{}'", name));
  return entry->make();
}

}  // namespace vmbsave::gate
