#include "report/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/doctor_findings.hpp"
#include "report/machine.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json text_if_any(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json finding_json(const Finding& finding) {
  return {{"name", finding.name},
          {"level", level_name(finding.level)},
          {"found", finding.found},
          {"effect", text_if_any(finding.effect)},
          {"fix", text_if_any(finding.fix)}};
}

// "WARN  governor         powersave: EFFECT; FIX"
std::string finding_line(const Json& finding) {
  const auto text = [&](const char* key) { return finding.at(key).get<std::string>(); };
  std::string level = text("level");
  std::transform(level.begin(), level.end(), level.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  const std::string advice = finding.at("effect").is_null() ? "" : fmt::format(": {}; {}", text("effect"), text("fix"));
  return fmt::format("{:<4}  {:<16} {}{}\n", level, text("name"), text("found"), advice);
}

}  // namespace

const char* level_name(Level level) noexcept {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarn:
      return "warn";
    case Level::kFail:
      break;
  }
  return "fail";
}

std::vector<Finding> doctor(const ProcessFacts& process, const std::filesystem::path& root) {
  const Json machine = machine_json(root);
  std::vector<Finding> findings = build_findings(process);
  for (auto&& part : {processor_findings(machine, process, root), load_findings(machine, root),
                      memory_findings(machine, process, root)}) {
    findings.insert(findings.end(), part.begin(), part.end());
  }
  return findings;
}

Json doctor_json(const std::vector<Finding>& findings) {
  const auto count = [&](Level level) {
    return std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.level == level; });
  };
  Json json = {{"ok", count(Level::kOk)}, {"warnings", count(Level::kWarn)}, {"failures", count(Level::kFail)}};
  json["findings"] = Json::array();
  for (const Finding& finding : findings) json["findings"].push_back(finding_json(finding));
  return json;
}

std::string doctor_table(const Json& doctor) {
  std::string text;
  for (const Json& finding : doctor.at("findings")) text += finding_line(finding);
  return text + fmt::format("{} ok, {} warnings, {} failures\n", doctor.at("ok").get<int>(),
                            doctor.at("warnings").get<int>(), doctor.at("failures").get<int>());
}

}  // namespace vmbsave::report
