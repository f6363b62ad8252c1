#include <nlohmann/json.hpp>

#include "check/outputs.hpp"

namespace vmbsave::check {
namespace {

using Json = nlohmann::ordered_json;

template <class Value>
Json or_null(bool there, Value value) {
  return there ? Json(value) : Json(nullptr);
}

const char* key_of(verify::Call call) noexcept {
  switch (call) {
    case verify::Call::kNone:
      return "none";
    case verify::Call::kSetUp:
      return "set_up";
    case verify::Call::kProcess:
      return "process_packet";
    case verify::Call::kDeliver:
      return "deliver";
    case verify::Call::kSizing:
      return "sizing";
    case verify::Call::kSaving:
      return "saving";
    case verify::Call::kRestore:
      return "restore";
    case verify::Call::kReissue:
      return "reissue";
    case verify::Call::kComplete:
      return "complete";
    case verify::Call::kReference:
      return "reference";
    case verify::Call::kTearDown:
      return "tear_down";
  }
  return "none";
}

Json json_of(const verify::Finding& finding) {
  const verify::CheckInfo& info = verify::check_info(finding.check);
  const verify::Place& where = finding.where;
  return {{"number", info.number},
          {"title", info.title},
          {"cause", info.cause},
          {"fix", info.fix},
          {"times", finding.times},
          {"call", key_of(where.call)},
          {"attempt", or_null(where.attempt != 0, where.attempt)},
          {"channel", where.channel},
          {"transaction_id", or_null(where.has_packet, where.transaction_id)},
          {"outgoing", or_null(where.has_packet, where.outgoing)},
          {"first_byte", or_null(where.bytes != 0, where.first_byte)},
          {"bytes", or_null(where.bytes != 0, where.bytes)},
          {"detail", finding.detail}};
}

Json json_of(const verify::CallTimes& times) {
  return {{"p50_ns", times.p50}, {"p99_ns", times.p99}, {"max_ns", times.max}};
}

Json json_of(const verify::SizeTimes& size) {
  return {{"bytes", size.bytes},
          {"packets", size.packets},
          {"sizing", json_of(size.sizing)},
          {"saving", size.bytes == 0 ? Json(nullptr) : json_of(size.saving)}};
}

Json json_of(const verify::SlowPacket& slow) {
  return {{"channel", slow.channel},     {"transaction_id", slow.transaction_id},
          {"outgoing", slow.outgoing},   {"bytes", slow.bytes},
          {"sizing_ns", slow.sizing_ns}, {"saving_ns", or_null(slow.bytes != 0, slow.saving_ns)}};
}

template <class Values>
Json array_of(const Values& values) {
  Json array = Json::array();
  for (const auto& value : values) array.push_back(json_of(value));
  return array;
}

Json only(const Checked& checked) {
  Json numbers = Json::array();
  for (const verify::Check check : checked.only) numbers.push_back(verify::check_info(check).number);
  return numbers;
}

}  // namespace

Json check_json(const Checked& checked, bool profile) {
  const verify::Report& report = checked.report;
  Json json = {{"schema", "vmbsave-check-1"},
               {"given", checked.given},
               {"vsp", checked.name},
               {"seed", checked.options.seed},
               {"packets_asked_for", checked.options.packets},
               {"channels", checked.options.channels},
               {"only", only(checked)},
               {"finished", checked.is_finished},
               {"packets", or_null(checked.is_finished, report.packets)},
               {"calls", or_null(checked.is_finished, report.calls)},
               {"findings", array_of(report.findings)},
               {"left_out", report.left_out}};
  if (!profile) return json;
  json["sizes"] = array_of(report.sizes);
  json["slowest"] = array_of(report.slowest);
  return json;
}

}  // namespace vmbsave::check
