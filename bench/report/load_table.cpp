#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/load_report.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMostTimes = 2;  // complete() during saves, of its time without, beside the machine's hiccups
constexpr std::uint64_t kFewestCalls = 100'000;
constexpr double kFewestTimes = 5;  // the blackout of drain_then_save, of the engine's
constexpr const char* kLoadLine = "{:<16}{:>7}{:>17}{:>17}{:>17}{:>17}{:>18}{:>10}{:>10}{:>8}{:>6}\n";

std::string us(const Json& ns) {
  if (ns.is_null()) return "-";
  const double value = ns.get<double>() / 1e3;
  return value < 10 ? fmt::format("{:.2f}", value) : fmt::format("{:.0f}", value);
}

// "0.05 -> 0.21": without saves, and with.
std::string pair(const Json& row, const char* what, const char* percentile) {
  return fmt::format("{} -> {}", us(row.at("without_saves").at(what).at(percentile)),
                     us(row.at("with_saves").at(what).at(percentile)));
}

std::string percent(const Json& value) { return value.is_null() ? "-" : fmt::format("{:.1f}", value.get<double>()); }

std::string load_heading(const Json& row) {
  const std::string load = row.at("arrivals_per_s").is_null()
                               ? "closed loop"
                               : fmt::format("open loop, {} arrivals/s", row.at("arrivals_per_s").get<std::uint64_t>());
  return fmt::format("{}: {} channels, {} packets, {}, service {} us, {} us between saves, {} threads save{}\n",
                     row.at("group").get<std::string>(), row.at("channels").get<unsigned>(),
                     row.at("packets").get<unsigned>(), load, us(row.at("service_ns")), us(row.at("gap_ns")),
                     row.at("save_threads").get<unsigned>(), row.at("pinned").get<bool>() ? ", pinned" : "") +
         fmt::format(kLoadLine, "us", "saves", "acquire() p99.9", "complete() p50", "complete() p99.9",
                     "delivery p99.9", "blackout p50, p99", "x engine", "deferred", "% lost", "lost");
}

std::string load_line(const Json& row) {
  if (!row.at("error").is_null()) {
    return fmt::format("{:<16} {}\n", row.at("implementation").get<std::string>(), row.at("error").get<std::string>());
  }
  const Json& ratio = row.at("blackout_to_engine").at("p50");
  return fmt::format(kLoadLine, row.at("implementation").get<std::string>(), row.at("saves").get<std::uint64_t>(),
                     pair(row, "acquire_ns", "p999"), pair(row, "complete_ns", "p50"), pair(row, "complete_ns", "p999"),
                     pair(row, "delivery_ns", "p999"),
                     fmt::format("{}, {}", us(row.at("blackout_ns").at("p50")), us(row.at("blackout_ns").at("p99"))),
                     ratio.is_null() ? "-" : fmt::format("{:.2f}", ratio.get<double>()),
                     row.at("deferred").get<std::uint64_t>(), percent(row.at("throughput_lost_percent")),
                     row.at("lost").get<std::uint64_t>());
}

const char* verdict(bool met) { return met ? "met" : "NOT MET"; }

std::string complete_bar(const Json& row) {
  const Json& without = row.at("without_saves").at("complete_ns").at("p999");
  const Json& during = row.at("with_saves").at("complete_ns").at("p999");
  const Json& idle = row.at("idle_gap_ns").at("p999");
  const std::string name = row.at("name").get<std::string>();
  const auto calls = row.at("with_saves").at("complete_ns").at("calls").get<std::uint64_t>();
  if (calls < kFewestCalls || without.is_null() || during.is_null() || idle.is_null()) {
    return fmt::format("{}: complete() p99.9: {} calls during saves, at least {} are needed: NOT MEASURED\n", name,
                       calls, kFewestCalls);
  }
  const double limit = kMostTimes * without.get<double>() + idle.get<double>();
  return fmt::format(
      "{}: complete() p99.9 {} ns in {} calls during saves; at most 2 x {} ns + {} ns of an idle loop: {}\n", name,
      during.get<std::uint64_t>(), calls, without.get<std::uint64_t>(), idle.get<std::uint64_t>(),
      verdict(during.get<double>() <= limit));
}

std::string blackout_bar(const Json& row) {
  const Json& ratio = row.at("blackout_to_engine");
  if (ratio.at("p50").is_null()) return {};
  return fmt::format("{}: blackout {:.2f} [{:.2f}, {:.2f}] times the engine's; at least 5: {}\n",
                     row.at("name").get<std::string>(), ratio.at("p50").get<double>(), ratio.at("low").get<double>(),
                     ratio.at("high").get<double>(), verdict(ratio.at("p50").get<double>() >= kFewestTimes));
}

std::string bars(const Json& rows) {
  std::string text;
  for (const Json& row : rows) {
    if (!row.at("error").is_null()) continue;
    if (row.at("group").get<std::string>().starts_with("pinned/") && row.at("implementation") == "engine")
      text += complete_bar(row);
    // With a service time of 1 ms nearly all packets are due all the time: their blackouts are shown, and no more.
    if (row.at("group").get<std::string>().ends_with("blackout") && row.at("implementation") == "drain_then_save")
      text += blackout_bar(row);
  }
  return text;
}

}  // namespace

std::string load_table(const Json& run) {
  std::string text;
  std::string group;
  for (const Json& row : run.at("rows")) {
    if (row.at("group") != group) text.append(text.empty() ? "" : "\n").append(load_heading(row));
    group = row.at("group").get<std::string>();
    text += load_line(row);
  }
  text += fmt::format("times in us, without saves -> with saves; clock {}, {} ns a reading\n",
                      run.at("clock").at("name").get<std::string>(), run.at("clock").at("cost_ns").get<unsigned>());
  return text + bars(run.at("rows"));
}

}  // namespace vmbsave::report
