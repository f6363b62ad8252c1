#include "report/facts_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

// What a block of another program, or of an older version, may not have.
const Json& fact(const Json& block, const char* key) {
  static const Json kNone;
  const auto found = block.find(key);
  return found == block.end() ? kNone : *found;
}

std::string cpus_text(const Json& machine) {
  const Json& count = fact(machine, "cpus_allowed");
  const Json& quota = fact(machine, "cpu_quota");
  const std::string cpus = count == 1 ? "1 CPU" : known_text(count) + " CPUs";
  return cpus + (quota.is_number() ? fmt::format(" with a quota of {:.2g}", quota.get<double>()) : "");
}

}  // namespace

std::string known_text(const Json& value) {
  if (value.is_null()) return "not known";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string machine_text(const Json& machine) {
  const Json& hypervisor = fact(machine, "hypervisor");
  std::string text = fmt::format("{}, {}, hypervisor {}", known_text(fact(machine, "cpu")), cpus_text(machine),
                                 hypervisor.is_null() ? "none seen" : known_text(hypervisor));
  while (text.ends_with(' ')) text.pop_back();  // as firmware has it
  return text;
}

std::string commit_text(const Json& build) {
  const Json& commit = fact(build, "commit");
  const Json& clean = fact(build, "clean");
  return (commit.is_string() ? commit.get<std::string>().substr(0, 7) : known_text(commit)) +
         (clean == true     ? ""
          : clean.is_null() ? ", not known whether with changes"
                            : " with changes");
}

std::string age_text(const std::optional<std::uint64_t>& engine_commits_since) {
  const std::uint64_t commits = engine_commits_since.value_or(0);
  if (commits == 0) return "";
  return fmt::format("older than the engine here, which {} commit{} changed since", commits,
                     commits == 1 ? " has" : "s have");
}

}  // namespace vmbsave::report
