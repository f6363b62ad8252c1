#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "harness/interrupts.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "harness/whole_file.hpp"
#include "report/facts_text.hpp"
#include "report/json_file.hpp"
#include "report/readme_results.hpp"
#include "report/results_folder.hpp"
#include "report/results_index.hpp"
#include "report/results_lock.hpp"
#include "report/run_age.hpp"

namespace vmbsave::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const Help kRecordHelp = {
    kKeep,
    "record",
    "keeps a run in a folder of its own, and shows it in the README",
    "The folder is called UTC-MACHINE-COMMIT and has each JSON compressed and the tables made of them; the README's "
    "parts between <!-- picture --> or <!-- results --> and its end are made from the newest run, and the list in "
    "RESULTS/README.md, if there is one, from all of them.",
    "  vmbsave record --results results --readme README.md bench.json replay-1.json replay-2.json\n"
    "  vmbsave record --results results --readme README.md           only makes the READMEs' parts again\n"
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
  Output output;
};

void expect_usable(const RecordArguments& arguments) {
  std::vector<std::string> others = arguments.files;
  others.push_back(arguments.readme);
  others.push_back((fs::path(arguments.results) / "README.md").string());
  expect_usable(arguments.output, others);
  if (arguments.check && !arguments.files.empty()) throw CLI::ValidationError("--check", "takes no FILE");
  if (arguments.check && arguments.readme.empty()) throw CLI::ValidationError("--check", "needs --readme");
  if (arguments.files.empty() && arguments.readme.empty()) {
    throw std::runtime_error("expected a FILE to keep, or --readme; see vmbsave record --help");
  }
}

// bench.json and bench.json.xz: bench.
std::string result_name(const fs::path& file) {
  fs::path name = file.filename();
  for (const char* const ending : {".xz", ".json", ".svg"}) {
    if (name.extension() == ending) name = name.stem();
  }
  return name.string();
}

fs::path record(const RecordArguments& arguments) {
  std::vector<report::ResultFile> files;
  std::vector<report::ResultFile> pictures;
  for (const std::string& file : arguments.files) {
    auto& kind = file.ends_with(".svg") ? pictures : files;
    kind.push_back({result_name(file), report::read_text(file), file});
  }
  return report::record_results(arguments.results, files, arguments.allow_changes, pictures);
}

// A file that is made in part from the runs.
struct Page {
  std::string path;
  std::string (*made)(const fs::path& file, const std::string& text, const fs::path& results);
  std::string text;  // as it is before
};

std::vector<Page> read_pages(const RecordArguments& arguments) {
  std::vector<Page> pages;
  const fs::path index = fs::path(arguments.results) / "README.md";
  if (!arguments.readme.empty()) pages.push_back({arguments.readme, report::with_results, {}});
  if (fs::exists(index)) pages.push_back({index.string(), report::with_index, {}});
  for (Page& page : pages) page.text = report::read_text(page.path);
  return pages;
}

// Before there is a new folder.
void expect_pages(const std::vector<Page>& pages, const std::string& results) {
  for (const Page& page : pages) {
    (void)page.made(page.path, page.text, results);
    bench::expect_writable(page.path);
  }
}

// Without its place in them a run is not recorded: the next try would find it there already.
void write_pages(const std::vector<Page>& pages, const std::string& results, const fs::path& folder) {
  std::vector<const Page*> written;
  try {
    for (const Page& page : pages) {
      report::write_text(page.path, page.made(page.path, page.text, results));
      written.push_back(&page);
    }
  } catch (...) {
    std::error_code none;
    if (!folder.empty()) fs::remove_all(folder, none);
    for (const Page* const page : written) report::write_text(page->path, page->text);
    throw;
  }
}

// How old the newest runs are; not in the pages themselves, which would then be others after every commit.
Json ages_of(const std::string& results) {
  Json ages = Json::array();
  for (const fs::path& folder : report::newest_results(results)) {
    const std::string name = folder.filename().string();
    const auto since = report::engine_commits_since(results, name.substr(name.rfind('-') + 1));
    ages.push_back({{"run", name}, {"engine_commits_since", since ? Json(*since) : Json()}});
  }
  return ages;
}

