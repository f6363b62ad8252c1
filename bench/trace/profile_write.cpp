#include <algorithm>
#include <nlohmann/json.hpp>

#include "trace/profile.hpp"
#include "trace/profile_names.hpp"

namespace vmbsave::trace {
namespace {

using OrderedJson = nlohmann::ordered_json;

// A name need not be UTF-8, as JSON is.
std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string laid_out(const OrderedJson& json, const std::string& indent);

template <class Print>
std::string in_lines(const OrderedJson& json, const std::string& indent, const char* brackets, const Print& print) {
  std::string text(1, brackets[0]);
  const char* separator = "\n";
  for (const auto& [key, value] : json.items()) {
    text += separator + indent + "  " + print(key, value);
    separator = ",\n";
  }
  return text + "\n" + indent + brackets[1];
}

// For people and for diffs: an object's members and an array's objects have a line each, numbers share one.
std::string laid_out(const OrderedJson& json, const std::string& indent) {
  if (json.is_object()) {
    return in_lines(json, indent, "{}", [&](const std::string& key, const OrderedJson& value) {
      return compact(key) + ": " + laid_out(value, indent + "  ");
    });
  }
  if (json.is_array() && !json.empty() && json.front().is_object()) {
    return in_lines(json, indent, "[]", [](const std::string&, const OrderedJson& value) { return compact(value); });
  }
  return compact(json);
}

OrderedJson sizes_json(const Profile& profile) {
  OrderedJson sizes = OrderedJson::array();
  for (const SizeShare& size : profile.sizes) sizes.push_back({{"bytes", size.bytes}, {"requests", size.requests}});
  return {{"rounded_up_to", profile.size_step},
          {"min_count", profile.min_count},
          {"left_out", OrderedJson{{"sizes", profile.left_out_sizes}, {"requests", profile.left_out_requests}}},
          {"of_trace", sizes}};
}

OrderedJson operations_json(const Profile& profile) {
  OrderedJson json = OrderedJson::object();
  for (const Operation operation : operations_of(profile.kind)) {
    json[operation_name(operation)] = profile.operations[static_cast<std::size_t>(operation)];
  }
  return json;
}

OrderedJson queues_json(const Profile& profile) {
  OrderedJson queues = OrderedJson::array();
  for (const QueueShare& queue : profile.queues) {
    queues.push_back({{"queue", queue.queue}, {"requests", queue.requests}});
  }
  return {{"drawn", profile.queues_drawn_evenly ? kEvenly : kByRequests}, {"of_trace", queues}};
}

OrderedJson levels_json(const std::vector<Level>& levels) {
  OrderedJson json = OrderedJson::array();
  for (const Level& level : levels) json.push_back({{"share", level.share}, {"in_use", level.in_use}});
  return json;
}

}  // namespace

std::string profile_json(const Profile& profile) {
  OrderedJson json;
  json["schema"] = kProfileSchema;
  json["name"] = profile.name;
  json["source"] = profile.source;
  json["credit"] = profile.credit;
  json["kind"] = kind_name(profile.kind);
  json["trace"] = {{"format", profile.format}, {"requests", profile.requests}, {"span_ns", profile.span_ns}};
  json["completions"] = {{"measured", profile.completed}, {"service_time_ns", profile.service_time_ns}};
  json["sizes"] = sizes_json(profile);
  json["operations"] = operations_json(profile);
  json["queues"] = queues_json(profile);
  json["arrivals"] = {{"busiest_second",
                       {{"start_ns", profile.busiest_second_start_ns}, {"requests", profile.busiest_second_requests}}},
                      {"levels", levels_json(profile.arrivals)}};
  json["in_use"] = {
      {"peak", profile.peak},
      {"peak_at_ns", profile.peak_at_ns},
      {"end_ns", profile.end_ns},
      {"mean", profile.mean},
      {"levels", levels_json(profile.over_time)},
      {"buckets",
       {{"bucket_ns", profile.bucket_ns}, {"means", profile.bucket_means}, {"peaks", profile.bucket_peaks}}}};
  return laid_out(json, "") + "\n";
}

}  // namespace vmbsave::trace
