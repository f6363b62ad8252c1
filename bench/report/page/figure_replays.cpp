#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "report/page/axis.hpp"
#include "report/page/dots.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"
#include "report/result_text.hpp"

namespace vmbsave::page {
namespace {

std::string replay_label(const Json& replay) {
  const auto asked = replay.at("threads").get<unsigned>();
  const Json& service = replay.at("service_time_ns");
  const auto vms = replay.at("vms").get<std::uint64_t>();
  return fmt::format("{}{}{}, {} thread{}",
                     std::filesystem::path(replay.at("trace").get<std::string>()).filename().string(),
                     service.is_null() ? "" : fmt::format(", {} in use", time_text(service.get<double>())),
                     vms == 1 ? "" : fmt::format(", {} VMs", vms),
                     report::threads_text(asked, replay.value("threads_taken", asked)), asked == 1 ? "" : "s");
}

Bar replay_bar(const Json& replay) {
  constexpr std::pair<const char*, Ink> kDots[] = {
      {"p50", Ink::kEngine}, {"p99", Ink::kOrange}, {"max", Ink::kDocumented}};
  std::vector<Dot> values;
  for (const auto& [key, ink] : kDots) {
    if (const auto ns = number_if(replay.at("save_ns").at(key)))
      values.push_back({*ns, ink, fmt::format("{}: {}", key, time_text(*ns))});
  }
  const Json& save = replay.at("save_ns");
  if (values.empty()) return {replay_label(replay), {}, ""};
  return dots(replay_label(replay), values,
              fmt::format("{}, longest {}", time_or_dash(save.at("p50")), time_or_dash(save.at("max"))));
}

Table replay_table(const Rows& replays) {
  Table table{"",
              {"trace", "VMs", "channels", "packets in use", "image", "plan", "p50", "p99", "max", "first, cold",
               "verified", "restored"},
              {}};
  const auto yes_no = [](const Json& value) { return value.get<bool>() ? "yes" : "NO"; };
  for (const Json* const replay : replays) {
    const Json& save = replay->at("save_ns");
    table.rows.push_back({replay_label(*replay), replay->at("vms").dump(), replay->at("channels").dump(),
                          count_text(replay->at("packets_in_use").get<double>()),
                          bytes_text(replay->at("image_bytes").get<double>()), known_text(replay->at("plan")),
                          time_or_dash(save.at("p50")), time_or_dash(save.at("p99")), time_or_dash(save.at("max")),
                          time_or_dash(replay->at("cold_save_ns")), yes_no(replay->at("verified")),
                          yes_no(replay->at("restored"))});
  }
  return table;
}

}  // namespace

std::optional<Content> replays_figure(const Run& run) {
  const Rows replays = run.of("vmbsave-replay-1");
  if (replays.empty()) return std::nullopt;
  Bars bars{{"save time", time_text, true}, {}};
  bars.legend = {{"median", Ink::kEngine}, {"longest", Ink::kDocumented}};
  const auto has_p99 = [](const Json* replay) { return !replay->at("save_ns").at("p99").is_null(); };
  if (std::any_of(replays.begin(), replays.end(), has_p99))
    bars.legend.insert(bars.legend.begin() + 1, {"p99", Ink::kOrange});
  for (const Json* const replay : replays) {
    if (Bar bar = replay_bar(*replay); !bar.segments.empty()) bars.bars.push_back(std::move(bar));
  }
  const Json& first = *replays.front();
  return Content{
      fmt::format(
          "{}: {} packets in use are saved in {} (median of {} saves).", replay_label(first),
          count_text(first.at("packets_in_use").get<double>()),
          first.at("save_ns").at("p50").is_null() ? "-" : time_text(first.at("save_ns").at("p50").get<double>()),
          count_text(first.at("repeat").get<double>())),
      bars.bars.empty() ? std::vector<Picture>() : std::vector<Picture>{{"", bars}},
      {replay_table(replays)}};
}

}  // namespace vmbsave::page
