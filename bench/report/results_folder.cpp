#include "report/results_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "report/json_file.hpp"
#include "report/results_table.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// ranges: pairs of first and last, such as "az09".
bool is_in(const char* ranges, unsigned char c) {
  for (; *ranges != 0; ranges += 2) {
    if (c >= static_cast<unsigned char>(ranges[0]) && c <= static_cast<unsigned char>(ranges[1])) return true;
  }
  return false;
}

bool is_plain(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return is_in("az09", static_cast<unsigned char>(c)); });
}

// 20260131T120000Z
bool is_compact_utc(std::string_view text) {
  constexpr std::string_view kForm = "00000000T000000Z";
  return text.size() == kForm.size() && std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == '0' ? is_in("09", static_cast<unsigned char>(c)) : c == form;
         });
}

// The MACHINE of a folder's name UTC-MACHINE-COMMIT; absent: it is no such name.
std::optional<std::string> machine_of(std::string_view name) {
  constexpr std::size_t kUtc = 16;
  constexpr std::size_t kCommit = 7;
  if (name.size() < kUtc + kCommit + 3 || !is_compact_utc(name.substr(0, kUtc))) return std::nullopt;
  const std::string_view commit = name.substr(name.size() - kCommit);
  if (name[kUtc] != '-' || name[name.size() - kCommit - 1] != '-' || !is_plain(commit)) return std::nullopt;
  return std::string(name.substr(kUtc + 1, name.size() - kUtc - kCommit - 2));
}

[[noreturn]] void refuse(const std::string& why) { throw std::runtime_error("not recorded: " + why); }

// Of "AMD EPYC(TM) 7763 CPU @ 2.45GHz": amd-epyc-7763.
std::string model_slug(const Json& cpu) {
  if (!cpu.is_string()) return "unknown";
  std::string text = cpu.get<std::string>();
  text = text.substr(0, text.find('@'));
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return !is_in("az09", c); }, ' ');
  std::istringstream words(text);
  std::string slug;
  for (std::string w; words >> w;) {
    if (w == "r" || w == "tm" || w == "cpu" || w == "processor") continue;
    slug += (slug.empty() ? "" : "-") + w;
  }
  return slug.empty() ? "unknown" : slug;
}

std::string machine_slug(const Json& machine) {
  const Json& cpus = machine.at("cpus_allowed");
  return model_slug(machine.at("cpu")) + (cpus.is_null() ? "" : fmt::format("-{}cpu", cpus.get<unsigned>()));
}

// 2026-11-22T23:15:00Z without what a file name need not hold.
std::string compact_utc(std::string utc) {
  std::erase_if(utc, [](char c) { return c == '-' || c == ':'; });
  if (!is_compact_utc(utc)) {
    refuse(fmt::format("expected started_utc such as 2026-01-31T12:00:00Z, found {}", utc));
  }
  return utc;
}

bool all_rows_have(const Json& json, const char* key, const Json& wanted) {
  const Json& rows = json.at("rows");
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [&](const Json& row) { return row.at(key) == wanted; });
}

bool is_verified_bench(const Json& json) { return all_rows_have(json, "verified", true); }
bool is_verified_replay(const Json& json) { return json.at("verified") == true && json.at("restored") == true; }
bool is_verified_suite(const Json& json) { return all_rows_have(json, "error", nullptr); }
// Whatever they found is worth keeping.
bool is_finding(const Json& json) { return json.at("machine").is_object(); }

struct RecordedKind {
  const char* schema;
  bool (*is_verified)(const Json& json);
  bool has_table;
};
constexpr const char* kBench = "vmbsave-bench-1";
constexpr RecordedKind kRecordedKinds[] = {
    {kBench, is_verified_bench, true},           {"vmbsave-replay-1", is_verified_replay, true},
    {"vmbsave-load-1", is_verified_suite, true}, {"vmbsave-live-1", is_verified_suite, true},
    {"vmbsave-host-1", is_verified_suite, true}, {"vmbsave-doctor-1", is_finding, false},
    {"vmbsave-gate-1", is_finding, false}};

// nullptr: nothing that is recorded.
const RecordedKind* kind_of(const Json& json) {
  for (const RecordedKind& kind : kRecordedKinds) {
    if (json.at("schema") == kind.schema) return &kind;
  }
  return nullptr;
}

const std::string& told(const ResultFile& file) { return file.path.empty() ? file.name : file.path; }

// The run's own words for its kind.
Json parse(const ResultFile& file) {
  try {
    Json json = parse_json(file.text);
    if (kind_of(json) != nullptr) return json;
  } catch (const std::exception&) {
    // The same words for what is no JSON and for what is another.
  }
  refuse(fmt::format("{}: expected JSON of the schema vmbsave-bench-1, or of a replay, a suite, the doctor or the gate",
                     told(file)));
}

// Whatever is recorded was measured, and was right.
void expect_verified(const ResultFile& file, const Json& json) {
  if (kind_of(json)->is_verified(json)) return;
  refuse(fmt::format("{}: expected a run in which every row was measured and verified", told(file)));
}

