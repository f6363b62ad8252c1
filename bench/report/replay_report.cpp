#include "report/replay_report.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "harness/one_line.hpp"
#include "report/build_info.hpp"
#include "report/json_values.hpp"
#include "report/result_text.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

std::string time_text(const Json& ns) { return ns.is_null() ? "-" : duration_text(ns.get<double>()); }

// "measured", or the time that was assumed.
std::string service_text(const Json& replay) {
  return replay.at("service_time_ns").is_null() ? "measured" : time_text(replay.at("service_time_ns"));
}

// Those that took part in the last save. A recorded run may be older than the property.
std::string threads(const Json& replay) {
  const auto asked = replay.at("threads").get<unsigned>();
  return threads_text(asked, replay.value("threads_taken", asked));
}

// Of frames: how many of each direction. A recorded run may be older than the properties.
std::string in_use_text(const Json& replay) {
  std::string text = fmt::format("{}", replay.at("packets_in_use").get<std::uint64_t>());
  const auto transmits = replay.value("transmits_in_use", std::uint64_t{0});
  const auto receives = replay.value("receives_in_use", std::uint64_t{0});
  if (transmits == 0 && receives == 0) return text;
  return text + fmt::format(": {} transmits, {} of them settled; {} receives", transmits,
                            replay.value("transmits_settled", std::uint64_t{0}), receives);
}

// The trace's file, and the VSP if it is none of the suite's own. A recorded run may be older than the property.
std::string trace_text(const Json& replay) {
  const std::string trace = std::filesystem::path(replay.at("trace").get<std::string>()).filename().string();
  const std::string vsp = replay.value("vsp", "storvsp");
  return vsp == "storvsp" || vsp == "netvsp" ? trace : fmt::format("{} on {}", trace, vsp);
}

std::string yes_no(const Json& value) { return value.get<bool>() ? "yes" : "NO"; }

std::string ns_per_packet(const Json& replay) {
  const Json& p50 = replay.at("save_ns").at("p50");
  const auto packets = replay.at("packets_in_use").get<std::uint64_t>();
  if (p50.is_null() || packets == 0) return "-";
  return fmt::format("{:.0f}", p50.get<double>() / static_cast<double>(packets));
}

}  // namespace

Json replay_json(const ReplayInput& input, const replay::Options& options, const replay::Result& result) {
  Json phases;
  for (unsigned p = 0; p < kSavePhases; ++p) {
    phases[phase_name(static_cast<SavePhase>(p))] = percentiles_json(result.phase_ns[p]);
  }
  Json json;
  json["schema"] = "vmbsave-replay-1";
  json["trace"] = input.trace;
  json["format"] = input.format;
  json["vsp"] = input.vsp;
  json["measured_completions"] = input.measured_completions && !options.service_time_ns;
  json["service_time_ns"] = options.service_time_ns ? Json(*options.service_time_ns) : Json(nullptr);
  json["completion_delay_ns"] = options.completion_delay_ns;
  json["requests"] = result.requests;
  json["vms"] = options.replication.vms;
  json["shift_ns"] = options.replication.shift_ns;
  json["one_cut"] = options.one_cut;
  json["epochs"] = result.epochs;
  json["save_at_ns"] = result.save_at_ns;
  json["packets_in_use"] = result.packets_in_use;
  json["transmits_in_use"] = result.transmits_in_use;
  json["transmits_settled"] = result.transmits_settled;
  json["receives_in_use"] = result.receives_in_use;
  json["channels"] = result.channels;
  json["image_bytes"] = result.image_bytes;
  json["verified"] = result.verified;
  json["restored"] = result.restored;
  json["plan"] = plan_name(result.plan);
  json["plan_asked"] = plan_name(options.plan);
  json["threads"] = options.threads;
  json["threads_taken"] = result.threads_taken;
  json["concurrent_callbacks"] = input.concurrent_callbacks;
  json["checksum"] = result.checksum;
  json["check_level"] = VMBSAVE_CHECK;
  json["repeat"] = result.save_ns.size();
  json["save_ns"] = percentiles_json(result.save_ns);
  json["cold_save_ns"] = result.cold_save_ns;
  json["restore_ns"] = result.restore_ns;
  json["phases_ns"] = phases;
  add_context(json);
  return json;
}

std::string replay_text(const Json& replay) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<16}{}\n", name, bench::one_line(value));
  };
  const auto times = [](const Json& t) {
    return fmt::format("p50 {}, p99 {}, max {}", time_text(t.at("p50")), time_text(t.at("p99")),
                       time_text(t.at("max")));
  };
  line("trace", fmt::format("{} ({}, service time: {})", replay.at("trace").get<std::string>(),
                            replay.at("format").get<std::string>(), service_text(replay)));
  if (replay.contains("vsp")) line("VSP", replay.at("vsp").get<std::string>());
  line("requests", fmt::format("{} of {} VM(s), saved at {}", replay.at("requests").get<std::uint64_t>(),
                               replay.at("vms").get<std::uint64_t>(), time_text(replay.at("save_at_ns"))));
  line("packets in use", in_use_text(replay));
  line("channels", fmt::format("{} in {} epoch(s)", replay.at("channels").get<std::uint64_t>(),
                               replay.at("epochs").get<std::uint64_t>()));
  line("image", fmt::format("{} bytes", replay.at("image_bytes").get<std::uint64_t>()));
  line("verified", yes_no(replay.at("verified")));
  line("restored", fmt::format("{} in {}", yes_no(replay.at("restored")), time_text(replay.at("restore_ns"))));
  line("plan", fmt::format("{} ({} asked for), {} thread(s)", replay.at("plan").get<std::string>(),
                           replay.at("plan_asked").get<std::string>(), threads(replay)));
  line("save", fmt::format("{} of {} warm saves; the first, cold: {}", times(replay.at("save_ns")),
                           replay.at("repeat").get<std::uint64_t>(), time_text(replay.at("cold_save_ns"))));
  for (const auto& [phase, t] : replay.at("phases_ns").items()) line("  " + phase, times(t));
  return text;
}

std::string replay_table(const std::vector<Json>& replays) {
  std::string text = fmt::format("{:<28} {:>9} {:>4} {:>8} {:>8} {:>11} {:>7} {:>10} {:>10} {:>10} {:>9} {:>8} {:>8}\n",
                                 "trace", "service", "VMs", "channels", "in use", "image bytes", "threads", "save p50",
                                 "p99", "max", "ns/packet", "verified", "restored");
  for (const Json& r : replays) {
    const Json& save = r.at("save_ns");
    text += fmt::format("{:<28} {:>9} {:>4} {:>8} {:>8} {:>11} {:>7} {:>10} {:>10} {:>10} {:>9} {:>8} {:>8}\n",
                        trace_text(r), service_text(r), r.at("vms").get<std::uint64_t>(),
                        r.at("channels").get<std::uint64_t>(), r.at("packets_in_use").get<std::uint64_t>(),
                        r.at("image_bytes").get<std::uint64_t>(), threads(r), time_text(save.at("p50")),
                        time_text(save.at("p99")), time_text(save.at("max")), ns_per_packet(r),
                        yes_no(r.at("verified")), yes_no(r.at("restored")));
  }
  return text;
}

}  // namespace vmbsave::report
