#include <fmt/format.h>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"
#include "report/same_machine.hpp"

namespace vmbsave::page {
namespace {

// "memory_bytes" as "memory", in KiB and so on.
void add_fact(Table& table, std::string name, const Json& value) {
  const bool is_bytes = name.ends_with("_bytes");
  if (is_bytes) name.resize(name.size() - 6);
  const bool may_be_none = name == "cpu_quota" || name == "sanitizer" || name == "hypervisor";
  for (char& c : name) c = c == '_' ? ' ' : c;
  const std::string text = is_bytes && value.is_number() ? bytes_text(value.get<double>()) : known_text(value);
  table.rows.push_back({name, may_be_none && value.is_null() ? "none" : text});
}

Table facts_table(const Json& context) {
  Table table{"machine and build", {"what", "as found"}, {}, true};
  for (const char* const part : {"machine", "build"}) {
    for (const auto& [name, value] : context.at(part).items()) add_fact(table, name, value);
  }
  add_fact(table, "allocator", context.at("allocator"));
  if (!context.contains("libraries")) return table;
  for (const auto& [name, value] : context.at("libraries").items()) {
    if (!value.is_null()) add_fact(table, "library " + name, value);
  }
  return table;
}

Table findings_table(const Json& doctor) {
  Table table{"what the doctor finds", {"what", "level", "found", "effect", "what to do"}, {}, true};
  for (const Json& finding : doctor.at("findings")) {
    const auto text = [&](const char* key) {
      return finding.at(key).is_null() ? "" : finding.at(key).get<std::string>();
    };
    table.rows.push_back({text("name"), text("level"), text("found"), text("effect"), text("fix")});
  }
  return table;
}

// The run's own; else one that was written beside it on the same machine.
const Json* doctor_of(const Run& run, const Json& context) {
  if (context.contains("doctor")) return &context.at("doctor");
  for (const Json* const doctor : run.of("vmbsave-doctor-1")) {
    if (report::machine_difference(doctor->at("machine"), context.at("machine")).empty()) return &doctor->at("doctor");
  }
  return nullptr;
}

}  // namespace

std::optional<Content> machine_figure(const Run& run) {
  const Json* const context = run.context();
  if (context == nullptr) return std::nullopt;
  Content content{"", {}, {facts_table(*context)}};
  if (const Json* const doctor = doctor_of(run, *context)) {
    content.tables.push_back(findings_table(*doctor));
    content.reading = fmt::format(
        "The doctor finds {} things in order, {} to be warned of and {} that make numbers "
        "something else than they are taken for.",
        doctor->at("ok").get<int>(), doctor->at("warnings").get<int>(), doctor->at("failures").get<int>());
  } else {
    content.reading = "The run does not say what the doctor found.";
  }
  return content;
}

}  // namespace vmbsave::page
