// examine.cpp: the order of an examination. What would only follow from a finding is left out, and the report says so.
#include <initializer_list>
#include <string>
#include <vector>

#include "verify/concurrency_exam.hpp"
#include "verify/cost.hpp"
#include "verify/course.hpp"
#include "verify/heap.hpp"
#include "verify/not_checked.hpp"
#include "verify/restore_exam.hpp"
#include "verify/save_exam.hpp"
#include "verify/subject.hpp"

namespace vmbsave::verify {
namespace {

constexpr std::uint32_t kMostPackets = 1u << 20;

void require_usable(const VMBS_VSP& vsp, const Options& options) {
  if (vsp.version != VMBS_VSP_VERSION || vsp.size != sizeof(VMBS_VSP)) {
    throw NotChecked("the VSP's description has version " + std::to_string(vsp.version) + " and " +
                     std::to_string(vsp.size) + " bytes, expected version " + std::to_string(VMBS_VSP_VERSION) +
                     " and " + std::to_string(sizeof(VMBS_VSP)));
  }
  if (vsp.configure == nullptr || vsp.complete == nullptr || vsp.encode == nullptr) {
    throw NotChecked("the VSP's description needs configure, complete and encode");
  }
  if (options.packets == 0 || options.packets > kMostPackets || options.channels == 0 ||
      options.channels > kMaxChannels || options.channels > options.packets) {
    throw NotChecked("expected 1 to 2^20 packets and 1 to 64 channels, and no more channels than packets");
  }
}

// Nothing of the library's own memory is safe from such a SavePacket.
constexpr std::initializer_list<Check> kUnsafe = {Check::kOverruns, Check::kTouchesSizingBuffer};
// What a save would fail for, or would lose.
constexpr std::initializer_list<Check> kUnsavable = {Check::kSucceedsWithNeeded,
                                                     Check::kFailsWithoutNeeded,
                                                     Check::kAsksTooMuch,
                                                     Check::kGrows,
                                                     Check::kSecondCallFails,
                                                     Check::kPends,
                                                     Check::kThrows,
                                                     Check::kClaimsMore,
                                                     Check::kSizesDiffer,
                                                     Check::kCompletesInside};

class Examination {
 public:
  Examination(const VMBS_VSP& vsp, const Options& options) : course_(vsp, options) {}

  Report run() {
    try {
      require_usable(course_.vsp, course_.options);
      examine_source();
      if (course_.findings.has_any(kUnsafe) || course_.findings.has_any(kUnsavable)) {
        leave_out("RestorePacket and what follows: what SavePacket gives is of no use to it");
      } else {
        examine_restores(course_, streams_, packets_, pending_);
      }
      compare_with_budget(course_, packets_);
    } catch (const NotChecked& why) {
      if (packets_.empty()) {
        report_.not_checked = why.what();
      } else {
        leave_out(why.what());
      }
    }
    report_.findings = course_.findings.in_order();
    report_.left_out = course_.left_out;
    report_.calls = course_.calls;
    return report_;
  }

 private:
  void leave_out(const char* what) { course_.left_out.emplace_back(what); }

  // One VM with packets in use, saved and then emptied.
  void examine_source() {
    Subject source(course_);
    source.start();
    Requests requests(course_.options.seed, course_.vsp.max_state_bytes, course_.vsp.deliver != nullptr);
    source.fill(requests, course_.options.packets);
    if (source.pending().empty()) {
      throw NotChecked("no packet stays in use: the VSP takes none of the requests, or completes each at once");
    }
    report_.packets = source.pending().size();
    pending_ = source.pending();
    examine_saves(source);
    end_source(source, requests);
  }

  void examine_saves(Subject& source) {
    if (!source.begin_saves()) throw NotChecked("VmbChannelSaveBegin failed");
    SaveExam exam(source);
    packets_ = exam.run();
    const bool is_safe = !course_.findings.has_any(kUnsafe);
    if (is_safe) {
      examine_concurrency(course_, packets_);
      time_saves(course_, packets_, report_);
      look_for_leaks(course_, packets_);
      if (!course_.findings.has_any(kUnsavable) && save_streams(source, streams_)) {
        const ForgetfulHeap heap;
        source.complete_half();
        exam.look_at_completed(packets_);
      }
    } else {
      leave_out("saves by the library, and by several threads: the callback writes where it must not");
    }
    source.end_saves();
  }

  // Slots are used again before the other packets end, so that a handle kept too long means another request.
  void end_source(Subject& source, Requests& requests) {
    source.complete_half();
    source.fill(requests, course_.options.packets);
    source.complete_all();
    if (source.awaits_requests()) {
      leave_out("the end of the source: requests are still awaited");
    } else {
      source.finish();
    }
  }

  Course course_;
  Report report_;
  std::vector<Examined> packets_;  // their targets are gone with the source
  PendingPackets pending_;
  Streams streams_;
};

}  // namespace

Report examine(const VMBS_VSP& vsp, const Options& options) { return Examination(vsp, options).run(); }

}  // namespace vmbsave::verify
