#include "report/bar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "scenarios/save_latency/point.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
using Values = std::vector<double>;

std::optional<double> optional(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

Median median_of(const Json& json) {
  return {optional(json.at("p50")), optional(json.at("low")), optional(json.at("high"))};
}

Median exactly(double value) { return {value, value, value}; }

// The middle one, in an interval: also of as few samples as there are repetitions.
Median middle_of(Values values) {
  Median result = median(values);
  if (values.empty()) return result;
  std::sort(values.begin(), values.end());
  result.p50 = (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
  return result;
}

// Slope of a straight line through (log x, log y).
double log_slope(const Values& xs, const Values& ys) {
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    mean_x += std::log(xs[i]) / static_cast<double>(xs.size());
    mean_y += std::log(ys[i]) / static_cast<double>(xs.size());
  }
  double above = 0;
  double below = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    above += (std::log(xs[i]) - mean_x) * (std::log(ys[i]) - mean_y);
    below += (std::log(xs[i]) - mean_x) * (std::log(xs[i]) - mean_x);
  }
  return above / below;
}

class Bar {
 public:
  explicit Bar(const Json& run) : run_(run) {}

  std::vector<BarLine> lines() {
    add_sequential();
    add_floor();
    add_contract();
    add_cut();
    add_operation();
    add_peers();
    add_efficiency();
    add_slopes();
    add_warm();
    add_small();
    add_memory();
    add_restore();
    return std::move(lines_);
  }

 private:
  // What two threads and one are asked for.
  struct Fused {
    unsigned threads;
    bool checksum;
    double sequential;  // at least so many times faster
    double floor;       // at most so many times longer
  };
  static constexpr Fused kFused[] = {{2, false, 10, 1.25}, {1, false, 5, 1.35}, {2, true, 8, 1.45}, {1, true, 5, 1.55}};

  static std::string name_of(const char* implementation, const bench::Point& point, unsigned threads,
                             bool checksum = false) {
    return fmt::format("save/{}/{}/threads:{}{}", implementation, bench::point_name(point), threads,
                       checksum ? "/checksum" : "");
  }
  static std::string fused_name(unsigned threads, bool checksum = false) {
    return name_of("engine/fused", {}, threads, checksum);
  }
  static std::string label(unsigned threads, bool checksum) {
    return fmt::format("fused, {} thread{}{}", threads, threads == 1 ? "" : "s", checksum ? ", checksum" : "");
  }

  static bool is_sound(const Json& row) { return row.at("error").is_null() && row.at("verified") == true; }

  // nullptr: it was not run, or failed.
  const Json* row(const std::string& name) const {
    for (const Json& row : run_.at("rows")) {
      if (row.at("name") == name) return is_sound(row) ? &row : nullptr;
    }
    return nullptr;
  }

  // `value` of the row of that name.
  template <class Value>
  void add(BarLine line, const std::string& name, Value&& value) {
    if (const Json* const found = row(name)) {
      line.value = value(*found);
    } else {
      line.missing = "no row " + name;
    }
    lines_.push_back(std::move(line));
  }

  void add_sequential() {
    for (const Fused& fused : kFused) {
      add({.name = label(fused.threads, fused.checksum) + ": times faster than documented_sequential",
           .least = fused.sequential},
          fused_name(fused.threads, fused.checksum),
          [](const Json& row) { return median_of(row.at("times_faster_than_documented_sequential")); });
    }
  }

  void add_floor() {
    for (const Fused& fused : kFused) {
      add({.name = label(fused.threads, fused.checksum) + ": times copy_floor", .most = fused.floor},
          fused_name(fused.threads, fused.checksum),
          [](const Json& row) { return median_of(row.at("ratio_to_floor")); });
    }
  }

  // What the contract's two calls a packet cost of it, and what the engine does.
  void add_contract() {
    for (const unsigned threads : {1u, 2u}) {
      const std::string contract = name_of("contract_floor", {}, threads);
      BarLine line{
          .name = fmt::format("contract_floor, {} thread{}: times copy_floor", threads, threads == 1 ? "" : "s"),
          .is_shown_only = true};
      add(line, contract, [](const Json& row) { return median_of(row.at("ratio_to_floor")); });
      lines_.push_back(quotient(label(threads, false) + ": times contract_floor", fused_name(threads), contract));
      lines_.back().is_shown_only = true;
    }
  }

  void add_cut() {
    for (const unsigned threads : {1u, 2u}) {
      add({.name = label(threads, false) + ": cut and freeze, of the save", .most = 0.05}, fused_name(threads),
          [](const Json& row) { return row.at("cut_share").is_null() ? Median{} : median_of(row.at("cut_share")); });
    }
  }

