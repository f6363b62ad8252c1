#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "harness/interrupts.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/whole_file.hpp"
#include "report/json_file.hpp"
#include "report/readme_results.hpp"
#include "report/results_folder.hpp"
#include "report/results_lock.hpp"

namespace vmbsave::cli {
namespace {

namespace fs = std::filesystem;

const Help kRecordHelp = {
    kKeep,
    "record",
    "keeps a run in a folder of its own, and shows it in the README",
    "The folder is called UTC-MACHINE-COMMIT and has each JSON compressed and the tables made of them; the README's "
    "part "
    "between <!-- results --> and <!-- end of results --> is made from the newest run of each machine.",
    "  vmbsave record --results results --readme README.md bench.json replay-1.json replay-2.json\n"
    "  vmbsave record --results results --readme README.md           only makes the README's part again\n"
    "  vmbsave record --results results --readme README.md --check   exit code 1 if that would change it\n",
    {{kOk, "kept, or nothing to change"},
     {kFailed, "--check: the README is not what the runs make"},
     {kBadInput, "nothing was recorded"}}};

struct RecordArguments {
  std::string results;
  std::string readme;
  std::vector<std::string> files;
  bool check = false;
  bool allow_changes = false;
};

void expect_usable(const RecordArguments& arguments) {
  if (arguments.check && !arguments.files.empty()) throw CLI::ValidationError("--check", "takes no FILE");
  if (arguments.check && arguments.readme.empty()) throw CLI::ValidationError("--check", "needs --readme");
  if (arguments.files.empty() && arguments.readme.empty()) {
    throw CLI::ValidationError("record", "expected a FILE to keep, or --readme");
  }
}

// bench.json and bench.json.xz: bench.
std::string result_name(const fs::path& file) {
  fs::path name = file.filename();
  for (const char* const ending : {".xz", ".json"}) {
    if (name.extension() == ending) name = name.stem();
  }
  return name.string();
}

fs::path record(const RecordArguments& arguments) {
  std::vector<report::ResultFile> files;
  for (const std::string& file : arguments.files) files.push_back({result_name(file), report::read_text(file)});
  return report::record_results(arguments.results, files, arguments.allow_changes);
}

// Without its place in the README a run is not recorded: the next try would find it there already.
void write_readme(const RecordArguments& arguments, const std::string& readme, const fs::path& folder) {
  try {
    report::write_text(arguments.readme, report::with_results(arguments.readme, readme, arguments.results));
  } catch (...) {
    std::error_code none;
    if (!folder.empty()) fs::remove_all(folder, none);
    throw;
  }
}

int check_readme(const RecordArguments& arguments) {
  const std::string text = report::read_text(arguments.readme);
  if (report::with_results(arguments.readme, text, arguments.results) == text) return kOk;
  const std::string readme = bench::one_line(arguments.readme);
  const std::string results = bench::one_line(arguments.results);
  fmt::print(stderr, "vmbsave: {} is not what {} makes; run: vmbsave record --results {} --readme {}\n", readme,
             results, results, readme);
  return kFailed;
}

int run_record(const RecordArguments& arguments) {
  const bench::HeldInterrupts held;  // seconds: a folder and the README belong together
  expect_usable(arguments);
  if (arguments.check) return check_readme(arguments);
  fs::create_directories(arguments.results);
  const report::ResultsLock lock(arguments.results);
  std::string readme;
  if (!arguments.readme.empty()) {
    readme = report::read_text(arguments.readme);
    (void)report::with_results(arguments.readme, readme, arguments.results);  // before there is a new folder
    bench::expect_writable(arguments.readme);
  }
  const fs::path folder = arguments.files.empty() ? fs::path() : record(arguments);
  if (!arguments.readme.empty()) write_readme(arguments, readme, folder);
  if (!folder.empty()) fmt::print("{}\n", folder.string());
  std::fflush(stdout);
  bench::say_when_interrupted("all was recorded");
  return kOk;
}

}  // namespace

void add_record(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kRecordHelp);
  const auto arguments = std::make_shared<RecordArguments>();
  command->add_option("--results", arguments->results, "folder of the runs")
      ->type_name("FOLDER")
      ->required()
      ->check(given());
  command->add_option("--readme", arguments->readme, "file with the lines <!-- results --> and <!-- end of results -->")
      ->type_name("FILE")
      ->check(given());
  command->add_flag("--check", arguments->check, "changes nothing; exit code 1 if the README's part is another");
  command->add_flag("--allow-changes", arguments->allow_changes,
                    "also what was built from files that are not committed");
  command->add_option("FILE", arguments->files, "JSON of vmbsave bench (one) and of replays")->check(given());
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_record(*arguments); }; });
}

}  // namespace vmbsave::cli
