#include "scenarios/replay/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "harness/whole_file.hpp"
#include "image/format.hpp"
#include "packet/vm.hpp"
#include "scenarios/replay/frames.hpp"
#include "scenarios/vm/check_failed.hpp"
#include "scenarios/vm/machine.hpp"
#include "scenarios/vm/trace_request.hpp"
#include "scenarios/vm/verify.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::replay {
namespace {

using bench::CheckFailed;
using bench::ExpectedChannels;
using bench::Machine;
using bench::SavedDomain;
using bench::Topology;

constexpr std::uint32_t kDefaultQuota = 4096;
constexpr std::uint32_t kDefaultSends = 256;

class Replay {
 public:
  Replay(const trace::Trace& trace, const VMBS_VSP& vsp, const Options& options, const Progress& progress)
      : vsp_(vsp),
        options_(options),
        progress_(progress),
        schedule_(trace, options.service_time_ns, options.replication, options.completion_delay_ns),
        queue_index_(index_queues(trace)),
        topology_(shape()),
        image_files_(image_files(options)),
        executor_(make_executor(options.threads)) {}

  Result run() {
    expect_images_writable();
    survey();
    Machine source(vsp_, topology_, quotas_, sends_);
    source.start();
    play(source);
    expect(source);
    if (save_and_check(source)) restore_and_check(source);
    source.complete_all();
    return std::move(result_);
  }

 private:
  // Queue numbers of a trace may have gaps; channels have not.
  static std::vector<std::uint32_t> index_queues(const trace::Trace& trace) {
    std::vector<std::uint32_t> index(std::size_t{trace.queues.back()} + 1);
    for (std::uint32_t i = 0; i < trace.queues.size(); ++i) index[trace.queues[i]] = i;
    return index;
  }

  std::uint32_t queues() const { return static_cast<std::uint32_t>(schedule_.trace().queues.size()); }

  Topology shape() const {
    const std::uint32_t own = options_.channels != 0 ? options_.channels : queues();
    Topology topology{options_.replication.vms, own};
    if (options_.one_cut) {
      const std::uint64_t all =
          options_.channels != 0 ? options_.channels : std::uint64_t{queues()} * options_.replication.vms;
      topology = {1, static_cast<std::uint32_t>(std::min<std::uint64_t>(all, UINT32_MAX))};
    }
    if (topology.channels_per_domain > packet::kMaxChannels) {
      throw std::runtime_error(fmt::format("{} channels in one cut: a VM has at most {}; give fewer with --channels",
                                           topology.channels_per_domain, packet::kMaxChannels));
    }
    return topology;
  }

  std::uint32_t channel_of(std::uint32_t vm, std::uint32_t record) const {
    const std::uint32_t queue = queue_index_[schedule_.trace().requests[record].queue];
    if (!options_.one_cut) return vm * topology_.channels_per_domain + queue % topology_.channels_per_domain;
    return static_cast<std::uint32_t>((std::uint64_t{vm} * queues() + queue) % topology_.channels_per_domain);
  }

  VMBS_VSP_REQUEST request(std::uint32_t vm, std::uint32_t record) const {
    const auto& requests = schedule_.trace().requests;
    return bench::vsp_request(requests[record], std::uint64_t{vm} * requests.size() + record);
  }

  // Where the peak is, and how many packets each channel must hold: no request of the trace waits for a slot.
  void survey() {
    progress_("survey", 0, schedule_.requests());
    const Survey survey = schedule_.survey(
        topology_.channels(), [this](std::uint32_t vm, std::uint32_t record) { return channel_of(vm, record); });
    result_.save_at_ns = options_.save_at_ns.value_or(survey.peak_time_ns);
    if (result_.save_at_ns > survey.end_ns) {
      throw std::runtime_error(
          fmt::format("--save-at {} ns is after the end of the trace ({} ns)", result_.save_at_ns, survey.end_ns));
    }
    expect_saveable(survey.peak);
    for (const std::uint32_t peak : survey.channel_peaks) {
      quotas_.push_back(std::max(peak, kDefaultQuota));
      if (vsp_.deliver != nullptr) sends_.push_back(std::max(peak, kDefaultSends));
    }
    result_.requests = schedule_.requests();
    result_.channels = topology_.channels();
    result_.epochs = topology_.domains;
    result_.checksum = save_options().checksum;
  }

