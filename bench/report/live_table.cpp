#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/live_report.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kLivePhaseLine = "{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}{:>10}\n";
constexpr const char* kLiveSaveLine = "{:<30}{:>12}{:>10}{:>10}{:>10}\n";

std::string live_us(const Json& ns) { return ns.is_null() ? "-" : fmt::format("{:.1f}", ns.get<double>() / 1e3); }

std::string live_number(const Json& value) { return value.is_null() ? "-" : value.dump(); }

std::string live_heading(const Json& row) {
  return fmt::format(
      "{}: {} channels of {}, {} requests of {} bytes under way on each, {} % reads; a save every {:g} ms\n",
      row.at("name").get<std::string>(), row.at("channels").get<unsigned>(), row.value("vsp", "storvsp"),
      row.at("depth").get<unsigned>(), row.at("block_bytes").get<unsigned>(), row.at("read_percent").get<unsigned>(),
      row.at("every_ns").get<double>() / 1e6);
}

std::string live_disk(const Json& disk) {
  const auto name = [&](const char* key) { return disk.at(key).is_null() ? "?" : disk.at(key).get<std::string>(); };
  const Json& rotational = disk.at("rotational");
  const auto mib = [&](const char* key) { return disk.at(key).get<std::uint64_t>() >> 20; };
  std::string text = fmt::format(
      "disk: {} MiB in {}, {} on {}{}, {}", mib("bytes"), name("folder"), name("file_system"), name("device"),
      rotational.is_null() ? "" : (rotational.get<bool>() ? " (rotates)" : " (does not rotate)"),
      disk.at("direct").get<bool>() ? "O_DIRECT" : "page cache");
  if (disk.at("bytes") != disk.at("wanted_bytes")) text += fmt::format("; no room for {} MiB", mib("wanted_bytes"));
  return text + "\n";
}

std::string live_cpus(const Json& cpus) {
  if (cpus.at("guest").is_null()) return "guest, VSP and saver share one processor\n";
  return fmt::format("guest on CPU {}, VSP on {}, saver on {}{}\n", cpus.at("guest").get<int>(),
                     cpus.at("vsp").get<int>(), cpus.at("saver").get<int>(),
                     cpus.at("guest") == cpus.at("saver") ? ": guest and saver share it" : "");
}

std::string live_times(const std::string& name, const std::string& per_second, const Json& times) {
  return fmt::format(kLivePhaseLine, name, per_second, times.at("calls").get<std::uint64_t>(), live_us(times.at("p50")),
                     live_us(times.at("p99")), live_us(times.at("p999")), live_us(times.at("max")));
}

std::string live_phases(const Json& phases) {
  std::string text =
      fmt::format(kLivePhaseLine, "latency in us", "requests/s", "requests", "p50", "p99", "p99.9", "max");
  for (const auto& [name, phase] : phases.items()) {
    text += live_times(name, fmt::format("{:.0f}", phase.at("per_s").get<double>()), phase.at("latency_ns"));
    if (!phase.contains("apart_ns")) continue;
    text += live_times("  met a save", "", phase.at("met_a_save_ns"));
    text += live_times("  the others", "", phase.at("apart_ns"));
  }
  return text;
}

std::string live_ratio(const Json& ratio) {
  const auto number = [&](const char* key) {
    return ratio.at(key).is_null() ? "-" : fmt::format("{:.2f}", ratio.at(key).get<double>());
  };
  return fmt::format("{} [{}, {}], {} to {}", number("p50"), number("low"), number("high"), number("min"),
                     number("max"));
}

std::string live_ratios(const Json& row) {
  std::string text;
  for (const auto& [phase, key] : {std::pair{"during", "during_to_before"}, std::pair{"after", "after_to_before"}}) {
    const Json& ratios = row.at(key);
    text += fmt::format("{} / before, {} rounds: p50 {}; p99 {}\n", phase, row.at("rounds").size(),
                        live_ratio(ratios.at("p50")), live_ratio(ratios.at("p99")));
  }
  return text;
}

std::string live_saves(const Json& saves) {
  std::string text = fmt::format(kLiveSaveLine, fmt::format("{} saves", saves.at("count").get<std::uint64_t>()), "min",
                                 "p50", "p99", "max");
  const auto line = [&](const char* name, const char* key, auto&& shown) {
    const Json& p = saves.at(key);
    text += fmt::format(kLiveSaveLine, name, shown(p.at("min")), shown(p.at("p50")), shown(p.at("p99")),
                        shown(p.at("max")));
  };
  line("blackout, us", "blackout_ns", live_us);
  line("save time, us", "save_ns", live_us);
  line("  noting what is in flight, us", "witness_ns", live_us);
  line("packets in the image", "packets", live_number);
  line("deferred completions", "deferred", live_number);
  return text;
}

std::string live_checks(const Json& row) {
  const auto count = [&](const char* key) { return row.at(key).get<std::uint64_t>(); };
  return fmt::format(
      "{} requests, each completed once; {} reads, {} packets in {} images and, at the end, {} blocks were right\n",
      count("completed"), count("reads_checked"), count("packets_checked"), count("images_checked"),
      count("blocks_checked"));
}

std::string live_row(const Json& row) {
  for (const char* const why : {"skipped", "error"}) {
    if (!row.at(why).is_null()) {
      return fmt::format("{}: {}: {}\n", row.at("name").get<std::string>(), why, row.at(why).get<std::string>());
    }
  }
  return live_heading(row) + live_disk(row.at("disk")) + live_cpus(row.at("cpus")) + live_phases(row.at("phases")) +
         live_ratios(row) + live_saves(row.at("saves")) + live_checks(row);
}

}  // namespace

std::string live_table(const Json& run) {
  std::string text;
  for (const Json& row : run.at("rows")) text.append(text.empty() ? "" : "\n").append(live_row(row));
  return text + fmt::format("clock {}, {} ns a reading\n", run.at("clock").at("name").get<std::string>(),
                            run.at("clock").at("cost_ns").get<unsigned>());
}

}  // namespace vmbsave::report