void say_ages(const Json& ages) {
  for (const Json& run : ages) {
    if (run.at("engine_commits_since").is_null()) continue;
    const std::string age = report::age_text(run.at("engine_commits_since").get<std::uint64_t>());
    if (age.empty()) continue;
    fmt::print(stderr, "note: the run {} is {}\n", bench::one_line(run.at("run").get<std::string>()), age);
  }
}

// Which pages are others than before, or would be.
Json changes_of(const RecordArguments& arguments, const std::vector<Page>& pages) {
  Json changes = Json::array();
  for (const Page& page : pages) {
    const bool changes_it = page.made(page.path, page.text, arguments.results) != page.text;
    changes.push_back({{"page", page.path}, {"changes", changes_it}});
  }
  return changes;
}

void give_record(const RecordArguments& arguments, const fs::path& folder, const Json& changes) {
  const std::string name = folder.string();
  const Json ages = ages_of(arguments.results);
  if (!arguments.output.json && !arguments.output.quiet) say_ages(ages);
  give(arguments.output,
       {{"schema", "vmbsave-record-1"},
        {"folder", name.empty() ? Json() : Json(name)},
        {"pages", changes},
        {"newest", ages}},
       name.empty() ? "" : name + "\n");
}

int check_pages(const RecordArguments& arguments) {
  const std::string results = bench::one_line(arguments.results);
  const Json changes = changes_of(arguments, read_pages(arguments));
  int code = kOk;
  for (const Json& page : changes) {
    if (page.at("changes") == false) continue;
    fmt::print(stderr, "vmbsave record: {} is not what {} makes; run: vmbsave record --results {} --readme {}\n",
               bench::one_line(page.at("page").get<std::string>()), results, results,
               bench::one_line(arguments.readme));
    code = kFailed;
  }
  give_record(arguments, {}, changes);
  return code;
}

// A new one only for a run to keep: else it is a name that was mistyped, of which no README is to be made.
void expect_results(const RecordArguments& arguments) {
  if (arguments.files.empty() && !fs::exists(arguments.results)) {
    throw std::runtime_error(
        fmt::format("--results {}: there is no such folder, and no FILE to keep in it", arguments.results));
  }
  for (const std::string& file : arguments.files) (void)report::read_text(file);  // before a folder is made for it
  fs::create_directories(arguments.results);
}

int run_record(const RecordArguments& arguments) {
  expect_usable(arguments);
  if (arguments.check) return check_pages(arguments);
  expect_results(arguments);
  const report::ResultsLock lock(arguments.results);
  const std::vector<Page> pages = read_pages(arguments);
  expect_pages(pages, arguments.results);
  fs::path folder;
  Json changes;
  {
    const bench::HeldInterrupts held;  // a second: a folder and its place in the pages belong together
    bench::say_when_interrupted("nothing was recorded");
    if (!arguments.files.empty()) folder = record(arguments);
    changes = changes_of(arguments, pages);
    write_pages(pages, arguments.results, folder);
    bench::say_when_interrupted("all was recorded");
  }
  give_record(arguments, folder, changes);
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
  command
      ->add_option("--readme", arguments->readme,
                   "file with the lines <!-- picture -->, <!-- results --> and their ends")
      ->type_name("FILE")
      ->check(given());
  command->add_flag("--check", arguments->check, "changes nothing; exit code 1 if a README's part is another");
  command->add_flag("--allow-changes", arguments->allow_changes,
                    "also what was built from files that are not committed");
  command
      ->add_option("FILE", arguments->files,
                   "JSON of vmbsave-bench (one), of replays, of the suites load, live and host, of the doctor and of "
                   "the gate; pictures (.svg)")
      ->check(given());
  add_output_options(*command, arguments->output);
  command->callback([arguments, &chosen] { chosen = [arguments] { return run_record(*arguments); }; });
}

}  // namespace vmbsave::cli