  // Most of a recording that was cut off, say, never completes.
  void expect_saveable(std::uint64_t peak) const {
    const std::uint64_t most = std::uint64_t{image::kMaxPackets} * topology_.domains;
    if (peak <= most) return;
    throw std::runtime_error(
        fmt::format("{} requests in use at a time, a save holds at most {}: if their completions are "
                    "not in the trace, assume a --service-time",
                    peak, most));
  }

  void play(Machine& machine) {
    std::uint64_t done = 0;
    schedule_.for_each_event(result_.save_at_ns, [&](const Event& event) {
      const VMBS_VSP_REQUEST r = request(event.vm, event.record);
      if (event.submit) {
        machine.put_in_use(channel_of(event.vm, event.record), r);
        if ((++done & 0xFFFF) == 0) progress_("replay", done, schedule_.requests());
      } else if (event.settle) {
        machine.settle(r.record + 1, STATUS_SUCCESS);
      } else if (r.operation == VMBS_VSP_RECEIVE) {
        machine.answer(r.record);
      } else {
        machine.complete(r.record + 1);
      }
      return true;
    });
    result_.packets_in_use = machine.in_use();
    result_.receives_in_use = machine.receives_in_use();
  }

  // What the trace says must be in each image; found without the machine, but for what its guests were told of frames:
  // transaction ids and receive buffers are the VSP's choice.
  void expect(const Machine& machine) {
    expected_.assign(topology_.domains, ExpectedChannels(topology_.channels_per_domain));
    std::uint64_t count = 0;
    for (const Schedule::InUse& r : schedule_.in_use_at(result_.save_at_ns)) {
      const std::uint32_t channel = channel_of(r.vm, r.record);
      expected_[channel / topology_.channels_per_domain][channel % topology_.channels_per_domain].push_back(
          seen(machine, r));
      ++count;
    }
    if (count != result_.packets_in_use) {
      throw CheckFailed(fmt::format("{} packets in use, the trace has {}", result_.packets_in_use, count));
    }
    for (ExpectedChannels& channels : expected_) {
      for (auto& requests : channels) bench::put_receives_last(requests);
    }
  }

  VMBS_VSP_REQUEST seen(const Machine& machine, const Schedule::InUse& in_use) {
    VMBS_VSP_REQUEST r = request(in_use.vm, in_use.record);
    if (r.operation == VMBS_VSP_RECEIVE) return machine.received(r.record);
    if (r.operation != VMBS_VSP_TRANSMIT) return r;
    ++result_.transmits_in_use;
    if (in_use.settled) {
      ++result_.transmits_settled;
      r.outcome = VMBS_VSP_SENT;
    }
    return r;
  }

  SaveOptions save_options() const { return {.executor = executor_.get(), .plan = options_.plan}; }

  bool same(std::span<const std::byte> image, std::uint32_t domain, const bench::StatesOfVsp& states) {
    const std::string why = bench::difference(image, expected_[domain], vsp_, bench::Checksums::kChecked, states);
    if (!why.empty()) result_.difference = fmt::format("epoch {}: {}", domain, why);
    return why.empty();
  }

  // The first save is cold and compared with the trace; each warm one is compared with the first between two timed
  // saves.
  bool save_and_check(Machine& source) {
    for (std::uint32_t domain = 0; domain < topology_.domains; ++domain) {
      const SavedDomain saved = source.save(domain, save_options());
      images_.push_back(bench::gather(saved.image));
      const std::vector<std::byte>& image = images_.back();
      result_.cold_save_ns += saved.save_ns;
      result_.image_bytes += image.size();
      if (!same(image, domain, {.found = &states_.emplace_back()})) return false;
      write_image(image, domain);
    }
    for (auto& samples : result_.phase_ns) samples.reserve(options_.repeat);
    for (std::uint32_t i = 0; i < options_.repeat; ++i) {
      if ((i & 0xF) == 0) progress_("save", i, options_.repeat);
      if (!save_once(source)) return false;
    }
    result_.verified = true;
    return true;
  }

