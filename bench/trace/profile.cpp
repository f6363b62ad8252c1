#include "trace/profile.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <span>
#include <stdexcept>

namespace vmbsave::trace {
namespace {

// How many requests were in use when a request arrived: the level that this share of arrivals did not exceed.
struct Level {
  double share;
  std::uint32_t in_use;
};

struct Profile {
  const char* name;
  std::span<const SizeShare> sizes;
  std::span<const Level> levels;
  double read_share;
  std::uint16_t queues;
  std::uint64_t service_time_ns;  // for which the levels were measured
};

// Source: cloudPhysicsIO.vscsi, one virtual disk of the CloudPhysics collection (SHARDS, FAST'15; CC BY 4.0 by the
// compiler of the collection), 113,872 requests; sizes with fewer than 400 requests left out. Levels with a service
// time of 10 ms.
constexpr SizeShare kCloudPhysicsSizes[] = {
    {65536, 38389}, {8192, 19473}, {4096, 15306}, {69632, 11227}, {61440, 6524}, {512, 5027}, {16384, 2991},
    {2560, 2309},   {1536, 1839},  {3584, 1035},  {32768, 965},   {24576, 742},  {3072, 728}, {4608, 654},
    {2048, 627},    {49152, 522},  {1024, 490},   {40960, 445},   {6656, 413},   {5120, 412}, {12288, 409}};
constexpr Level kCloudPhysicsLevels[] = {{0.10, 1},  {0.25, 2},   {0.50, 6},    {0.75, 12}, {0.90, 25},
                                         {0.95, 39}, {0.99, 111}, {0.999, 182}, {1.0, 214}};

// Source: Open-CAS standalone-linux-io-tracer, sample_trace (Intel, BSD-3-Clause), RocksDB under YCSB A, 64,420
// requests with measured completions; discards left out. Service time: the mean latency.
constexpr SizeShare kOpenCasSizes[] = {{131072, 63763}, {4096, 141}, {24576, 61}, {7168, 25}, {98304, 20}, {6144, 20},
                                       {2048, 18},      {1536, 15},  {6656, 15},  {5632, 11}, {61440, 10}, {7680, 10}};
constexpr Level kOpenCasLevels[] = {{0.10, 43},  {0.25, 115}, {0.50, 240},   {0.75, 363}, {0.90, 499},
                                    {0.95, 582}, {0.99, 805}, {0.999, 1058}, {1.0, 1098}};

constexpr Profile kProfiles[] = {
    {"cloudphysics", kCloudPhysicsSizes, kCloudPhysicsLevels, 46974.0 / 113872.0, 1, 10'000'000},
    {"open-cas", kOpenCasSizes, kOpenCasLevels, 0.0, 48, 15'017'000},
};

// std distributions may differ between libraries; this does not.
class Draw {
 public:
  double share() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  std::uint64_t below(std::uint64_t bound) { return static_cast<std::uint64_t>(share() * static_cast<double>(bound)); }

 private:
  std::mt19937_64 engine_{20260101};
};

std::uint32_t draw_size(std::span<const SizeShare> sizes, Draw& draw) {
  std::uint64_t total = 0;
  for (const SizeShare& size : sizes) total += size.requests;
  std::uint64_t at = draw.below(total);
  for (const SizeShare& size : sizes) {
    if (at < size.requests) return size.bytes;
    at -= size.requests;
  }
  return sizes.back().bytes;
}

std::uint32_t level_at(std::span<const Level> levels, double share) {
  return std::find_if(levels.begin(), levels.end(), [&](const Level& level) { return share <= level.share; })->in_use;
}

// Bursts, each as many requests as a level says, apart by more than the service time; the last burst is the peak.
class Generator {
 public:
  explicit Generator(const Profile& profile) : profile_(profile) {}

  Trace run() {
    constexpr unsigned kBursts = 200;
    trace_.format = "profile";
    trace_.service_time_ns = profile_.service_time_ns;
    for (unsigned i = 0; i + 1 < kBursts; ++i) burst(level_at(profile_.levels, draw_.share() * 0.999));
    burst(profile_.levels.back().in_use);
    for (std::uint16_t queue = 0; queue < profile_.queues; ++queue) trace_.queues.push_back(queue);
    return std::move(trace_);
  }

 private:
  // Two queues share a burst as they did at the peak of the measured trace: 777 and 321 of 1,098.
  void burst(std::uint32_t requests) {
    constexpr std::uint64_t kBetweenNs = 1000;
    const auto first = static_cast<std::uint16_t>(draw_.below(profile_.queues));
    const auto second = static_cast<std::uint16_t>(draw_.below(profile_.queues));
    for (std::uint32_t i = 0; i < requests; ++i) {
      Request request{};
      request.submit_ns = now_ns_ + i * kBetweenNs;
      request.complete_ns = kNoCompletion;
      request.lba = draw_.below(std::uint64_t{1} << 26);
      request.tag = trace_.requests.size() & 0xFF;
      request.bytes = draw_size(profile_.sizes, draw_);
      request.queue = draw_.share() < 777.0 / 1098.0 ? first : second;
      request.operation = draw_.share() < profile_.read_share ? Operation::kRead : Operation::kWrite;
      trace_.requests.push_back(request);
    }
    now_ns_ += requests * kBetweenNs + 2 * profile_.service_time_ns;
  }

  const Profile& profile_;
  Draw draw_;
  Trace trace_;
  std::uint64_t now_ns_ = 0;
};

const Profile& profile_of(const std::string& name) {
  for (const Profile& profile : kProfiles) {
    if (name == profile.name) return profile;
  }
  throw std::runtime_error("no profile '" + name + "'; there are: " + profile_names());
}

}  // namespace

Trace from_profile(const std::string& name) { return Generator(profile_of(name)).run(); }

std::span<const SizeShare> profile_sizes(const std::string& name) { return profile_of(name).sizes; }

std::string profile_names() {
  std::string names;
  for (const Profile& profile : kProfiles) names += (names.empty() ? "" : ", ") + std::string(profile.name);
  return names;
}

}  // namespace vmbsave::trace
