#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/host_report.hpp"
#include "report/result_text.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHostLine = "{:<10}{:>7}{:>8}{:>9}{:>10}{:>11}{:>11}{:>10}{:>10}{:>10}{:>11}{:>9}{:>8}\n";

std::string host_us(const Json& ns) {
  if (ns.is_null()) return "-";
  const double value = ns.get<double>() / 1e3;
  return value < 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string host_mib(const Json& bytes) {
  if (bytes.is_null()) return "-";
  return fmt::format("{:.1f}", bytes.get<double>() / (1 << 20));
}

std::string host_heading(const Json& row) {
  const std::string vsp = row.value("vsp", bench::kOwnVsps);
  return fmt::format("{} VMs of {} packets{}: {} channels, {} packets in use, images of {} MiB\n",
                     row.at("vms").get<unsigned>(), row.at("packets_of_a_vm").get<unsigned>(),
                     vsp == bench::kOwnVsps ? "" : " of " + vsp, row.at("channels").get<std::uint64_t>(),
                     row.at("packets").get<std::uint64_t>(), host_mib(row.at("image_bytes"))) +
         fmt::format(kHostLine, "us", "threads", "rounds", "verified", "total p50", "total cold", "blackout:", "p50",
                     "p99", "max", "cold max", "late", "MiB");
}

std::string host_line(const Json& row) {
  if (!row.at("error").is_null()) {
    return fmt::format("{}: {}\n", row.at("name").get<std::string>(), row.at("error").get<std::string>());
  }
  const Json& warm = row.at("warm");
  const Json& cold = row.at("cold");
  const Json& blackout = warm.at("blackout_ns");
  const auto both = [&](const char* key) {
    return warm.at(key).get<std::uint64_t>() + cold.at(key).get<std::uint64_t>();
  };
  return fmt::format(
      kHostLine, row.at("order").get<std::string>(),
      threads_text(row.at("threads").get<unsigned>(), row.at("threads_taken").get<unsigned>()), both("rounds"),
      both("images_verified"), host_us(warm.at("total_ns").at("p50")), host_us(cold.at("total_ns").at("max")), "",
      host_us(blackout.at("p50")), host_us(blackout.at("p99")), host_us(blackout.at("max")),
      host_us(cold.at("blackout_ns").at("max")), both("over_deadline"), host_mib(row.at("resident_bytes")));
}

}  // namespace

std::string host_table(const Json& run) {
  std::string text;
  std::uint64_t vms = 0;
  for (const Json& row : run.at("rows")) {
    const auto these = row.at("vms").get<std::uint64_t>();
    if (these != vms && row.at("error").is_null()) text.append(text.empty() ? "" : "\n").append(host_heading(row));
    if (row.at("error").is_null()) vms = these;
    text += host_line(row);
  }
  text +=
      "times in us; a round saves each VM once; cold: the first, which maps the images' memory\n"
      "blackout: of a VM, from its cut until its end; late: blackouts beyond the deadline; MiB: resident memory of the "
      "process, at most\n";
  return text;
}

}  // namespace vmbsave::report
