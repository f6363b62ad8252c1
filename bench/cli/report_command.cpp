#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/output_files.hpp"
#include "report/json_file.hpp"
#include "report/page/gnuplot.hpp"
#include "report/page/page.hpp"

namespace vmbsave::cli {
namespace {

namespace fs = std::filesystem;

const Help kReportHelp = {
    kLook,
    "report",
    "makes one page of HTML of results, with figures",
    "Each figure has its data, what it shows, and the command that makes it again. The page needs no network and runs "
    "no scripts. Figures are drawn by gnuplot; without it the page has the tables.",
    "  vmbsave report build/bench/20260131T120000Z -o report.html\n"
    "  vmbsave report results/20260131T120000Z-amd-epyc-2cpu-0123456 -o report.html --figures figures\n"
    "  vmbsave report bench.json -o - >report.html    one file; to standard output\n"
    "  vmbsave report OLD NEW -o report.html          two runs, and how they differ\n",
    {{kOk, "written"}, {kBadInput, "a result or the output is of no use"}}};

struct ReportArguments {
  std::vector<std::string> results;
  std::string out;
  std::string figures;
  std::string checkout = ".";
  bool across_machines = false;
  Output output;  // of what was written; --out is the page's
};

bool is_standard_output(const ReportArguments& arguments) { return arguments.out == "-"; }

void expect_usable_output(const ReportArguments& arguments, const std::vector<page::Run>& runs) {
  if (is_standard_output(arguments)) return;
  if (fs::is_directory(arguments.out)) {
    throw std::runtime_error(fmt::format("{} is a folder; give --out the name of a file", arguments.out));
  }
  std::vector<std::string> inputs;
  for (const page::Run& run : runs) {
    for (const report::NamedResult& result : run.read.results) inputs.push_back(result.file);
  }
  bench::expect_usable({{"--out", arguments.out}}, inputs);
}

page::Page page_of(const ReportArguments& arguments, const std::vector<page::Run>& runs) {
  try {
    return page::make_page(runs, {page::has_gnuplot(), arguments.across_machines, arguments.checkout});
  } catch (const nlohmann::json::exception& error) {
    std::string names;
    for (const page::Run& run : runs) names += (names.empty() ? "" : ", ") + run.read.name;
    throw std::runtime_error(fmt::format("{}: no result of vmbsave, or damaged: {}", names, report::json_fault(error)));
  }
}

// The page is none of them.
void write_figures(const ReportArguments& arguments, const std::vector<page::NamedSvg>& figures) {
  if (arguments.figures.empty()) return;
  fs::create_directories(arguments.figures);
  for (const page::NamedSvg& figure : figures) {
    const fs::path file = fs::path(arguments.figures) / figure.name;
    bench::expect_usable({{"--out", is_standard_output(arguments) ? "" : arguments.out}, {"--figures", file.string()}},
                         {});
  }
  for (const page::NamedSvg& figure : figures) {
    report::write_text(fs::path(arguments.figures) / figure.name, figure.text);
  }
}

void say_left_out(const page::Page& page) {
  if (page.left_out.empty()) return;
  fmt::print(stderr, "vmbsave report: {} figures are left out: gnuplot is not installed (package gnuplot-nox)\n",
             page.left_out.size());
}

nlohmann::ordered_json json_of(const ReportArguments& arguments, const std::vector<page::Run>& runs,
                               const page::Page& page) {
  nlohmann::ordered_json json{{"schema", "vmbsave-report-1"}, {"page", arguments.out}};
  json["runs"] = nlohmann::ordered_json::array();
  for (const page::Run& run : runs) json["runs"].push_back(run.title);
  json["figures"] = nlohmann::ordered_json::array();
  for (const page::NamedSvg& figure : page.figures) json["figures"].push_back(figure.name);
  json["left_out"] = page.left_out;
  return json;
}

int run_report(const ReportArguments& arguments) {
  if (is_standard_output(arguments) && (arguments.output.json || arguments.output.quiet)) {
    throw CLI::ValidationError(arguments.output.json ? "--json" : "--quiet",
                               "the page goes to standard output; give --out a file");
  }
  std::vector<page::Run> runs;
  for (const std::string& result : arguments.results) runs.push_back(page::read_page_run(result));
  expect_usable_output(arguments, runs);
  const page::Page page = page_of(arguments, runs);
  write_figures(arguments, page.figures);
  if (is_standard_output(arguments)) {
    std::fputs(page.html.c_str(), stdout);
  } else {
    report::write_text(arguments.out, page.html);
  }
  say_left_out(page);
  give(arguments.output, json_of(arguments, runs, page), "");
  return kOk;
}

}  // namespace

void add_report(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kReportHelp);
  const auto arguments = std::make_shared<ReportArguments>();
  command
      ->add_option("RESULT", arguments->results,
                   "a run's folder, or one JSON file of bench, replay, doctor or gate, also compressed (.json.xz)")
      ->required()
      ->check(given());
  command->add_option("-o,--out", arguments->out, "the page; - is standard output")
      ->type_name("FILE")
      ->required()
      ->check(given());
  command->add_option("--figures", arguments->figures, "also each figure as an SVG file of its own in this folder")
      ->type_name("FOLDER")
      ->check(given());
  command->add_flag("--across-machines", arguments->across_machines,
                    "compares runs of different machines too, by ratios to what was measured beside");
  add_checkout_option(*command, arguments->checkout);
  add_json_options(*command, arguments->output);
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_report(*arguments); }; });
}

}  // namespace vmbsave::cli
