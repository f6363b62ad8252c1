#include "report/build_info.hpp"

#include <dlfcn.h>
#include <gnu/libc-version.h>

#include <nlohmann/json.hpp>

#include "commit.hpp"
#include "compiled.hpp"
#include "report/doctor.hpp"
#include "report/machine.hpp"

namespace vmbsave::report {

using Json = nlohmann::ordered_json;

namespace {

Json text_or_null(const char* text) { return text == nullptr || *text == '\0' ? Json(nullptr) : Json(text); }

// Asked of what the program runs with: nothing here links it.
Json onetbb_version() {
  const auto version = reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, "TBB_runtime_version"));
  return version == nullptr ? Json(nullptr) : text_or_null(version());
}

}  // namespace

Json build_json() {
  Json json;
  json["compiler"] = compiled::kCompiler;
  json["flags"] = compiled::kFlags;
  json["build_type"] = compiled::kBuildType;
  json["check_level"] = VMBSAVE_CHECK;
  json["sanitizer"] = text_or_null(compiled::kSanitizer);
  json["commit"] = commit::kId;
  json["clean"] = commit::kClean < 0 ? Json(nullptr) : Json(commit::kClean == 1);
  json["version"] = compiled::kVersion;
  return json;
}

Json libraries_json() {
  Json json;
  json["glibc"] = gnu_get_libc_version();
  json["onetbb"] = onetbb_version();
  json["google_benchmark"] = nullptr;
  json["xxhash"] = text_or_null(compiled::kXxhash);
  json["fmt"] = text_or_null(compiled::kFmt);
  json["nlohmann_json"] = text_or_null(compiled::kJson);
  return json;
}

void add_context(Json& result, const std::string& google_benchmark) {
  result["machine"] = machine_json();
  result["build"] = build_json();
  result["libraries"] = libraries_json();
  result["allocator"] = allocator_name();
  result["doctor"] = doctor_json(doctor(this_process(google_benchmark)));
}

}  // namespace vmbsave::report
