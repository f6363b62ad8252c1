#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"
#include "report/page/short_names.hpp"

namespace vmbsave::page {
namespace {

std::string case_label(const Json& compared) {
  const auto threads = compared.at("threads").get<unsigned>();
  return fmt::format("{}{}", compared.at("name").get<std::string>(),
                     threads == 1 ? "" : fmt::format(", {} threads", threads));
}

// What was judged of time, last of all looks; null: nothing.
const Json& judged(const Json& compared) {
  static const Json none = nullptr;
  return compared.at("time").is_null() ? none : compared.at("time").at("first");
}

Ink verdict_ink(const std::string& verdict) {
  if (verdict == "FAIL") return Ink::kDocumented;
  if (verdict == "PASS" || verdict == "IMPROVED") return Ink::kCFace;
  return Ink::kOrange;
}

std::string ratio_text(const Json& value) { return value.is_null() ? "-" : fmt::format("{:.3f}", value.get<double>()); }

std::string time_interval(const Json& judgement) {
  if (judgement.is_null()) return "-";
  return fmt::format("{} [{}, {}]", ratio_text(judgement.at("ratio")), ratio_text(judgement.at("low")),
                     ratio_text(judgement.at("high")));
}

// By time where it was measured, else by instructions. Absent: neither.
std::optional<Bar> verdict_bar(const Json& compared, const ShortNames& names) {
  const Json& judgement = judged(compared);
  const auto ratio =
      judgement.is_null() ? number_if(compared.at("instruction_ratio")) : number_if(judgement.at("ratio"));
  if (!ratio) return std::nullopt;
  const std::string verdict = compared.at("verdict");
  Bar bar{names.of(case_label(compared)), {}, fmt::format("{:.3f} {}", *ratio, verdict)};
  bar.segments = {{*ratio, verdict_ink(verdict), case_label(compared) + ": " + bar.text}};
  if (!judgement.is_null()) {
    bar.low = number_if(judgement.at("low"));
    bar.high = number_if(judgement.at("high"));
  }
  return bar;
}

Bars verdict_bars(const Json& against, const ShortNames& names) {
  Bars bars{{"head / base", plain_text, true}, {}};
  bars.legend = {{"pass", Ink::kCFace}, {"fail", Ink::kDocumented}, {"other", Ink::kOrange}};
  bars.mark = 1;
  for (const Json& compared : against.at("cases")) {
    if (auto bar = verdict_bar(compared, names)) bars.bars.push_back(std::move(*bar));
  }
  return bars;
}

ShortNames short_names(const Json& against) {
  std::vector<std::string> names;
  for (const Json& compared : against.at("cases")) names.push_back(case_label(compared));
  return ShortNames(names);
}

std::string side_text(const Json& side) {
  return fmt::format("{} ({})", side.at("name").get<std::string>(), side.at("commit").get<std::string>().substr(0, 7));
}

Table verdict_table(const Json& against) {
  Table table{fmt::format("against {}: head {}, base {}", against.at("what").get<std::string>(),
                          side_text(against.at("head")), side_text(against.at("base"))),
              {"case", "verdict", "time, head / base [interval]", "instructions, head / base", "reasons"},
              {}};
  for (const Json& compared : against.at("cases")) {
    const auto reasons = compared.at("reasons").get<std::vector<std::string>>();
    table.rows.push_back({case_label(compared), compared.at("verdict"), time_interval(judged(compared)),
                          ratio_text(compared.at("instruction_ratio")), fmt::format("{}", fmt::join(reasons, "; "))});
  }
  return table;
}

}  // namespace

std::optional<Content> gate_figure(const Run& run) {
  Content content;
  for (const Json* const gate : run.of("vmbsave-gate-1")) {
    content.reading += (content.reading.empty() ? "" : " ") + gate->at("verdict").get<std::string>() + ".";
    for (const Json& against : gate->at("against")) {
      const ShortNames names = short_names(against);
      Bars bars = verdict_bars(against, names);
      const std::string caption = fmt::format("Against {}", against.at("what").get<std::string>());
      if (!bars.bars.empty()) {
        content.pictures.push_back({caption, std::move(bars)});
        if (!names.left_out().empty()) {
          content.notes.push_back(fmt::format("{}: what most cases have is not in their labels: {}.", caption,
                                              fmt::join(names.left_out(), ", ")));
        }
      }
      content.tables.push_back(verdict_table(against));
      if (against.at("identical").get<bool>()) {
        content.notes.push_back(caption + ": both are the same code, so nothing was measured.");
      }
    }
  }
  if (content.reading.empty()) return std::nullopt;
  return content;
}

}  // namespace vmbsave::page
