#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "trace/json_field.hpp"
#include "trace/profile.hpp"
#include "trace/profile_names.hpp"
#include "trace/readers.hpp"

namespace vmbsave::trace {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::size_t kMostLevels = 64;
constexpr std::uint64_t kLatestNs = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kMostQueues = 65'536;

Json parsed(std::string_view json, const std::string& where) {
  constexpr int kDeepest = 16;  // ours has 5 levels
  if (json.size() > kMostBytes) {
    throw std::runtime_error(fmt::format("{}: expected at most {} bytes, found {}", where, kMostBytes, json.size()));
  }
  try {
    return Json::parse(json, [](int depth, auto, auto&) {
      if (depth > kDeepest) throw std::runtime_error("JSON of too many levels");
      return true;
    });
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    throw std::runtime_error(fmt::format("{}: expected JSON, of {} levels at most", where, kDeepest));
  }
}

class Reader {
 public:
  explicit Reader(const JsonField& root) : root_(root) {}

  Profile profile() {
    read_head();
    read_trace();
    read_operations();
    read_sizes();
    read_queues();
    read_arrivals();
    read_in_use();
    return std::move(profile_);
  }

 private:
  // One of two words.
  static bool is_second(const JsonField& field, const std::string& first, const std::string& second) {
    const std::string word = field.text();
    if (word != first && word != second) field.fail(fmt::format("'{}' or '{}'", first, second));
    return word == second;
  }

  // Requests that are among those `left`, which they are taken from.
  static std::uint64_t part_of(std::uint64_t& left, const JsonField& field, std::uint64_t least) {
    const std::uint64_t requests = field.number(least, kMostRequests);
    if (requests > left) field.fail(fmt::format("at most {}, as the trace has no more requests", left));
    left -= requests;
    return requests;
  }

  static void expect_none_left(std::uint64_t left, const JsonField& field) {
    if (left != 0) field.fail(fmt::format("requests that add up to those of the trace, {} more", left));
  }

  std::uint64_t most_in_use() const { return std::min(profile_.requests, kMostInUse); }

  void read_head() {
    const JsonField schema = root_.at("schema");
    if (schema.text() != kProfileSchema) schema.fail(fmt::format("'{}'", kProfileSchema));
    profile_.name = root_.at("name").text();
    profile_.source = root_.at("source").text();
    profile_.credit = root_.at("credit").text();
    const bool network = is_second(root_.at("kind"), kind_name(ProfileKind::kBlock), kind_name(ProfileKind::kNetwork));
    profile_.kind = network ? ProfileKind::kNetwork : ProfileKind::kBlock;
  }

  void read_trace() {
    const JsonField trace = root_.at("trace");
    profile_.format = trace.at("format").text();
    profile_.requests = trace.at("requests").number(1, kMostRequests);
    profile_.span_ns = trace.at("span_ns").number(0, kLatestNs);
    const JsonField completions = root_.at("completions");
    profile_.completed = completions.at("measured").number(0, profile_.requests);
    profile_.service_time_ns = completions.at("service_time_ns").number(1, kLongestServiceNs);
  }

  void read_operations() {
    const JsonField operations = root_.at("operations");
    std::uint64_t left = profile_.requests;
    for (const Operation operation : operations_of(profile_.kind)) {
      profile_.operations[static_cast<std::size_t>(operation)] =
          part_of(left, operations.at(operation_name(operation)), 0);
    }
    expect_none_left(left, operations);
  }

  void read_sizes() {
    const JsonField sizes = root_.at("sizes");
    profile_.size_step = static_cast<std::uint32_t>(sizes.at("rounded_up_to").number(1, std::uint64_t{1} << 31));
    profile_.min_count = sizes.at("min_count").number(1, kMostRequests);
    std::uint64_t left = profile_.requests - profile_.operations[static_cast<std::size_t>(Operation::kDiscard)];
    const JsonField left_out = sizes.at("left_out");
    profile_.left_out_sizes = left_out.at("sizes").number(0, kMostSizes);
    profile_.left_out_requests = part_of(left, left_out.at("requests"), 0);
    for (const JsonField& size : sizes.at("of_trace").elements(1, kMostSizes)) {
      profile_.sizes.push_back({read_bytes(size.at("bytes")), part_of(left, size.at("requests"), 1)});
    }
    expect_none_left(left, sizes.at("of_trace"));
  }