  void add_operation() {
    constexpr const char* kName = "operations/acquire_and_complete/threads:1";
    BarLine line{.name = "acquire plus complete, 1 thread: ns", .most = 30};
    line.missing = std::string("no row ") + kName;
    for (const Json& row : run_.value("operations", Json::array())) {
      if (row.at("name") != kName || !row.at("error").is_null()) continue;
      line.value = median_of(row.at("ns"));
      line.missing.clear();
    }
    lines_.push_back(std::move(line));
  }

  // Nothing at the middle point.
  static std::string point_suffix(const Json& row) {
    const bench::Point middle;
    if (row.at("point") == bench::point_name(middle)) return "";
    if (row.at("packets") != middle.packets) return fmt::format(", {} packets", row.at("packets").get<unsigned>());
    return ", " + row.at("point").get<std::string>();
  }

  // A peer that is as fast as the engine is not beaten.
  void add_peers() {
    bool found = false;
    for (const Json& row : run_.at("rows")) {
      if (!row.contains("ratio_to_engine") || row.at("ratio_to_engine").is_null() || !is_sound(row)) continue;
      found = true;
      lines_.push_back(
          {.name = fmt::format("{}, {} thread{}{}: times engine", row.at("implementation").get<std::string>(),
                               row.at("threads").get<unsigned>(), row.at("threads") == 1 ? "" : "s", point_suffix(row)),
           .value = median_of(row.at("ratio_to_engine")),
           .least = 1});
    }
    if (!found) lines_.push_back({.name = "peers: times engine", .least = 1, .missing = "no row of a peer"});
  }

  // One row's ratio to the floor beside it by another's.
  BarLine quotient(std::string name, const std::string& above, const std::string& below) const {
    BarLine line{.name = std::move(name)};
    const Json* const first = row(above);
    const Json* const second = row(below);
    if (first == nullptr || second == nullptr) {
      line.missing = "no row " + (first == nullptr ? above : below);
    } else {
      line.value = report::quotient(median_of(first->at("ratio_to_floor")), median_of(second->at("ratio_to_floor")));
    }
    return line;
  }

  // (engine with 1 / 2 engine with 2) / (floor with 1 / 2 floor with 2), each pair from one row.
  void add_efficiency() {
    lines_.push_back(quotient("efficiency with 2 threads, of copy_floor's", fused_name(1), fused_name(2)));
    lines_.back().least = 0.85;
  }

  // The median save of each repetition.
  static Values medians(const Json& row) {
    return medians_of_repetitions(row.at("samples_ns").get<Values>(), row.value("repetitions", std::size_t{1}));
  }

  // Each repetition has a slope of its own, from a save of each size within minutes.
  void add_slope(const std::vector<std::uint32_t>& packets) {
    BarLine line{.name = fmt::format("cost slope, {} to {} packets, 1 thread", packets.front(), packets.back()),
                 .least = 0.95,
                 .most = 1.05};
    Values xs;
    std::vector<Values> costs;
    for (const std::uint32_t count : packets) {
      const std::string name = name_of("engine/fused", {.packets = count}, 1);
      const Json* const found = row(name);
      if (found == nullptr) {
        line.missing = "no row " + name;
        break;
      }
      xs.push_back(count);
      costs.push_back(medians(*found));
    }
    std::size_t repetitions = SIZE_MAX;
    for (const Values& values : costs) repetitions = std::min(repetitions, values.size());
    Values slopes;
    for (std::size_t r = 0; line.missing.empty() && r < repetitions; ++r) {
      Values ys;
      for (const Values& values : costs) ys.push_back(values[r]);
      slopes.push_back(log_slope(xs, ys));
    }
    line.value = middle_of(slopes);
    lines_.push_back(std::move(line));
  }

