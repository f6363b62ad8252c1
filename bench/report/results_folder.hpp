// results_folder.hpp: the committed runs: a folder each, with every JSON compressed and the tables made of them.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmbsave::report {

struct ResultFile {
  std::string name;       // without folder and endings
  std::string text;       // as it was written
  std::string path = {};  // by which it is told of; empty: by its name
};

// "20261122T231500Z-amd-epyc-2cpu-0123456" from the JSON of vmbsave-bench.
std::string results_folder_name(const nlohmann::ordered_json& bench);

// Makes the folder of one run in `results` and gives its path. Of `files`, one is of vmbsave-bench and the others are
// of replays, of the suites load, live and host, of the doctor and of the gate, all of one commit; `pictures` are SVG.
// Who else may record there holds a ResultsLock, as the caller does. Throws std::runtime_error, in one line, for what
// is not to be recorded; nothing is left behind then.
std::filesystem::path record_results(const std::filesystem::path& results, const std::vector<ResultFile>& files,
                                     bool allow_changes, const std::vector<ResultFile>& pictures = {});

// What stands where there are no runs to show.
inline constexpr const char* kNoRecordedRun = "No run has been recorded yet.\n";

// The folders of all runs, the newest first.
std::vector<std::filesystem::path> recorded_runs(const std::filesystem::path& results);

// The newest folder of each machine, in order of the machines' names.
std::vector<std::filesystem::path> newest_results(const std::filesystem::path& results);

}  // namespace vmbsave::report
