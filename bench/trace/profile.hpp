// profile.hpp: what the suite ships instead of traces: what a trace was measured to hold, small enough for a file, and
// requests drawn from it. profiles/README.md says which there are.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trace/trace.hpp"

namespace vmbsave::trace {

struct SizeShare {
  std::uint32_t bytes;
  std::uint64_t requests;
};

struct QueueShare {
  std::uint16_t queue;  // its number in the trace
  std::uint64_t requests;
};

// This share did not exceed so many in use.
struct Level {
  double share;
  std::uint64_t in_use;
};

inline constexpr std::size_t kOperations = 5;  // of Operation

enum class ProfileKind : std::uint8_t { kBlock, kNetwork };

// Times in nanoseconds, from the submission of the first request.
struct Profile {
  std::string name;
  std::string source;
  std::string credit;  // and the licence
  ProfileKind kind = ProfileKind::kBlock;

  std::string format;  // of the trace
  std::uint64_t requests = 0;
  std::uint64_t span_ns = 0;          // to the last submission
  std::uint64_t completed = 0;        // requests whose completion was measured; 0: all completions are assumed
  std::uint64_t service_time_ns = 0;  // assumed; of measured completions: the mean, in whole microseconds

  std::vector<SizeShare> sizes;  // without discards; the most frequent first, of equals the first seen
  std::uint32_t size_step = 1;   // sizes are rounded up to its multiples, where there are too many of them
  std::uint64_t min_count = 1;   // sizes with fewer requests are left out:
  std::uint64_t left_out_sizes = 0;
  std::uint64_t left_out_requests = 0;

  std::array<std::uint64_t, kOperations> operations{};  // requests, by Operation
  std::vector<QueueShare> queues;                       // ascending
  bool queues_drawn_evenly = false;                     // else as often as the trace has them

  std::uint64_t busiest_second_start_ns = 0;
  std::uint64_t busiest_second_requests = 0;
  std::vector<Level> arrivals;  // in use when a request arrived, with itself; the last is what no arrival exceeded

  std::uint64_t peak = 0;
  std::uint64_t peak_at_ns = 0;
  std::uint64_t end_ns = 0;  // of the last submission or completion
  double mean = 0;           // over time
  std::vector<Level> over_time;

  std::uint64_t bucket_ns = 0;  // the time to the end in equal parts, the last perhaps shorter
  std::vector<double> bucket_means;
  std::vector<std::uint64_t> bucket_peaks;
};

// Limits that every profile keeps to.
inline constexpr std::size_t kMostSizes = 4096;
inline constexpr std::size_t kMostBuckets = 240;
inline constexpr std::uint64_t kMostInUse = std::uint64_t{1} << 20;  // as in one save
inline constexpr std::uint64_t kMostRequests = std::uint64_t{1} << 53;
inline constexpr std::uint64_t kLongestServiceNs = 10'000'000'000'000'000;  // some 115 days

// The JSON of profile.schema.json, the same bytes for the same profile.
std::string profile_json(const Profile& profile);

// Of that JSON. Throws std::runtime_error, in one line that begins with `where`, for anything that breaks a rule of the
// schema or cannot be true.
Profile parse_profile(std::string_view json, const std::string& where);

// Those that are part of the program. Throws std::runtime_error listing the names.
Profile built_in_profile(const std::string& name);

// "cloudphysics, open-cas, ..."
std::string profile_names();

// Requests drawn from a profile, always the same ones: bursts, each as many requests as a level of the arrivals says,
// apart by more than the service time; the last burst is the peak.
Trace generate(const Profile& profile);

// Of a built-in profile. Throws as built_in_profile.
Trace from_profile(const std::string& name);

}  // namespace vmbsave::trace
