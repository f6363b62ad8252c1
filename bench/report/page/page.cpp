#include "report/page/page.hpp"

#include <fmt/format.h>

#include "report/page/commands.hpp"
#include "report/page/differences.hpp"
#include "report/page/glossary.hpp"
#include "report/page/headline.hpp"
#include "report/page/style.hpp"

namespace vmbsave::page {
namespace {

// A figure of a run, with what the run has for it; absent: nothing.
struct Shown {
  const Figure& figure;
  std::optional<Content> content;
  std::string id;
};

std::vector<Shown> shown_of(const Run& run, const std::string& prefix) {
  std::vector<Shown> shown;
  for (const Figure& figure : figures()) shown.push_back({figure, figure.of(run), prefix + figure.id});
  return shown;
}

// One for each result that the figure shows.
std::string commands_html(const Results& results) {
  constexpr const char* kBegin = "<p class=\"command\">Its data come from";
  if (results.size() == 1) return fmt::format("{} {}</p>\n", kBegin, code(command_of(*results.front())));
  std::string html = fmt::format("{}</p>\n<ul class=\"command\">\n", kBegin);
  for (const report::NamedResult* const result : results)
    html += fmt::format("<li>{}</li>\n", code(command_of(*result)));
  return html + "</ul>\n";
}

std::string data_html(const std::vector<Table>& tables) {
  std::string html;
  for (const Table& table : tables) html += html_of(table);
  return fmt::format("<details><summary>Data of this figure</summary>\n{}</details>\n", html);
}

// What has no picture shows its tables at once.
std::string section_html(const Run& run, const Shown& shown, Painter& painter) {
  const Content& content = *shown.content;
  std::string html = fmt::format("<section id=\"{}\">\n<h3>{}</h3>\n", shown.id, escaped(shown.figure.title));
  html += paragraph(content.reading, "reading") + paragraph(shown.figure.about, "about");
  html += painter.html_of(content.pictures, shown.id, shown.figure.title);
  for (const std::string& note : content.notes) html += paragraph(note, "note");
  if (content.pictures.empty()) {
    for (const Table& table : content.tables) html += html_of(table);
  } else {
    html += data_html(content.tables);
  }
  return html + commands_html(shown.figure.from(run)) + "</section>\n";
}

std::string contents_html(const std::vector<Shown>& all) {
  std::string html = "<nav aria-label=\"Contents\"><ol>\n";
  for (const Shown& shown : all) {
    if (!shown.content) continue;
    html += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", shown.id, escaped(shown.figure.title));
  }
  return html + "</ol></nav>\n";
}

std::string missing_html(const std::vector<Shown>& all, const std::string& prefix) {
  std::string html;
  for (const Shown& shown : all) {
    if (shown.content) continue;
    html += fmt::format("<li>{}: {}</li>\n", escaped(shown.figure.title), code(shown.figure.command));
  }
  if (html.empty()) return "";
  return fmt::format(
      "<section id=\"{}not-shown\">\n<h3>Not shown</h3>\n"
      "<p>The run holds no data for these figures; each command makes those of one. Put what it writes "
      "into the run's folder.</p>\n<ul>\n{}</ul>\n</section>\n",
      prefix, html);
}

std::string run_html(const Run& run, const std::string& prefix, const std::string& source, Painter& painter) {
  const std::vector<Shown> all = shown_of(run, prefix);
  std::string html = headline_html(run, source) + contents_html(all);
  for (const Shown& shown : all) {
    if (shown.content) html += section_html(run, shown, painter);
  }
  return html + missing_html(all, prefix);
}

std::string comparisons_html(const std::vector<Run>& runs, const PageOptions& options, Painter& painter) {
  const report::CompareOptions compare{.across_machines = options.across_machines, .may_share_nothing = true};
  std::string html;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const report::Comparison comparison = report::compare_runs(runs[0].read, runs[i].read, compare);
    html += differences_html(comparison, fmt::format("d{}", i + 1), painter);
  }
  return html;
}

std::string runs_html(const std::vector<Run>& runs, const PageOptions& options, Painter& painter) {
  if (runs.size() == 1) return run_html(runs.front(), "", options.source, painter);
  std::string html = "<nav aria-label=\"Runs\"><ol>\n";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    html += fmt::format("<li><a href=\"#r{}\">{}</a></li>\n", i + 1, escaped(runs[i].title));
  }
  html += "</ol></nav>\n" + comparisons_html(runs, options, painter);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string id = fmt::format("r{}", i + 1);
    html += fmt::format("<article id=\"{}\">\n<h2>{}</h2>\n{}</article>\n", id, escaped(runs[i].title),
                        run_html(runs[i], id + "-", options.source, painter));
  }
  return html;
}

std::string title_of(const std::vector<Run>& runs) {
  return runs.size() == 1 ? fmt::format("vmbsave: {}", runs.front().title)
                          : fmt::format("vmbsave: {} runs", runs.size());
}

// The policy lets a browser load nothing and run nothing, whatever a result says.
std::string head_html(const std::string& title) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
      "data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n",
      escaped(title), page_css());
}

}  // namespace

Page make_page(const std::vector<Run>& runs, const PageOptions& options) {
  Painter painter(options.has_gnuplot);
  const std::string title = title_of(runs);
  std::string html = head_html(title) + fmt::format("<body>\n<main>\n<h1>{}</h1>\n", escaped(title));
  html += runs_html(runs, options, painter);
  html += "<section id=\"words\">\n<h2>Words</h2>\n" + glossary_html(html) + "</section>\n";
  html +=
      "<footer>Figures are drawn by gnuplot; the page runs no scripts and loads nothing. Hold the pointer over a "
      "point or a bar to read it.</footer>\n</main>\n</body>\n</html>\n";
  return {html, painter.files(), painter.left_out()};
}

}  // namespace vmbsave::page
