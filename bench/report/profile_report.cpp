#include "report/profile_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/one_line.hpp"
#include "report/result_text.hpp"
#include "trace/profile_names.hpp"

namespace vmbsave::report {
namespace {

using trace::Profile;

constexpr std::size_t kShownRows = 12;

std::string ns_text(std::uint64_t ns) { return duration_text(static_cast<double>(ns)); }

double percent_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string completions_text(const Profile& profile) {
  if (profile.completed == 0) return fmt::format("assumed, {} after submission", ns_text(profile.service_time_ns));
  const std::string of = profile.completed == profile.requests ? "" : fmt::format(" of {} requests", profile.completed);
  return fmt::format("measured{}, on average {} after submission", of, ns_text(profile.service_time_ns));
}

std::string operations_text(const Profile& profile) {
  std::string text;
  for (const trace::Operation operation : trace::operations_of(profile.kind)) {
    const std::uint64_t requests = profile.operations[static_cast<std::size_t>(operation)];
    text += fmt::format("{}{} {} ({:.1f} %)", text.empty() ? "" : ", ", requests, operation_name(operation),
                        percent_of(requests, profile.requests));
  }
  return text;
}

std::string head_text(const Profile& profile) {
  std::string text = fmt::format("{}: {} requests in {} ({})\n", profile.name, profile.requests,
                                 ns_text(profile.span_ns), profile.format);
  text += fmt::format("source: {}\ncredit: {}\n", profile.source, profile.credit);
  text += fmt::format("completions: {}\n", completions_text(profile));
  text += fmt::format("operations: {}\n", operations_text(profile));
  return text + fmt::format("busiest second: {} requests, from {}\n", profile.busiest_second_requests,
                            ns_text(profile.busiest_second_start_ns));
}

// The most frequent of sizes or queues; the rest is one row.
class FrequencyTable {
 public:
  FrequencyTable(const char* what, const Profile& profile, const TextStyle& style)
      : profile_(profile), style_(style), text_(fmt::format("\n{:>10} {:>10}\n", what, "requests")) {}

  // The first has the longest bar.
  void add(std::uint64_t what, std::uint64_t requests) {
    if (rows_++ == 0) most_ = requests;
    if (rows_ > kShownRows) {
      rest_ += requests;
      return;
    }
    constexpr unsigned kBefore = 32;
    const std::string bar =
        bar_text(static_cast<double>(requests), static_cast<double>(most_), style_.columns - kBefore, style_);
    text_ += fmt::format("{:>10} {} {}\n", what, share_text(requests), bar);
  }

  // Of others that have no row of their own.
  std::string text(std::uint64_t more_rows = 0, std::uint64_t more_requests = 0) {
    const std::uint64_t rows = more_rows + (rows_ > kShownRows ? rows_ - kShownRows : 0);
    if (rows != 0)
      text_ += fmt::format("{:>10} {}\n", fmt::format("{} others", rows), share_text(rest_ + more_requests));
    return text_;
  }

 private:
  std::string share_text(std::uint64_t requests) const {
    return fmt::format("{:>10} {:>5.1f} %", requests, percent_of(requests, profile_.requests));
  }

  const Profile& profile_;
  const TextStyle& style_;
  std::string text_;
  std::uint64_t rows_ = 0;
  std::uint64_t most_ = 0;
  std::uint64_t rest_ = 0;
};

std::string sizes_text(const Profile& profile, const TextStyle& style) {
  FrequencyTable table("bytes", profile, style);
  for (const trace::SizeShare& size : profile.sizes) table.add(size.bytes, size.requests);
  const std::string text = table.text(profile.left_out_sizes, profile.left_out_requests);
  if (profile.size_step == 1) return text;
  return text +
         fmt::format("sizes are rounded up to multiples of {}, as there are too many of them\n", profile.size_step);
}

std::string queues_text(const Profile& profile, const TextStyle& style) {
  std::vector<trace::QueueShare> queues = profile.queues;
  std::stable_sort(queues.begin(), queues.end(), [](const auto& a, const auto& b) { return a.requests > b.requests; });
  FrequencyTable table("queue", profile, style);
  for (const trace::QueueShare& queue : queues) table.add(queue.queue, queue.requests);
  return table.text();
}

std::string levels_row(const char* name, const std::vector<trace::Level>& levels) {
  std::string text = fmt::format("{:<12}", name);
  for (const trace::Level& level : levels) text += fmt::format(" {:>6}", level.in_use);
  return text + "\n";
}

std::string levels_text(const Profile& profile) {
  std::string text = fmt::format("\n{:<12}", "in use");
  for (const trace::Level& level : profile.arrivals) {
    text += fmt::format(" {:>6}", level.share == 1 ? "most" : fmt::format("p{:g}", 100 * level.share));
  }
  text += '\n';
  text += levels_row("at arrivals", profile.arrivals) + levels_row("over time", profile.over_time);
  return text + fmt::format("peak {} at {}, mean {:.3f}\n\n", profile.peak, ns_text(profile.peak_at_ns), profile.mean);
}

}  // namespace

std::string profile_text(const Profile& profile, const TextStyle& style) {
  Profile shown = profile;
  for (std::string* const text : {&shown.name, &shown.source, &shown.credit, &shown.format}) {
    *text = bench::one_line(*text);
  }
  return head_text(shown) + sizes_text(shown, style) + levels_text(shown) + in_use_picture(shown, style) +
         queues_text(shown, style);
}

}  // namespace vmbsave::report