void expect_clean(const ResultFile& file, const Json& json) {
  if (json.at("build").at("clean") == true) return;
  refuse(
      fmt::format("{}: built from files that differ from their commit, or may; commit them and run again, or give "
                  "--allow-changes",
                  told(file)));
}

std::string table_of(const std::vector<Json>& jsons) {
  ResultsTable table;
  for (const Json& json : jsons) {
    if (kind_of(json)->has_table) table.add(json);
  }
  return table.text();
}

// Asks for everything that the folder is made of.
void expect_usable(const ResultFile& file, const Json& json, bool allow_changes) {
  try {
    if (!allow_changes) expect_clean(file, json);
    expect_verified(file, json);
    (void)json.at("build").at("commit").get<std::string>();
    if (json.at("schema") == kBench) (void)results_folder_name(json);
    (void)table_of({json});
  } catch (const Json::exception&) {
    refuse(fmt::format("{}: no result of vmbsave, or damaged", told(file)));
  }
}

// Gives the one of vmbsave-bench.
Json expect_one_run(const std::vector<ResultFile>& files, const std::vector<Json>& jsons, bool allow_changes) {
  for (std::size_t i = 0; i < files.size(); ++i) expect_usable(files[i], jsons[i], allow_changes);
  const auto is_bench = [](const Json& json) { return json.at("schema") == kBench; };
  const auto benches = std::count_if(jsons.begin(), jsons.end(), is_bench);
  if (benches != 1) refuse(fmt::format("expected one JSON of vmbsave-bench, found {}", benches));
  const Json bench = *std::find_if(jsons.begin(), jsons.end(), is_bench);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (jsons[i].at("build").at("commit") != bench.at("build").at("commit")) {
      refuse(fmt::format("{}: made by another commit than the JSON of vmbsave-bench", told(files[i])));
    }
    const auto same = [&](const ResultFile& other) { return other.name == files[i].name; };
    if (std::count_if(files.begin(), files.end(), same) > 1) refuse(fmt::format("two files named {}", files[i].name));
  }
  return bench;
}

void expect_small(const fs::path& folder) {
  constexpr std::uintmax_t kMostBytes = 1 << 20;
  std::uintmax_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  if (bytes > kMostBytes) refuse(fmt::format("{} bytes compressed, more than 1 MiB; record fewer files", bytes));
}

void expect_pictures(const std::vector<ResultFile>& pictures) {
  for (const ResultFile& picture : pictures) {
    const auto same = [&](const ResultFile& other) { return other.name == picture.name; };
    if (std::count_if(pictures.begin(), pictures.end(), same) > 1) {
      refuse(fmt::format("two pictures named {}.svg", picture.name));
    }
    if (picture.text.find("<svg") == std::string::npos) {
      refuse(fmt::format("{}: expected a picture in SVG", told(picture)));
    }
  }
}

void fill(const fs::path& folder, const std::vector<ResultFile>& files, const std::vector<ResultFile>& pictures,
          const std::string& table) {
  fs::remove_all(folder);  // of a run that was killed
  fs::create_directories(folder);
  for (const ResultFile& file : files) write_xz(folder / (file.name + ".json.xz"), file.text);
  for (const ResultFile& picture : pictures) write_text(folder / (picture.name + ".svg"), picture.text);
  write_text(folder / "table.txt", table);
  expect_small(folder);
}

}  // namespace

std::string results_folder_name(const Json& bench) {
  const std::string commit = bench.at("build").at("commit").get<std::string>().substr(0, 7);
  if (!is_plain(commit)) refuse(fmt::format("expected a commit, found {}", commit));
  return fmt::format("{}-{}-{}", compact_utc(bench.at("started_utc")), machine_slug(bench.at("machine")), commit);
}

fs::path record_results(const fs::path& results, const std::vector<ResultFile>& files, bool allow_changes,
                        const std::vector<ResultFile>& pictures) {
  std::vector<Json> jsons;
  for (const ResultFile& file : files) jsons.push_back(parse(file));
  const Json bench = expect_one_run(files, jsons, allow_changes);
  expect_pictures(pictures);
  const std::string table = table_of(jsons);
  const std::string name = results_folder_name(bench);
  const fs::path folder = results / name;
  if (fs::exists(folder)) refuse(fmt::format("{} is there already", folder.string()));
  const fs::path partial = results / ("." + name + ".part");
  try {
    fill(partial, files, pictures, table);
    fs::rename(partial, folder);
  } catch (...) {
    std::error_code none;
    fs::remove_all(partial, none);
    throw;
  }
  return folder;
}

std::vector<fs::path> recorded_runs(const fs::path& results) {
  std::vector<fs::path> folders;
  for (const fs::directory_entry& entry : fs::directory_iterator(results)) {
    if (entry.is_directory() && machine_of(entry.path().filename().string())) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end(), std::greater<>());  // names begin with the time
  return folders;
}

std::vector<fs::path> newest_results(const fs::path& results) {
  std::map<std::string, fs::path> newest;  // by machine
  for (const fs::path& folder : recorded_runs(results)) {
    newest.emplace(*machine_of(folder.filename().string()), folder);  // the first one stays
  }
  std::vector<fs::path> folders;
  for (const auto& [machine, folder] : newest) folders.push_back(folder);
  return folders;
}

}  // namespace vmbsave::report
