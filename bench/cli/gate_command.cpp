#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/steps_said.hpp"
#include "gate/child.hpp"
#include "gate/gate.hpp"
#include "gate/outputs.hpp"
#include "gate/recorded.hpp"
#include "gate/selftest.hpp"
#include "harness/duration.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/whole_file.hpp"
#include "report/build_info.hpp"
#include "report/json_file.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::cli {
namespace {

namespace fs = std::filesystem;

const Help kGateHelp = {
    kJudge,
    "gate",
    "is this commit slower than its base?",
    "Builds both as shared objects, checks that they give the same packets, counts their instructions, and measures "
    "them "
    "in turns within fresh processes until it knows.",
    "  vmbsave gate                                  the work tree against the commit that it left main at\n"
    "  vmbsave gate --base v1.2 --head HEAD --only 'save/c_face'\n"
    "  vmbsave gate --signals instructions           a minute when both are built, and no load of the machine decides\n"
    "  vmbsave gate --base HEAD~1 --build ./gate.sh  another project: the script writes the shared object\n"
    "                                                $VMBS_GATE_OUT, with $VMBS_GATE_CXXFLAGS, in the folder it is in\n"
    "Without --base: $VMBSAVE_GATE_BASE, else the merge base with origin/main, else the newest ancestor that has the\n"
    "gate's entry, else the anchor; never HEAD.\n"
    "A commit's message accepts a slowdown by a line 'Gate-Accepts: PATTERN METRIC +PERCENT%: reason'; METRIC is "
    "time,\n"
    "instructions, or a counter's name; or by 'Gate-Accepts: PATTERN gone: reason' for a case that there is no more.\n",
    {{kOk, "pass"},
     {kFailed, "regression"},
     {kBadInput, "could not measure"},
     {bench::kInconclusive, "inconclusive"},
     {bench::kSelftestFailed, "self-test failed"}}};

const Help kSelftestHelp = {"Subcommands",
                            "selftest",
                            "tries the gate on what is known",
                            "The same commit, one that is slower, one that is laid out otherwise.",
                            "  vmbsave gate selftest\n"
                            "  vmbsave gate selftest --long --record results     about an hour\n",
                            {{kOk, "the gate judged all of it rightly"},
                             {kBadInput, "could not measure"},
                             {bench::kInconclusive, "too often it did not know"},
                             {bench::kSelftestFailed, "it judged wrongly"}}};

const Help kRulesHelp = {"Subcommands",
                         "rules",
                         "what others' rules say of the processes that a self-test recorded",
                         "Those of Google Benchmark's compare.py and of DuckDB's runner, beside this gate's.",
                         "  vmbsave gate rules results/gate-selftest.json.xz\n"
                         "  vmbsave gate selftest --out trials.json && vmbsave gate rules trials.json\n",
                         {{kOk, "printed"}, {kBadInput, "no such file, or another"}}};

struct GateArguments {
  gate::GateOptions options;
  std::string margin = "2%";
  std::string target = "5%";
  std::string budget = "10min";
  std::string inconclusive = "fail";
  std::string signals = "both";
  std::string report;  // folder
  Output output;
  std::vector<fs::path> base_json;
  std::vector<fs::path> head_json;
  std::string anchor = "instructions";
};

// "5%" or "5".
double parse_percent(const std::string& option, std::string text) {
  const std::string given = text;
  if (text.ends_with('%')) text.pop_back();
  char* end = nullptr;
  const double percent = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(percent > 0) || percent > 50) {
    throw CLI::ValidationError(option,
                               fmt::format("'{}' is no share; give one of more than 0 to 50%, such as 2%", given));
  }
  return percent / 100;
}

gate::Signals parse_signals(const std::string& text) {
  if (text == "time") return gate::Signals::kTime;
  return text == "instructions" ? gate::Signals::kInstructions : gate::Signals::kBoth;
}

