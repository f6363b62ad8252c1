#include <fmt/format.h>

#include <charconv>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

#include "trace/octf_events.hpp"
#include "trace/octf_source.hpp"
#include "trace/readers.hpp"
#include "trace/spool_sort.hpp"

namespace vmbsave::trace {
namespace {

// The events of all queues, and what their files are called.
struct Recording {
  Spool<OctfEvent> events;
  std::map<std::uint16_t, Place> files;

  Place place_of(const OctfEvent& event) const {
    Place place = files.at(event.queue);
    place.offset = event.offset;
    return place;
  }
};

// How many messages octf.summary says were traced; absent if it does not say.
std::optional<std::uint64_t> announced_messages(const std::string& summary) {
  const nlohmann::json json = nlohmann::json::parse(summary, nullptr, false);
  if (!json.is_object() || !json.contains("tracedEvents")) return std::nullopt;
  const nlohmann::json& count = json["tracedEvents"];
  if (count.is_number_unsigned()) return count.get<std::uint64_t>();
  if (!count.is_string()) return std::nullopt;
  const std::string& text = count.get_ref<const std::string&>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// A trace that was cut between two files, or between two messages, reads well; only the summary can tell.
Recording read_recording(const std::filesystem::path& path, const Progress& progress) {
  Recording recording;
  std::uint64_t messages = 0;
  const std::string summary = visit_queue_files(path, progress, [&](const QueueFile& file) {
    recording.files.emplace(file.queue, file.start);
    messages += read_octf_events(file, recording.events);
  });
  const std::optional<std::uint64_t> announced = announced_messages(summary);
  if (announced && *announced != messages) {
    throw TraceError(path, fmt::format("expected {} events, as octf.summary says, found {} in {} octf.trace files (is "
                                       "the trace cut off?)",
                                       *announced, messages, recording.files.size()));
  }
  return recording;
}

bool happened_before(const OctfEvent& a, const OctfEvent& b) {
  return std::tie(a.time_ns, a.sid, a.queue) < std::tie(b.time_ns, b.sid, b.queue);
}

// Pairs completions with submissions. Events are taken in time order over all queues, because a request mostly
// completes on another queue than its own, and because ids are used again: a completion is that of the latest
// submission.
class Pairing {
 public:
  explicit Pairing(const Recording& recording) : recording_(recording) {}

  void take(const OctfEvent& event) {
    switch (event.kind) {
      case OctfKind::kSubmission:
        return submit(event);
      case OctfKind::kFlush:
        return open(event, kFlush);
      case OctfKind::kCompletion:
        return complete(event);
    }
  }

  Spool<Request> requests() && { return std::move(requests_); }

 private:
  static constexpr std::size_t kFlush = SIZE_MAX;

  void submit(const OctfEvent& event) {
    if (requests_.empty()) start_ns_ = event.time_ns;
    open(event, requests_.size());
    requests_.push_back({.submit_ns = event.time_ns - start_ns_,
                         .complete_ns = kNoCompletion,
                         .lba = event.lba,
                         .tag = event.id,
                         .bytes = event.bytes,
                         .first_byte = 0,
                         .queue = event.queue,
                         .operation = event.operation});
  }

  // A submission whose id is still open is no damage: the completion of the earlier one was not recorded.
  void open(const OctfEvent& event, std::size_t request) {
    check_not_complete(event);
    open_.insert_or_assign(event.id, request);
  }

  void complete(const OctfEvent& event) {
    const auto found = open_.find(event.id);
    if (found == open_.end()) {
      remember(event);  // mostly submitted before the trace began
      return;
    }
    if (found->second != kFlush) requests_[found->second].complete_ns = event.time_ns - start_ns_;
    open_.erase(found);
  }

  // Clocks of two queues differ by little: what lies back further than this is not submitted any more.
  void remember(const OctfEvent& completion) {
    constexpr std::size_t kMostUnclaimed = 65536;
    unclaimed_.insert_or_assign(completion.id, &completion);
    latest_.push_back(&completion);
    if (latest_.size() <= kMostUnclaimed) return;
    const auto oldest = unclaimed_.find(latest_.front()->id);
    if (oldest != unclaimed_.end() && oldest->second == latest_.front()) unclaimed_.erase(oldest);
    latest_.pop_front();
  }

  // By sequence number the submission came first, but the completion has the earlier time stamp.
  void check_not_complete(const OctfEvent& event) {
    const auto found = unclaimed_.find(event.id);
    if (found == unclaimed_.end()) return;
    const OctfEvent& completion = *found->second;
    if (completion.sid > event.sid) {
      throw TraceError(recording_.place_of(completion),
                       fmt::format("expected request {:#x} to complete after its submission at {} ns ({}, offset {}), "
                                   "found a completion at {} ns",
                                   event.id, event.time_ns, recording_.files.at(event.queue).member, event.offset,
                                   completion.time_ns));
    }
    unclaimed_.erase(found);
  }

  const Recording& recording_;
  Spool<Request> requests_;
  std::unordered_map<std::uint64_t, std::size_t> open_;  // id: the request, or kFlush
  std::unordered_map<std::uint64_t, const OctfEvent*> unclaimed_;
  std::deque<const OctfEvent*> latest_;  // the last completions without a submission, also those claimed since
  std::uint64_t start_ns_ = 0;
};

}  // namespace

Trace read_octf(const std::filesystem::path& path, const Progress& progress) {
  Recording recording = read_recording(path, progress);
  sort_stably(recording.events, happened_before);
  Pairing pairing(recording);
  for (const OctfEvent& event : recording.events) pairing.take(event);

  Trace trace;
  trace.format = "octf";
  trace.requests = std::move(pairing).requests();
  if (trace.requests.empty()) {
    throw TraceError(path, fmt::format("expected requests, found none in {} octf.trace files", recording.files.size()));
  }
  return trace;
}

}  // namespace vmbsave::trace
