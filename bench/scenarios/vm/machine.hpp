// machine.hpp: virtual machines, each channel with a guest at its one end and the VSP at the other: takes requests,
// completes them, delivers what the VSP sends, is saved and restored. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "save/image_view.hpp"
#include "vmbsave/guest.hpp"
#include "vmbsave/kmcl_ext.h"
#include "vmbsave/restore.hpp"
#include "vmbsave/save.hpp"
#include "vsp/vsp_kinds.hpp"

namespace vmbsave {
class Executor;
namespace kmcl {
class Vm;
}
}  // namespace vmbsave

namespace vmbsave::bench {

// Which channels there are: each belongs to a domain, the channels that one cut describes.
struct Topology {
  std::uint32_t domains = 1;
  std::uint32_t channels_per_domain = 1;
  std::uint32_t channels() const noexcept { return domains * channels_per_domain; }
};

// One save of one domain: the image is valid until the domain's next save.
struct SavedDomain {
  save::ImageView image;
  std::uint64_t save_ns = 0;  // from begin until the image was complete
  SaveReport report;
};

// The image in one piece.
std::vector<std::byte> gather(const save::ImageView& image);
// Whether the image has exactly these bytes.
bool is_same(const save::ImageView& image, std::span<const std::byte> bytes);

class Machine {
 public:
  // vsps: of each domain's channels, a domain with a device for each kind that has any.
  // quotas: packets of the guest that each channel may have in use; sends: of the VSP, or empty: what the VSP says.
  // Throws std::runtime_error with the status if a call fails.
  Machine(const VspKinds& vsps, Topology topology, std::span<const std::uint32_t> quotas,
          std::span<const std::uint32_t> sends = {});
  ~Machine();
  Machine(const Machine&) = delete;

  // The guests open their channels, and the VSP starts them. After a restore as well: in a migration the rings would
  // come along in the guest's memory, but here they are empty at each end. At every cut the VSP has taken each request
  // from its ring, the guest each completion, and so the destination has rings of its own, in which the open sets room
  // aside for the completions of what was restored.
  void start();

  // The guest sends a request and signals the VSP, which takes it; transaction id = request.record + 1.
  void submit(std::uint32_t channel, const VMBS_VSP_REQUEST& request);
  // The backing store is done with it, and its completion is held back; for a VSP that does so.
  void settle(std::uint64_t transaction_id, NTSTATUS status);
  // The backing store is done with it, and the guest takes the completion from its ring: with this status, or the one
  // that was settled before.
  void complete(std::uint64_t transaction_id, NTSTATUS status = STATUS_SUCCESS);

  // The VSP sends the guest a request of VMBS_VSP_RECEIVE, which takes it from its ring. Throws DeviceFull if the
  // device has no room for it.
  void deliver(std::uint32_t channel, const VMBS_VSP_REQUEST& request);
  // The guest answers what it received as this record.
  void answer(std::uint64_t record);
  // What the guest received as this record, and has not answered; with all that it saw.
  const VMBS_VSP_REQUEST& received(std::uint64_t record) const;

  // Either, as the request's operation has it.
  void put_in_use(std::uint32_t channel, const VMBS_VSP_REQUEST& request);

  // Everything that is in use is completed, or answered.
  void complete_all();

  // begin, save, end(resume) of one domain; throws CheckFailed if one fails.
  SavedDomain save(std::uint32_t domain, const SaveOptions& options);
  // As if the domain had never been saved: what is kept between saves, the last image with it, is given back.
  void forget_saves(std::uint32_t domain) noexcept;
  // Into channels that have not started; throws CheckFailed if it fails. executor: nullptr for this thread alone.
  RestoreReport restore(std::uint32_t domain, std::span<const std::byte> image, Executor* executor);
  // The source's guests come along: what they wait for, what they have received, and what their VSP had settled. Each
  // completion that comes without the backing store must then be the settled one, or tell a failure.
  void inherit(const Machine& source);
  // Restored requests go to the backing store again, or are completed: complete_all takes that from the rings.
  void reissue();

  const Topology& topology() const noexcept { return topology_; }
  // All channels, those of one domain behind each other.
  std::span<const VMBCHANNEL> channels() const noexcept { return channels_; }
  // The virtual machine that a domain's channels form.
  kmcl::Vm& vm(std::uint32_t domain) const;
  // A packet that the backing store has; throws CheckFailed if it has none with that id.
  VMBPACKET packet(std::uint64_t transaction_id) const;
  std::uint64_t in_use() const noexcept { return in_use_.size() + received_.size(); }
  std::uint64_t receives_in_use() const noexcept { return received_.size(); }
  // Completions that the guest has seen; each of its requests once, or an error was thrown.
  std::uint64_t delivered() const noexcept { return delivered_; }
  // Of what it received, how many times its answer ended a packet of the VSP's; likewise.
  std::uint64_t answered() const noexcept { return answered_; }

 private:
  // A request of the guest's that it waits for.
  struct Request {
    VMBPACKET packet = nullptr;     // nullptr: not with the backing store yet
    std::uint32_t held = 0;         // of the device, until the completion has come
    std::optional<NTSTATUS> asked;  // what the completion must tell
  };
  struct Arrived {
    VMBCHANNEL channel;
    VMBS_VSP_REQUEST request;
    std::vector<UINT8> bytes;  // of the packet; none: it came to another machine
  };
  // What a guest has of a channel.
  struct End {
    std::unique_ptr<guest::Guest> guest;
    const VMBS_VSP* vsp;
    VOID* device;
  };
  struct DestroyDevice {
    const VMBS_VSP* vsp;
    void operator()(VOID* device) const { vsp->destroy_device(device); }
  };

  void make_backends();
  void clean_up();
  VMBS_VSP_BACKEND make_backend(const VMBS_VSP& vsp);
  const VMBS_VSP& vsp_of(VMBCHANNEL channel) const { return *ends_.at(channel).vsp; }
  void allocate_channel(std::uint32_t number, std::uint32_t quota, std::optional<std::uint32_t> sends);
  void receive(VMBCHANNEL channel);
  void take_completion(VMBCHANNEL channel, const guest::Received& packet);
  void take_data(VMBCHANNEL channel, const guest::Received& packet);
  void expect_true_status(VMBCHANNEL channel, const Request& request, const guest::Received& packet) const;
  void expect_untouched(const Arrived& arrived) const;
  static std::string too_much(const VMBS_VSP_REQUEST& request, const VMBS_VSP& vsp);
  static VOID on_submit(VOID* context, VMBPACKET packet, UINT64 transaction_id);

  const VspKinds vsps_;
  const Topology topology_;
  std::vector<std::unique_ptr<VOID, DestroyDevice>> devices_;
  std::vector<VMBS_VSP_BACKEND> backends_;  // of each domain one a kind
  std::vector<char> parents_;               // their addresses identify the domains' parent devices
  std::vector<VMBCHANNEL> channels_;
  std::unordered_map<VMBCHANNEL, End> ends_;
  std::unordered_map<std::uint64_t, Request> in_use_;    // by transaction id
  std::unordered_map<std::uint64_t, Arrived> received_;  // by record
  std::optional<VMBS_VSP_REQUEST> arriving_;             // what the VSP sends now
  std::uint64_t delivered_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t unexpected_ = 0;  // what the guests received that nobody waits for
};

}  // namespace vmbsave::bench