  std::uint32_t read_bytes(const JsonField& field) const {
    const std::uint64_t bytes = field.number(1, std::numeric_limits<std::uint32_t>::max());
    if (profile_.kind == ProfileKind::kBlock && bytes % kSectorBytes != 0) field.fail("a multiple of 512");
    return static_cast<std::uint32_t>(bytes);
  }

  void read_queues() {
    const JsonField queues = root_.at("queues");
    profile_.queues_drawn_evenly = is_second(queues.at("drawn"), kByRequests, kEvenly);
    std::uint64_t left = profile_.requests;
    for (const JsonField& queue : queues.at("of_trace").elements(1, kMostQueues)) {
      const std::uint64_t least = profile_.queues.empty() ? 0 : profile_.queues.back().queue + std::uint64_t{1};
      const auto number = static_cast<std::uint16_t>(queue.at("queue").number(least, kMostQueues - 1));
      profile_.queues.push_back({number, part_of(left, queue.at("requests"), 1)});
    }
    expect_none_left(left, queues.at("of_trace"));
  }

  // Both ascend; the last share is 1.
  static std::vector<Level> read_levels(const JsonField& field, std::uint64_t least, std::uint64_t most) {
    std::vector<Level> levels;
    double share = 0;
    for (const JsonField& level : field.elements(1, kMostLevels)) {
      levels.push_back({level.at("share").fraction(0, 1), level.at("in_use").number(least, most)});
      if (levels.back().share <= share) level.at("share").fail(fmt::format("more than the one before, {}", share));
      share = levels.back().share;
      least = levels.back().in_use;
    }
    if (share != 1) field.fail("a last share of 1");
    return levels;
  }

  void read_arrivals() {
    const JsonField arrivals = root_.at("arrivals");
    const JsonField second = arrivals.at("busiest_second");
    profile_.busiest_second_start_ns = second.at("start_ns").number(0, profile_.span_ns);
    profile_.busiest_second_requests = second.at("requests").number(1, profile_.requests);
    profile_.arrivals = read_levels(arrivals.at("levels"), 1, most_in_use());
  }

  void read_in_use() {
    const JsonField in_use = root_.at("in_use");
    profile_.peak = in_use.at("peak").number(0, most_in_use());
    profile_.end_ns = in_use.at("end_ns").number(profile_.span_ns, kLatestNs);
    profile_.peak_at_ns = in_use.at("peak_at_ns").number(0, profile_.end_ns);
    profile_.mean = in_use.at("mean").fraction(0, static_cast<double>(profile_.peak));
    profile_.over_time = read_levels(in_use.at("levels"), 0, profile_.peak);
    read_buckets(in_use.at("buckets"));
  }

  void read_buckets(const JsonField& buckets) {
    profile_.bucket_ns = buckets.at("bucket_ns").number(1, kLatestNs);
    const std::uint64_t count =
        std::max<std::uint64_t>(1, (profile_.end_ns + profile_.bucket_ns - 1) / profile_.bucket_ns);
    if (count > kMostBuckets) buckets.at("bucket_ns").fail(fmt::format("at most {} of them to end_ns", kMostBuckets));
    for (const JsonField& mean : buckets.at("means").elements(count, count)) {
      profile_.bucket_means.push_back(mean.fraction(0, static_cast<double>(profile_.peak)));
    }
    for (const JsonField& most : buckets.at("peaks").elements(count, count)) {
      profile_.bucket_peaks.push_back(most.number(0, profile_.peak));
    }
  }

  const JsonField root_;
  Profile profile_;
};

}  // namespace

Profile parse_profile(std::string_view json, const std::string& where) {
  const Json root = parsed(json, where);
  return Reader(JsonField(root, where)).profile();
}

}  // namespace vmbsave::trace
