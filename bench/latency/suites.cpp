#include "latency/suites.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "image/format.hpp"
#include "latency/stage.hpp"
#include "packet/vm.hpp"
#include "scenarios/save_latency/state_mix.hpp"

namespace vmbsave::bench {
namespace {

using Rows = std::vector<RowSpec>;
constexpr auto kExact = SavePlan::kExact;
constexpr auto kFused = SavePlan::kFused;
constexpr unsigned kSaves = 1000;
constexpr unsigned kSavesForAMedian = 150;  // of what is slow: slow callbacks, the largest images, peers elsewhere
constexpr unsigned kSavesOfAPeer = 50;  // at the middle point and of 4 KiB: one takes 3 to 30 times the engine's time
constexpr unsigned kSavesAtTheLimits = 20;  // of a second or so each

// Every implementation at one point, warm and cold, with and without the checksum, with `many` threads and with one.
void add_all(Rows& rows, const Point& point, unsigned many, unsigned saves) {
  const auto add = [&](RowSpec row) {
    row.point = point;
    row.saves = saves;
    rows.push_back(row);
  };
  add({.kind = Kind::kDocumentedSequential});
  for (const Kind floor : {Kind::kCopyFloor, Kind::kContractFloor}) {
    for (const unsigned threads : {1u, many}) add({.kind = floor, .threads = threads});
  }
  for (const unsigned threads : {1u, many}) add({.plan = kExact, .threads = threads});
  for (const unsigned threads : {1u, many}) add({.plan = kFused, .threads = threads});
  for (const unsigned threads : {1u, many}) add({.plan = kFused, .threads = threads, .checksum = true});
  for (const unsigned threads : {1u, many}) add({.kind = Kind::kCFace, .threads = threads});
  add({.kind = Kind::kDocumentedSequential, .cold = true});
  add({.kind = Kind::kCopyFloor, .threads = many, .cold = true});
  add({.plan = kExact, .threads = many, .cold = true});
  add({.plan = kFused, .threads = many, .cold = true});
}

// 90 % of the packets on one channel: it is saved in parallel only if its callbacks may run concurrently.
void add_skew(Rows& rows, Point point, unsigned many, unsigned saves) {
  point.skew_percent = 90;
  for (const bool concurrent : {true, false}) {
    point.concurrent_callbacks = concurrent;
    rows.push_back({.plan = kFused, .point = point, .threads = many, .saves = saves});
  }
}

void add_both_plans(Rows& rows, const Point& point, unsigned threads, unsigned saves) {
  for (const SavePlan plan : {kExact, kFused}) {
    rows.push_back({.plan = plan, .point = point, .threads = threads, .saves = saves});
  }
}

// Both plans through C++, and one through C.
void add_factor(Rows& rows, const Point& point, unsigned threads, unsigned saves = kSaves) {
  add_both_plans(rows, point, threads, saves);
  rows.push_back({.kind = Kind::kCFace, .point = point, .threads = threads, .saves = saves});
}

// What people would use instead: those with one thread, and those with as many as there are.
void add_peers(Rows& rows, const Point& point, unsigned many, unsigned saves) {
  const auto add = [&](Kind kind, unsigned threads) {
    rows.push_back({.kind = kind, .point = point, .threads = threads, .saves = saves});
  };
  for (const Kind kind : {Kind::kMutexList, Kind::kOpenvmmShape, Kind::kFlatbuffers}) add(kind, 1);
  for (const Kind kind :
       {Kind::kQemuShape, Kind::kPmrMonotonic, Kind::kMallocPerPacket, Kind::kMimallocPerPacket, Kind::kTbbScalable}) {
    for (const unsigned threads : {1u, many}) add(kind, threads);
  }
}

// What the quick suite leaves out of the C face at its point.
void add_c_face(Rows& rows, unsigned threads) {
  constexpr auto kC = Kind::kCFace;
  rows.push_back({.kind = kC, .plan = kExact, .threads = threads, .saves = kSaves});
  rows.push_back({.kind = kC, .threads = threads, .checksum = true, .saves = kSaves});
  rows.push_back({.kind = kC, .threads = threads, .cold = true, .saves = kSaves});
  for (const bool concurrent : {true, false}) {
    const Point skewed{.skew_percent = 90, .concurrent_callbacks = concurrent};
    rows.push_back({.kind = kC, .point = skewed, .threads = threads, .saves = kSaves});
  }
}

void add_quick(Rows& rows, unsigned many) {
  add_all(rows, {}, many, kSaves);
  add_peers(rows, {}, many, kSavesOfAPeer);
  add_skew(rows, {}, many, kSaves);
}

// A VM whose packets lie in memory as they arrived: what it is worth to the documented protocol, which goes in that
// order, and to the engine, which does not.
void add_in_order(Rows& rows, unsigned threads, unsigned saves) {
  constexpr Point kInOrder{.in_order = true};
  rows.push_back({.kind = Kind::kDocumentedSequential, .point = kInOrder, .saves = saves});
  rows.push_back({.plan = kFused, .point = kInOrder, .threads = threads, .saves = saves});
}

// As many packets as there is memory for, which may be fewer than at the centre.
Point with_states_of(std::uint32_t bytes, std::uint64_t memory_bytes) {
  constexpr std::uint32_t kFewest = 1024;
  Point point{.state_min_bytes = bytes, .state_max_bytes = bytes};
  const auto needs = [&] { return rig_bytes(point) + 3 * image_bytes(point); };
  while (point.packets > kFewest && memory_bytes / 2 < needs()) point.packets /= 4;
  return point;
}

void add_states(Rows& rows, unsigned many, std::uint64_t memory_bytes) {
  for (const std::uint32_t bytes : {0u, 32u, 272u, 624u}) add_factor(rows, with_states_of(bytes, memory_bytes), many);
  constexpr std::uint32_t kLargest = 16'384;
  for (const std::uint32_t bytes : {4096u, kLargest}) {
    add_factor(rows, with_states_of(bytes, memory_bytes), many, kSavesForAMedian);
  }
  // Too large an image for a row of this suite: said, not passed over.
  add_factor(rows, {.packets = 262'144, .state_min_bytes = kLargest, .state_max_bytes = kLargest}, many,
             kSavesForAMedian);
  for (const std::uint32_t percent : {0u, 50u}) add_factor(rows, {.stateful_percent = percent}, many);
  for (const Mix mix : {Mix::kOpenCas, Mix::kCloudPhysics}) add_factor(rows, mixed_point({}, mix), many);
}

void add_callbacks(Rows& rows, unsigned many) {
  for (const std::uint32_t ns : {50u, 500u}) add_factor(rows, {.callback_ns = ns}, many, kSavesForAMedian);
  add_factor(rows, {.slow_callback_ns = 20'000}, many, kSavesForAMedian);
}

// One factor at a time around the point of the quick suite.
void add_factors(Rows& rows, unsigned many, unsigned cpus, std::uint64_t memory_bytes) {
  for (const std::uint32_t channels : {1u, 4u, 64u, 256u, 1023u}) {
    add_factor(rows, {.channels = channels}, many);
  }
  for (const std::uint32_t packets : {64u, 1024u, 16'384u}) add_factor(rows, {.packets = packets}, many);
  for (const std::uint32_t packets : {262'144u, 1'048'576u}) {
    add_factor(rows, {.packets = packets}, many, kSavesForAMedian);
  }
  for (const std::uint32_t packets : {64u, 1024u}) add_peers(rows, {.packets = packets}, many, kSavesForAMedian);
  add_peers(rows, with_states_of(4096, memory_bytes), many, kSavesOfAPeer);
  add_peers(rows, mixed_point({}, Mix::kOpenCas), many, kSavesForAMedian);
  add_states(rows, many, memory_bytes);
  add_callbacks(rows, many);
  add_c_face(rows, many);
  add_in_order(rows, many, kSaves);
  for (const unsigned threads : {1u, many}) {
    rows.push_back({.plan = kFused, .threads = threads, .first_touch = true, .saves = kSaves});
  }
  for (const unsigned threads : {1u, many}) {
    rows.push_back({.plan = kFused, .threads = threads, .small_pages = true, .saves = kSaves});
  }
  if (cpus >= 3) add_both_plans(rows, {}, 3, kSaves);  // with 4 CPUs, a law needs it
  for (unsigned threads = 4; threads <= cpus; threads *= 2) add_both_plans(rows, {}, threads, kSaves);
  add_both_plans(rows, {}, cpus, kSaves);
}

void add_limits(Rows& rows, unsigned many) {
  for (const Point& point : {Point{.packets = image::kMaxPackets},
                             Point{.channels = packet::kMaxChannels, .packets = packet::kMaxChannels * 512},
                             Point{.packets = image::kMaxPackets, .state_min_bytes = 4224, .state_max_bytes = 4224}}) {
    add_both_plans(rows, point, many, kSavesAtTheLimits);
  }
}

// What the bar is about: the engine at the middle point, the smallest save, what people would use instead, and the
// steps of the cost slope. Rows are repeated, in a random order: the saves are those of one repetition.
void add_bar(Rows& rows, unsigned many) {
  constexpr unsigned kSavesARepetition = 48;
  for (const bool checksum : {false, true}) {
    for (const unsigned threads : {1u, many}) {
      rows.push_back({.plan = kFused, .threads = threads, .checksum = checksum, .saves = kSavesARepetition});
    }
  }
  for (const unsigned threads : {1u, many}) {
    rows.push_back({.kind = Kind::kContractFloor, .threads = threads, .saves = kSavesARepetition});
  }
  constexpr Point kSmall{.channels = 1, .packets = 64};
  rows.push_back({.point = kSmall, .threads = many, .saves = kSavesARepetition});
  constexpr unsigned kFewSaves = 8;
  add_peers(rows, {}, many, kFewSaves);
  for (const std::uint32_t packets : {64u, 1024u}) add_peers(rows, {.packets = packets}, many, kSavesARepetition);
  constexpr unsigned kShortSaves = 200;
  for (const std::uint32_t packets : {1024u, 2048u, 4096u, 8192u}) {
    rows.push_back({.plan = kFused, .point = {.packets = packets}, .saves = kShortSaves});
  }
  constexpr unsigned kLargeSaves = 6;
  for (const std::uint32_t packets : {131'072u, 262'144u, 524'288u, 1'048'576u}) {
    rows.push_back({.plan = kFused, .point = {.packets = packets}, .saves = kLargeSaves});
  }
  for (const std::uint32_t packets : {8192u, 131'072u}) {
    rows.push_back({.kind = Kind::kCopyFloor, .point = {.packets = packets}, .saves = kLargeSaves});
  }
}

void add_smoke(Rows& rows, unsigned many) {
  constexpr Point kSmall{.channels = 2, .packets = 64};
  constexpr unsigned kFew = 20;
  add_all(rows, kSmall, many, kFew);
  add_peers(rows, kSmall, many, kFew);
  add_skew(rows, kSmall, many, kFew);
}

// On one CPU, many threads are one.
void drop_repeated(Rows& rows) {
  Rows unique;
  for (const RowSpec& row : rows) {
    const auto same = [&](const RowSpec& other) { return row_name(other) == row_name(row); };
    if (std::none_of(unique.begin(), unique.end(), same)) unique.push_back(row);
  }
  rows = std::move(unique);
}

// Each once, whether it is left out or not.
Rows all_rows(const std::string& name, unsigned cpus, std::uint64_t memory_bytes) {
  const unsigned many = std::min(2u, cpus);
  Rows rows;
  if (name == "smoke") {
    add_smoke(rows, many);
  } else if (name == "quick") {
    add_quick(rows, many);
  } else if (name == "full") {
    add_quick(rows, many);
    add_factors(rows, many, cpus, memory_bytes);
  } else if (name == "bar") {
    add_bar(rows, many);
  } else if (name == "image") {
    // Transfers only.
  } else if (name == "long") {
    add_limits(rows, many);
  } else {
    throw std::invalid_argument("no suite '" + name + "'");
  }
  drop_repeated(rows);
  return rows;
}

// The long suite is there for the largest images.
bool is_left_out(const std::string& suite, const RowSpec& row) {
  constexpr std::uint64_t kLargestImage = std::uint64_t{2} << 30;
  return suite != "long" && image_bytes(row.point) > kLargestImage;
}

}  // namespace

std::vector<std::string> suite_names() { return {"smoke", "quick", "bar", "image", "full", "long"}; }

Rows suite_rows(const std::string& name, unsigned cpus, std::uint64_t memory_bytes) {
  Rows rows = all_rows(name, cpus, memory_bytes);
  std::erase_if(rows, [&](const RowSpec& row) { return is_left_out(name, row); });
  return rows;
}

std::vector<report::LeftOutRow> left_out_rows(const std::string& name, unsigned cpus, std::uint64_t memory_bytes) {
  std::vector<report::LeftOutRow> left_out;
  for (const RowSpec& row : all_rows(name, cpus, memory_bytes)) {
    if (!is_left_out(name, row)) continue;
    const std::uint64_t mib = image_bytes(row.point) >> 20;
    left_out.push_back({row_name(row), fmt::format("its image of {} MiB exceeds 2 GiB", mib)});
  }
  return left_out;
}

}  // namespace vmbsave::bench