gate::Anchor parse_anchor(const std::string& text) {
  if (text == "none") return gate::Anchor::kNone;
  return text == "both" ? gate::Anchor::kBoth : gate::Anchor::kCounts;
}

void complete(GateArguments& arguments) {
  gate::ComparisonOptions& comparison = arguments.options.comparison;
  comparison.rule.margin = parse_percent("--margin", arguments.margin);
  comparison.rule.target = parse_percent("--target", arguments.target);
  if (comparison.rule.target <= comparison.rule.margin) {
    throw CLI::ValidationError("--target", "it must be more than --margin");
  }
  arguments.options.budget = std::chrono::seconds(parse_duration("--budget", arguments.budget) / 1'000'000'000);
  if (arguments.options.budget.count() == 0) throw CLI::ValidationError("--budget", "at least 1s");
  try {
    (void)bench::Pattern(comparison.only);
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError("--only", error.what());
  }
  comparison.signals = parse_signals(arguments.signals);
  comparison.program = fs::read_symlink("/proc/self/exe");
  comparison.seed = std::random_device{}();
  arguments.options.anchor = parse_anchor(arguments.anchor);
}

// All three of every run, so that none has to be asked for beforehand.
void write_outputs(const fs::path& folder, const gate::Reported& reported, const nlohmann::ordered_json& context) {
  // A subject may be in any encoding; JSON is UTF-8.
  const std::string json =
      gate::gate_json(reported, context).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  report::write_text(folder / "gate.json", json + "\n");
  report::write_text(folder / "gate.xml", gate::gate_junit(reported));
  report::write_text(folder / "gate.md", gate::gate_markdown(reported));
}

// Recorded runs need no checkout.
fs::path default_report(const GateArguments& arguments) {
  const bool is_recorded = !arguments.base_json.empty();
  return (is_recorded ? fs::path() : gate::Git(arguments.options.source).top()) / "build" / "gate" / "report";
}

// A run that could not be made has its outputs too: those of an earlier one would be taken for its own.
gate::GateRun failed_run(const std::string& why, int interrupted_by = 0) {
  gate::GateRun run;
  run.started_utc = gate::now_utc();
  run.not_made.push_back({"base", why});
  run.interrupted_by = interrupted_by;
  return run;
}

gate::GateRun measured_run(GateArguments& arguments) {
  if (!arguments.base_json.empty()) {
    return gate::judge_files(arguments.base_json, arguments.head_json, arguments.options.comparison);
  }
  StepsSaid steps(arguments.output.quiet);
  arguments.options.comparison.watch = [&](const char* step, std::uint64_t done, std::uint64_t total) {
    steps.show(step, done, total);
  };
  return gate::run_gate(arguments.options);
}

int run_gate(GateArguments& arguments) {
  complete(arguments);
  const fs::path folder = arguments.report.empty() ? default_report(arguments) : fs::path(arguments.report);
  fs::create_directories(folder);
  bench::expect_writable((folder / "gate.json").string());  // before minutes of work
  expect_usable(arguments.output, {});
  nlohmann::ordered_json context;
  report::add_context(context);  // the load of before, not the gate's own
  const auto write_failed = [&](const gate::GateRun& failed) {
    write_outputs(folder, {failed, arguments.options.comparison}, context);
  };
  gate::GateRun run;
  try {
    run = measured_run(arguments);
    bench::throw_if_interrupted();  // the last look: what is written from here on is the run's end
  } catch (const gate::Interrupted& error) {
    write_failed(failed_run(error.what(), error.number));
    throw;
  } catch (const std::exception& error) {
    write_failed(failed_run(error.what()));
    throw;
  }
  const gate::Reported reported{run, arguments.options.comparison, arguments.inconclusive == "fail"};
  write_outputs(folder, reported, context);
  give(arguments.output, gate::gate_json(reported, context),
       fmt::format("{}JSON, JUnit, Markdown: {}\n", gate::gate_table(reported), bench::one_line(folder.string())));
  return reported.exit_code();
}

// Here 1 is for regressions alone.
int guarded(const Command& run) try {
  gate::watch_for_interrupts();
  return run();
} catch (const gate::Interrupted& error) {
  fmt::print(stderr, "vmbsave gate: {}; what was built of commits is kept\n", error.what());
  return bench::kSignalled + error.number;
} catch (const gate::NoBase& error) {  // told apart by its first words, for who takes that for a skip
  throw std::runtime_error(fmt::format("no usable base: {}", error.what()));
} catch (const bench::CheckFailed& error) {
  throw std::runtime_error(error.what());
}

struct SelftestArguments {
  gate::SelftestOptions options;
  bool fast = false;
  Output output;
  std::string record;
};

// The page, and what it was made of.
void record_selftest(const fs::path& folder, const std::string& table, const nlohmann::ordered_json& json) {
  const std::string page = fmt::format(
      "# The gate, tried on what is known\n\nWritten by `vmbsave gate selftest --long --record results`, of {}; every "
      "trial is in [gate-selftest.json.xz](gate-selftest.json.xz).\n\n```\n{}```\n\nOthers' rules on the same recorded "
      "processes, as `vmbsave gate rules` has them. Each process measures both sides in turns; compare.py gets the "
      "slices "
      "of base from one and those of head from the next one, as it runs one program after the other.\n\n```\n{}```\n",
      json.at("started_utc").get<std::string>(), table, gate::rules_table(gate::rules_json(json)));
  report::write_xz(folder / "gate-selftest.json.xz", json.dump() + "\n");
  report::write_text(folder / "gate.md", page);
}

int run_selftest(SelftestArguments& arguments) {
  arguments.options.program = fs::read_symlink("/proc/self/exe");
  arguments.options.seed = std::random_device{}();
  expect_usable(arguments.output, {});
  nlohmann::ordered_json context;
  report::add_context(context);
  gate::Selftest selftest;
  {
    StepsSaid steps(arguments.output.quiet);
    arguments.options.watch = [&](const char* step, std::uint64_t done, std::uint64_t total) {
      steps.show(step, done, total);
    };
    selftest = gate::run_selftest(arguments.options);
  }
  bench::throw_if_interrupted();
  const std::string table = gate::selftest_table(selftest);
  const nlohmann::ordered_json json = gate::selftest_json(selftest, context);
  give(arguments.output, json.dump() + "\n", table);
  if (!arguments.record.empty()) record_selftest(arguments.record, table, json);
  return gate::exit_code(selftest);
}

void add_selftest(CLI::App& gate_command, Command& chosen) {
  CLI::App* const command = add_command(gate_command, kSelftestHelp);
  const auto arguments = std::make_shared<SelftestArguments>();
  CLI::Option* const fast = command->add_flag("--fast", arguments->fast, "12 trials of each of two kinds; the default");
  command->add_flag("--long", arguments->options.is_long, "523 trials of five kinds; about an hour")->excludes(fast);
  command->add_option("--checkout", arguments->options.source, "folder of it; without: the one it is run in")
      ->type_name("FOLDER")
      ->check(existing_folder());
  command->add_option("--cache", arguments->options.cache, "where shared objects are built; without: build/gate")
      ->type_name("FOLDER")
      ->check(given());
  add_output_options(*command, arguments->output);
  command->add_option("--record", arguments->record, "write gate.md and gate-selftest.json.xz into FOLDER")
      ->type_name("FOLDER")
      ->check(existing_folder());
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return guarded([&] { return run_selftest(*arguments); }); }; });
}

