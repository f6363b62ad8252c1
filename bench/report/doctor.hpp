// doctor.hpp: whether this machine and this build give numbers that can be trusted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace vmbsave::report {

// kFail: what is measured is not what it is taken for. What the system does not say is a warning, never kOk.
enum class Level { kOk, kWarn, kFail };

struct Finding {
  std::string name;
  Level level = Level::kOk;
  std::string found = {};
  std::string effect = {};  // on numbers; empty if it is kOk
  std::string fix = {};     // likewise
};

// What no file under /proc or /sys says.
struct ProcessFacts {
  std::uint64_t clock_read_ns = 0;
  int counter_error = 0;                           // errno of a hardware counter of instructions; 0: it counts
  std::optional<std::uint64_t> memory_lock_bytes;  // absent: no limit
  bool fixed_addresses = false;                    // as setarch -R makes them
  std::string build_type;
  int check_level = 0;
  std::string sanitizer;         // empty: none
  std::string google_benchmark;  // how its library was built: release, debug or unknown; empty: not loaded
};

// google_benchmark: as above, for a program that knows.
ProcessFacts this_process(const std::string& google_benchmark = "");

std::vector<Finding> doctor(const ProcessFacts& process, const std::filesystem::path& root = "/");

const char* level_name(Level level) noexcept;  // ok, warn or fail

// The block "doctor" of a result; see context.schema.json.
nlohmann::ordered_json doctor_json(const std::vector<Finding>& findings);

// A line each, and how many there are of each level.
std::string doctor_table(const nlohmann::ordered_json& doctor);

}  // namespace vmbsave::report
