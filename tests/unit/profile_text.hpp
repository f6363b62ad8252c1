// A small profile as JSON, for tests that change it.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "trace/profile.hpp"

namespace vmbsave::trace::test {

inline nlohmann::ordered_json small_profile() {
  return nlohmann::ordered_json::parse(R"({
    "schema": "vmbsave-profile-1", "name": "small", "source": "a test", "credit": "ours", "kind": "block",
    "trace": {"format": "vscsi-v1", "requests": 20, "span_ns": 1000},
    "completions": {"measured": 0, "service_time_ns": 500},
    "sizes": {"rounded_up_to": 1, "min_count": 2, "left_out": {"sizes": 1, "requests": 1},
              "of_trace": [{"bytes": 4096, "requests": 15}, {"bytes": 512, "requests": 2}]},
    "operations": {"read": 6, "write": 12, "discard": 2},
    "queues": {"drawn": "by requests", "of_trace": [{"queue": 3, "requests": 19}, {"queue": 7, "requests": 1}]},
    "arrivals": {"busiest_second": {"start_ns": 0, "requests": 20},
                 "levels": [{"share": 0.5, "in_use": 2}, {"share": 1, "in_use": 9}]},
    "in_use": {"peak": 9, "peak_at_ns": 700, "end_ns": 1500, "mean": 3.5,
               "levels": [{"share": 0.5, "in_use": 0}, {"share": 1, "in_use": 9}],
               "buckets": {"bucket_ns": 600, "means": [1.5, 7, 2], "peaks": [2, 9, 3]}}
  })");
}

inline Profile parse(const nlohmann::ordered_json& json) { return parse_profile(json.dump(), "FILE"); }

}  // namespace vmbsave::trace::test