nlohmann::ordered_json rules_of(const std::string& file) {
  const nlohmann::ordered_json json = report::read_json(file);
  try {
    if (json.at("schema") == "vmbsave-gate-selftest-1") return gate::rules_json(json);
  } catch (const nlohmann::json::exception&) {
    // It is no object, or not whole.
  }
  throw std::runtime_error(fmt::format("{}: expected the JSON of 'vmbsave gate selftest --out FILE'", file));
}

int run_rules(const std::string& file, const Output& output) {
  expect_usable(output, {file});
  const nlohmann::ordered_json rules = rules_of(file);
  give(output, rules, gate::rules_table(rules));
  return kOk;
}

void add_rules(CLI::App& gate_command, Command& chosen) {
  CLI::App* const command = add_command(gate_command, kRulesHelp);
  const auto file = std::make_shared<std::string>();
  const auto output = std::make_shared<Output>();
  command->add_option("FILE", *file, "JSON of a self-test, also compressed (.json.xz)")->required()->check(given());
  add_output_options(*command, *output);
  command->callback([=, &chosen] { chosen = [=] { return run_rules(*file, *output); }; });
}

}  // namespace

void add_gate(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kGateHelp);
  const auto arguments = std::make_shared<GateArguments>();
  gate::GateOptions& options = arguments->options;
  command->add_option("--base", options.base, "commit that head is held against")->type_name("COMMIT")->check(given());
  command->add_option("--head", options.head, "commit, or 'worktree': the files as they are")
      ->type_name("COMMIT")
      ->check(given())
      ->capture_default_str();
  command->add_option("--suite", options.comparison.suite, "cases of this suite")
      ->type_name("NAME")
      ->check(given())
      ->capture_default_str();
  command->add_option("--only", options.comparison.only, "cases that this regular expression finds")
      ->type_name("REGEX")
      ->check(given());
  command->add_option("--margin", arguments->margin, "a slowdown up to it is nobody's concern")
      ->type_name("PERCENT")
      ->capture_default_str();
  command->add_option("--target", arguments->target, "a pass would have found a slowdown of so much")
      ->type_name("PERCENT")
      ->capture_default_str();
  command->add_option("--budget", arguments->budget, "time for measuring; builds come on top")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_option("--inconclusive", arguments->inconclusive, "exit code 3, or a warning and 0")
      ->check(CLI::IsMember({"fail", "warn"}))
      ->capture_default_str();
  command->add_option("--signals", arguments->signals, "what is measured")
      ->check(CLI::IsMember({"both", "time", "instructions"}))
      ->capture_default_str();
  command->add_option("--build", options.build.command, "shell command that writes $VMBS_GATE_OUT, for other projects")
      ->type_name("COMMAND")
      ->check(given());
  command->add_option("--checkout", options.source, "folder of it; without: the one it is run in")
      ->type_name("FOLDER")
      ->check(existing_folder());
  command->add_option("--cache", options.build.cache, "where shared objects of commits are kept; without: build/gate")
      ->type_name("FOLDER")
      ->check(given());
  command
      ->add_option("--report", arguments->report,
                   "write gate.json, gate.xml and gate.md into FOLDER; without: build/gate/report")
      ->type_name("FOLDER")
      ->check(given());
  add_output_options(*command, arguments->output);
  CLI::Option* const base_json =
      command->add_option("--base-json", arguments->base_json, "recorded runs of vmbsave bench, instead of commits")
          ->type_name("FILE");
  CLI::Option* const head_json =
      command->add_option("--head-json", arguments->head_json, "as many, of head")->type_name("FILE");
  base_json->needs(head_json);
  head_json->needs(base_json);
  command
      ->add_option("--anchor", arguments->anchor,
                   "how head is compared with the commit in bench/gate/anchor; both: within a budget of its own")
      ->check(CLI::IsMember({"none", "instructions", "both"}))
      ->capture_default_str();
  command->add_flag("--measure-identical", options.comparison.measures_identical,
                    "also measures shared objects that are the same byte for byte");
  command->callback([=, &chosen] {
    if (!command->get_subcommands().empty()) return;  // theirs has come before
    chosen = [arguments] { return guarded([&] { return run_gate(*arguments); }); };
  });
  add_selftest(*command, chosen);
  add_rules(*command, chosen);
}

}  // namespace vmbsave::cli
