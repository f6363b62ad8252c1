#include "report/page/headline.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "report/facts_text.hpp"
#include "report/page/axis.hpp"
#include "report/page/html.hpp"
#include "report/page/rows.hpp"
#include "report/run_age.hpp"
#include "report/same_machine.hpp"

namespace vmbsave::page {
namespace {

std::string file_name(const report::NamedResult& result) {
  return std::filesystem::path(result.file).filename().string();
}

// The engine's fused plan with the most threads.
const Json* headline_row(const Json& bench) {
  const Json* best = nullptr;
  for (const Json* const row : main_rows(bench)) {
    if (series_name(*row) == "engine fused" && (best == nullptr || best->at("threads") < row->at("threads")))
      best = row;
  }
  return best;
}

std::string card(const std::string& number, const std::string& text) {
  return fmt::format("<li><b>{}</b><span>{}</span></li>\n", escaped(number), escaped(text));
}

std::string ratio_card(const Json& ratio, const char* text) {
  if (ratio.at("p50").is_null()) return "";
  return card(number_text(ratio.at("p50")) + " \u00d7",
              fmt::format("{} (95 %: {} to {})", text, number_text(ratio.at("low")), number_text(ratio.at("high"))));
}

std::string cards(const Json& bench) {
  const Json* const row = headline_row(bench);
  if (row == nullptr) return "";
  const auto threads = row->at("threads").get<unsigned>();
  std::string html = card(time_text(median_ns(*row)),
                          fmt::format("median save time of {} packets in use (fused plan, {} thread{})",
                                      count_text(row->at("packets").get<double>()), threads, threads == 1 ? "" : "s"));
  html += card(number_text(row->at("ns_per_packet")) + " ns", "a packet");
  html += ratio_card(row->at("ratio_to_floor"), "the floor");
  html += ratio_card(row->at("times_faster_than_documented_sequential"), "faster than documented_sequential");
  return "<ul class=\"cards\">\n" + html + "</ul>\n";
}

std::string date_text(const Json& result) {
  std::string date = result.contains("started_utc") ? result.at("started_utc").get<std::string>() : "";
  std::replace(date.begin(), date.end(), 'T', ' ');
  if (date.ends_with('Z')) date.replace(date.size() - 1, 1, " UTC");
  return date;
}

std::string facts(const Json& context) {
  std::string html = "<dl class=\"facts\">\n";
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escaped(text));
  };
  add("Machine", report::machine_text(context.at("machine")));
  add("Kernel", known_text(context.at("machine").at("kernel")));
  add("Commit", report::commit_text(context.at("build")));
  add("Allocator", known_text(context.at("allocator")));
  add("Compiler", fmt::format("{}, {}", known_text(context.at("build").at("compiler")),
                              known_text(context.at("build").at("flags"))));
  add("Started", date_text(context));
  return html + "</dl>\n";
}

std::string verified_text(const Json& rows) {
  const auto not_verified =
      std::count_if(rows.begin(), rows.end(), [](const Json& row) { return row.at("verified") != true; });
  if (not_verified == 0) return "The image of every row was compared with the packets and holds them all.";
  return fmt::format("Of {} rows, {} were not verified: see the tables.", rows.size(), not_verified);
}

std::string what_was_measured(const Run& run) {
  const Json* const bench = run.bench();
  if (bench != nullptr && !bench->at("rows").empty()) {
    return fmt::format(
        "Measured was how long vmbsave takes to save the packets that VMBus channels have in use (suite {}, {} rows), "
        "beside a plain copy of the same bytes, the protocol as it is documented, and what people would use instead. "
        "{}",
        bench->at("suite").get<std::string>(), bench->at("rows").size(), verified_text(bench->at("rows")));
  }
  return fmt::format(
      "This run has no saves at scale; shown is what its {} file{} hold{}. See the list of what is not "
      "shown at the end.",
      run.read.results.size(), run.read.results.size() == 1 ? "" : "s", run.read.results.size() == 1 ? "s" : "");
}

std::string left_out_rows(const Json& bench) {
  if (!bench.contains("left_out") || bench.at("left_out").empty()) return "";
  std::string html =
      fmt::format("<details><summary>{} rows of the suite were not run</summary><ul>\n", bench.at("left_out").size());
  for (const Json& row : bench.at("left_out")) {
    html += fmt::format("<li><code>{}</code>: {}</li>\n", escaped(row.at("name").get<std::string>()),
                        escaped(row.at("reason").get<std::string>()));
  }
  return html + "</ul></details>\n";
}

