#include "report/page/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "report/facts_text.hpp"
#include "report/page/run.hpp"
#include "scenarios/live/live_spec.hpp"

namespace vmbsave::page {
namespace {

// "bench.json" of /somewhere/bench.json.xz
std::string file_of(const report::NamedResult& result) {
  const std::filesystem::path name = std::filesystem::path(result.file).filename();
  return name.extension() == ".xz" ? name.stem().string() : name.string();
}

// As a shell takes it.
std::string word(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+=:,@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// "10ms": the largest unit that leaves a whole number.
std::string option_time(std::uint64_t ns) {
  constexpr std::pair<std::uint64_t, const char*> kUnits[] = {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}};
  for (const auto& [unit, name] : kUnits) {
    if (ns % unit == 0) return fmt::format("{}{}", ns / unit, name);
  }
  return fmt::format("{}ns", ns);
}

std::string bench_command(const std::string& options, const report::NamedResult& result) {
  return fmt::format("vmbsave bench {} --out={}", options, word(file_of(result)));
}

std::string latency_command(const report::NamedResult& result) {
  const Json& json = result.json;
  std::string options = "--suite=" + word(json.at("suite"));
  std::uint64_t repetitions = 1;
  bool is_blob = true;
  for (const Json& row : json.at("rows")) {
    repetitions = std::max(repetitions, row.value("repetitions", std::uint64_t{1}));
    is_blob = is_blob && row.value("vsp", "blob") == "blob";
  }
  if (!is_blob) options += " --vsp=FILE";
  if (repetitions > 1) options += fmt::format(" --benchmark_repetitions={}", repetitions);
  if (report::known_text(json.at("allocator")).starts_with("mimalloc")) {
    return fmt::format("vmbsave-bench-mimalloc {} --out={}", options, word(file_of(result)));
  }
  return bench_command(options, result);
}

// Of a row that was measured: all are of one guest. What is as without an option is left out.
std::string live_command(const report::NamedResult& result) {
  const bench::LiveSpec usual;
  std::string options = "--suite=live";
  const auto add = [&](const char* name, std::uint64_t value, std::uint64_t without, auto text) {
    if (value != without) options += fmt::format(" {}={}", name, text(value));
  };
  const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
  for (const Json& row : result.json.at("rows")) {
    if (!row.at("error").is_null() || !row.at("skipped").is_null() || row.at("rounds").empty()) continue;
    add("--channels", row.at("channels"), usual.channels, number);
    add("--depth", row.at("depth"), usual.depth, number);
    add("--disk", row.at("disk").at("wanted_bytes").get<std::uint64_t>() >> 20, usual.disk_bytes >> 20, number);
    add("--reads", row.at("read_percent"), usual.read_percent, number);
    add("--seed", row.at("seed"), usual.seed, number);
    add("--every", row.at("every_ns"), usual.every_ns, option_time);
    add("--phase", row.at("phase_ns"), usual.phase_ns, option_time);
    add("--rounds", row.at("rounds").size(), usual.rounds, number);
    break;
  }
  return bench_command(options, result);
}

std::string host_command(const report::NamedResult& result) {
  std::set<std::uint64_t> vms;
  for (const Json& row : result.json.at("rows")) vms.insert(row.at("vms").get<std::uint64_t>());
  std::string options = "--suite=host";
  if (vms.empty()) return bench_command(options, result);
  if (vms.size() == 1) options += fmt::format(" --vms={}", *vms.begin());
  const Json& row = result.json.at("rows").front();
  options += fmt::format(" --packets={} --deadline={}", row.at("packets_of_a_vm").get<std::uint64_t>(),
                         option_time(row.at("deadline_ns").get<std::uint64_t>()));
  if (!row.at("memory_budget").is_null()) options += fmt::format(" --memory-budget={}", row.at("memory_budget").dump());
  return bench_command(options, result);
}

std::string replay_command(const report::NamedResult& result) {
  const Json& json = result.json;
  const auto number = [&](const char* key) { return json.at(key).get<std::uint64_t>(); };
  std::string text = fmt::format("vmbsave replay {} {}", json.at("format") == "profile" ? "--profile" : "--trace",
                                 word(json.at("trace")));
  const std::string vsp = json.value("vsp", "storvsp");
  if (vsp != "storvsp" && vsp != "netvsp") text += " --vsp FILE";
  if (!json.at("service_time_ns").is_null()) text += " --service-time " + option_time(number("service_time_ns"));
  if (const auto delay = json.value("completion_delay_ns", std::uint64_t{0}); delay != 0) {
    text += " --completion-delay " + option_time(delay);
  }
  const std::uint64_t vms = number("vms");
  const bool one_cut = json.at("one_cut").get<bool>();
  if (vms > 1) text += fmt::format(" --replicate {} --shift {}", vms, option_time(number("shift_ns")));
  if (one_cut) text += " --one-cut";
  text += fmt::format(" --channels {} --threads {}", number("channels") / (one_cut ? 1 : vms), number("threads"));
  if (json.at("plan_asked") != "auto") text += " --plan " + word(json.at("plan_asked"));
  return text + fmt::format(" --repeat {} --json >{}", number("repeat"), word(file_of(result)));
}

// "5" of 0.05
std::string percent(const Json& share) { return fmt::format("{:g}%", 100 * share.get<double>()); }

bool has_any(const Json& cases, const char* key) {
  return std::any_of(cases.begin(), cases.end(), [&](const Json& of) { return !of.at(key).is_null(); });
}

// What was measured at all, against the base or the anchor; "": nothing was.
std::string signals(const Json& against) {
  bool time = false;
  bool instructions = false;
  for (const Json& one : against) {
    time = time || has_any(one.at("cases"), "time");
    instructions = instructions || has_any(one.at("cases"), "instruction_ratio");
  }
  if (!time && !instructions) return "";
  return time && instructions ? "both" : time ? "time" : "instructions";
}

std::string side_name(const Json& side) {
  constexpr std::size_t kWholeHash = 40;
  constexpr std::size_t kEnough = 12;
  const std::string name = side.at("name");
  const bool is_hash = name.size() == kWholeHash && name.find_first_not_of("0123456789abcdef") == std::string::npos;
  return word(is_hash ? name.substr(0, kEnough) : name);
}

bool is_recorded(const Json& side) {
  const std::string name = side.at("name");
  return name.ends_with(".json") || name.ends_with(".json.xz");
}

std::string sides(const Json& against) {
  const char* const json = is_recorded(against.at("base")) ? "-json" : "";
  return fmt::format(" --base{0} {1} --head{0} {2}", json, side_name(against.at("base")),
                     side_name(against.at("head")));
}

std::string gate_command(const report::NamedResult& result) {
  const Json& against = result.json.at("against");
  std::string text = "vmbsave gate";
  std::string anchor = "none";
  for (const Json& one : against) {
    if (one.at("what") == "anchor") {
      anchor = has_any(one.at("cases"), "time") ? "both" : "instructions";
      continue;
    }
    text += sides(one) + fmt::format(" --margin {} --target {}", percent(one.at("margin")), percent(one.at("target")));
  }
  text += fmt::format(" --suite {} --anchor {}", word(result.json.at("suite")), anchor);
  if (const std::string measured = signals(against); !measured.empty()) text += " --signals " + measured;
  return text + " --out " + word(file_of(result));
}

}  // namespace

std::string command_of(const report::NamedResult& result) {
  const std::string schema = result.json.at("schema");
  if (schema == "vmbsave-bench-1") return latency_command(result);
  if (schema == "vmbsave-live-1") return live_command(result);
  if (schema == "vmbsave-host-1") return host_command(result);
  if (schema == "vmbsave-replay-1") return replay_command(result);
  if (schema == "vmbsave-gate-1") return gate_command(result);
  if (schema == "vmbsave-load-1") return bench_command("--suite=load", result);
  return "vmbsave doctor --json >" + word(file_of(result));
}

}  // namespace vmbsave::page