  bool save_once(Machine& source) {
    std::uint64_t save_ns = 0;
    std::uint64_t phase_ns[kSavePhases] = {};
    for (std::uint32_t domain = 0; domain < topology_.domains; ++domain) {
      const SavedDomain saved = source.save(domain, save_options());
      save_ns += saved.save_ns;
      for (unsigned p = 0; p < kSavePhases; ++p) phase_ns[p] += saved.report.phase_ns[p];
      result_.plan = saved.report.plan;
      result_.threads_taken = saved.report.threads;
      if (!bench::is_same(saved.image, images_[domain])) {
        result_.difference = fmt::format("epoch {}: save {} differs from the first", domain, result_.save_ns.size());
        return false;
      }
    }
    result_.save_ns.push_back(save_ns);
    for (unsigned p = 0; p < kSavePhases; ++p) result_.phase_ns[p].push_back(phase_ns[p]);
    return true;
  }

  // Fresh channels, the same packets, the same bytes when saved again; then every restored request runs to its
  // completion.
  void restore_and_check(const Machine& source) {
    progress_("restore", 0, topology_.domains);
    Machine destination(vsp_, topology_, quotas_, sends_);
    for (std::uint32_t domain = 0; domain < topology_.domains; ++domain) {
      result_.restore_ns += destination.restore(domain, images_[domain], executor_.get()).restore_ns;
      const SavedDomain again = destination.save(domain, save_options());
      if (!same(bench::gather(again.image), domain, {.known = &states_[domain]})) return;
    }
    destination.start();
    if (holds_frames(schedule_.trace())) {
      finish_frames(source, destination);
    } else {
      finish_requests(destination);
    }
  }

  // A transmit is completed by the re-issue itself, a receive when its guest answers.
  void finish_frames(const Machine& source, Machine& destination) {
    destination.inherit(source);
    destination.reissue();
    destination.complete_all();
    result_.restored =
        destination.delivered() == result_.transmits_in_use && destination.answered() == result_.receives_in_use;
    if (!result_.restored) {
      result_.difference = fmt::format("restored: {} transmits completed and {} receives answered",
                                       destination.delivered(), destination.answered());
    }
  }

  void finish_requests(Machine& destination) {
    destination.reissue();
    if (destination.in_use() != result_.packets_in_use) {
      result_.difference = fmt::format("{} restored requests were re-issued", destination.in_use());
      return;
    }
    destination.complete_all();
    result_.restored = destination.delivered() == result_.packets_in_use;
    if (!result_.restored) result_.difference = fmt::format("restored: {} requests completed", destination.delivered());
  }

  // Before minutes of work, and before the first of several is written.
  void expect_images_writable() const {
    for (const std::string& file : image_files_) bench::expect_writable(file);
  }

  void write_image(std::span<const std::byte> image, std::uint32_t domain) const {
    if (!image_files_.empty()) bench::write_file(image_files_[domain], image);
  }

  const VMBS_VSP& vsp_;
  const Options& options_;
  const Progress& progress_;
  const Schedule schedule_;
  const std::vector<std::uint32_t> queue_index_;
  const Topology topology_;
  const std::vector<std::string> image_files_;  // by epoch; empty: none is written
  const std::unique_ptr<Executor> executor_;    // of every save and restore; null: this thread alone
  std::vector<std::uint32_t> quotas_;
  std::vector<std::uint32_t> sends_;            // empty: the VSP sends nothing
  std::vector<ExpectedChannels> expected_;      // by epoch
  std::vector<std::vector<std::byte>> images_;  // by epoch
  std::vector<bench::SavedStates> states_;      // by epoch, of a VSP that does not say what they must be
  Result result_;
};

}  // namespace

std::vector<std::string> image_files(const Options& options) {
  if (options.image_file.empty()) return {};
  const std::uint32_t epochs = options.one_cut ? 1 : options.replication.vms;
  if (epochs == 1) return {options.image_file};
  std::vector<std::string> files;
  for (std::uint32_t epoch = 0; epoch < epochs; ++epoch) {
    files.push_back(fmt::format("{}.{}", options.image_file, epoch));
  }
  return files;
}

Result run(const trace::Trace& trace, const VMBS_VSP& vsp, const Options& options, const Progress& progress) {
  return Replay(trace, vsp, options, progress).run();
}

}  // namespace vmbsave::replay