std::string failed_rows(const Json& bench) {
  std::string html;
  for (const Json& row : bench.at("rows")) {
    if (row.at("error").is_null()) continue;
    html += paragraph(
        fmt::format("{} failed: {}", row.at("name").get<std::string>(), row.at("error").get<std::string>()), "warning");
  }
  return html;
}

std::string age(const Json& context, const std::string& source) {
  const Json& commit = context.at("build").at("commit");
  if (!commit.is_string()) return "";
  const std::string text = report::age_text(report::engine_commits_since(source, commit.get<std::string>()));
  return text.empty() ? "" : paragraph(fmt::format("This run is {}.", text), "warning");
}

// What the doctor may find at one time and not at another, and what makes numbers something else than they are taken
// for: worth a word before them. What a machine always has stands in its table.
bool is_worth_a_word(const Json& finding) {
  constexpr const char* kOfTheMoment[] = {"load", "CPU pressure", "memory pressure", "stolen time"};
  const Json& level = finding.at("level");
  return level == "fail" || (level == "warn" && std::find(std::begin(kOfTheMoment), std::end(kOfTheMoment),
                                                          finding.at("name")) != std::end(kOfTheMoment));
}

std::vector<std::string> doctor_words(const Json& result) {
  std::vector<std::string> words;
  if (!result.contains("doctor")) return words;
  for (const Json& finding : result.at("doctor").at("findings")) {
    if (!is_worth_a_word(finding)) continue;
    words.push_back(fmt::format("{} {}", finding.at("name").get<std::string>(), known_text(finding.at("found"))));
  }
  return words;
}

// Of the main result in full, of the others that there was something.
std::string doctor_warnings(const Run& run, const report::NamedResult& context) {
  std::string text;
  if (const auto words = doctor_words(context.json); !words.empty()) {
    text = fmt::format("The doctor warned when {} was made: {}.", file_name(context), fmt::join(words, "; "));
  }
  std::vector<std::string> others;
  for (const report::NamedResult& result : run.read.results) {
    if (&result != &context && !doctor_words(result.json).empty()) others.push_back(file_name(result));
  }
  constexpr std::size_t kMostNames = 3;
  const std::string names = others.size() > kMostNames ? fmt::format("{} other files", others.size())
                                                       : fmt::format("{}", fmt::join(others, ", "));
  if (!others.empty()) {
    text += fmt::format("{} when {} {} made.", text.empty() ? "The doctor warned of load" : " Also", names,
                        others.size() == 1 ? "was" : "were");
  }
  return text.empty() ? "" : paragraph(text, "warning");
}

// A folder may hold what was not made together: who made what.
std::string strangers(const Run& run, const Json& context) {
  std::map<std::string, std::vector<std::string>> files;
  for (const report::NamedResult& result : run.read.results) {
    if (!result.json.contains("machine") || !result.json.contains("build")) continue;
    const Json& build = result.json.at("build");
    if (!report::machine_difference(result.json.at("machine"), context.at("machine")).empty()) {
      files["on another machine: " + report::machine_text(result.json.at("machine"))].push_back(file_name(result));
    } else if (build.at("commit") != context.at("build").at("commit")) {
      files["by another commit: " + report::commit_text(build)].push_back(file_name(result));
    }
  }
  std::string html;
  for (const auto& [how, names] : files) {
    html += paragraph(fmt::format("Made {}: {}.", how, fmt::join(names, ", ")), "warning");
  }
  return html;
}

}  // namespace

std::string headline_html(const Run& run, const std::string& source) {
  std::string html = paragraph(what_was_measured(run), "reading");
  const Json* const bench = run.bench();
  if (bench != nullptr) html += failed_rows(*bench) + cards(*bench);
  if (const report::NamedResult* const context = run.named_context()) {
    html += age(context->json, source) + doctor_warnings(run, *context) + facts(context->json) +
            strangers(run, context->json);
  }
  return html + (bench == nullptr ? "" : left_out_rows(*bench));
}

}  // namespace vmbsave::page