  // What a packet costs more when the packets no longer fit into the caches.
  void add_step(const char* implementation) {
    BarLine line{.name = fmt::format("step from 8192 to 131072 packets, {}: times the cost a packet", implementation),
                 .is_shown_only = true};
    const Json* const small = row(name_of(implementation, {.packets = 8192}, 1));
    const Json* const large = row(name_of(implementation, {.packets = 131'072}, 1));
    if (small == nullptr || large == nullptr) {
      line.missing = fmt::format("no row {}", name_of(implementation, {.packets = small ? 131'072u : 8192u}, 1));
    } else {
      const Values below = medians(*small);
      const Values above = medians(*large);
      Values steps;
      for (std::size_t r = 0; r < std::min(below.size(), above.size()); ++r) {
        steps.push_back(above[r] / 131'072 / (below[r] / 8192));
      }
      line.value = middle_of(steps);
    }
    lines_.push_back(std::move(line));
  }

  void add_slopes() {
    add_slope({1024, 2048, 4096, 8192});
    add_slope({131'072, 262'144, 524'288, 1'048'576});
    add_step("engine/fused");
    add_step("copy_floor");
  }

  static Median share(const Json& part, const Json& all) {
    if (all.get<double>() == 0) return {};
    return exactly(part.get<double>() / all.get<double>());
  }

  void add_warm() {
    for (const unsigned threads : {1u, 2u}) {
      add({.name = label(threads, false) + ": warm saves without page fault", .least = 0.99}, fused_name(threads),
          [](const Json& row) { return share(row.at("saves_without_page_faults"), row.at("saves")); });
      add({.name = label(threads, false) + ": warm saves without allocator call", .least = 0.99}, fused_name(threads),
          [](const Json& row) {
            return share(row.at("counted_saves_without_allocator_calls"), row.at("counted_saves"));
          });
    }
  }

  void add_small() {
    add({.name = "64 packets on one channel: times faster than documented_sequential", .least = 1},
        name_of("engine", {.channels = 1, .packets = 64}, 2),
        [](const Json& row) { return median_of(row.at("times_faster_than_documented_sequential")); });
  }

  void add_memory() {
    constexpr double kMoreThanTheImage = 1.10;
    constexpr double kWorker = 2 << 20;
    for (const unsigned threads : {1u, 2u}) {
      add({.name = label(threads, false) + ": memory used, of the image", .most = kMoreThanTheImage},
          fused_name(threads), [](const Json& row) { return share(row.at("memory_used"), row.at("image_bytes")); });
      add({.name = label(threads, false) + ": memory mapped, of image + 10 % + 2 MiB a worker", .most = 1},
          fused_name(threads), [&](const Json& row) {
            return share(row.at("memory_mapped"),
                         row.at("image_bytes").get<double>() * kMoreThanTheImage + threads * kWorker);
          });
    }
  }

  void add_restore() {
    for (const char* const journey : {"restore", "restore_prepared"}) {
      for (const unsigned threads : {1u, 2u}) {
        const std::string name = fmt::format("image/{}/{}/threads:{}", journey, bench::point_name({}), threads);
        BarLine line{.name = fmt::format("{}, {} thread{}: times the fused save with checksum", journey, threads,
                                         threads == 1 ? "" : "s"),
                     .most = 3,
                     .missing = "no row " + name};
        for (const Json& row : run_.value("transfers", Json::array())) {
          if (row.at("name") != name || !row.at("error").is_null()) continue;
          line.value = median_of(row.at("ratio_to_fused_save"));
          line.missing.clear();
        }
        lines_.push_back(std::move(line));
      }
    }
  }

  const Json& run_;
  std::vector<BarLine> lines_;
};

std::string number(const std::optional<double>& value) {
  if (!value) return "-";
  return *value < 9.995 ? fmt::format("{:.3f}", *value) : fmt::format("{:.1f}", *value);
}

std::string asked(const BarLine& line) {
  if (line.least && line.most) return fmt::format("{} to {}", *line.least, *line.most);
  if (line.least) return fmt::format(">= {}", *line.least);
  return line.most ? fmt::format("<= {}", *line.most) : "shown";
}

std::string verdict(const BarLine& line) {
  if (!line.missing.empty()) return "NOT MEASURED: " + line.missing;
  if (line.is_shown_only) return "-";
  return line.holds() ? "holds" : "FAILS";
}

}  // namespace

bool BarLine::holds() const noexcept {
  if (is_shown_only) return true;
  if (!missing.empty()) return false;
  if (least && !(value.low && *value.low >= *least)) return false;
  return !most || (value.high && *value.high <= *most);
}

std::vector<BarLine> bar_lines(const Json& run) { return Bar(run).lines(); }

Json bar_json(const std::vector<BarLine>& lines) {
  const auto or_null = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  Json rows = Json::array();
  bool holds = true;
  for (const BarLine& line : lines) {
    rows.push_back({{"name", line.name},
                    {"value", or_null(line.value.p50)},
                    {"low", or_null(line.value.low)},
                    {"high", or_null(line.value.high)},
                    {"at_least", or_null(line.least)},
                    {"at_most", or_null(line.most)},
                    {"missing", line.missing.empty() ? Json() : Json(line.missing)},
                    {"shown_only", line.is_shown_only},
                    {"holds", line.holds()}});
    holds = holds && line.holds();
  }
  return {{"schema", "vmbsave-bar-1"}, {"holds", holds}, {"lines", rows}};
}

std::string bar_table(const std::vector<BarLine>& lines) {
  constexpr const char* kLine = "{:<76}{:>8}  {:<18}{:<14}{}\n";
  std::string table = fmt::format(kLine, "the bar", "median", "95 %", "asked", "verdict");
  for (const BarLine& line : lines) {
    table += fmt::format(kLine, line.name, number(line.value.p50),
                         fmt::format("[{}, {}]", number(line.value.low), number(line.value.high)), asked(line),
                         verdict(line));
  }
  const auto judged =
      std::count_if(lines.begin(), lines.end(), [](const BarLine& line) { return !line.is_shown_only; });
  const auto fails = std::count_if(lines.begin(), lines.end(), [](const BarLine& line) { return !line.holds(); });
  return table + fmt::format("{} of {} lines hold\n", judged - fails, judged);
}

}  // namespace vmbsave::report
