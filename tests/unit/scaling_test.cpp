// What more threads are worth, from rows made by hand.
#include "report/scaling.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

Json row(unsigned threads, std::uint64_t ns, const Json& taken = nullptr) {
  return {{"name", "save/x/threads:" + std::to_string(threads) + "/checksum"},
          {"threads", threads},
          {"threads_taken", taken},
          {"error", nullptr},
          {"samples_ns", std::vector<std::uint64_t>(100, ns)}};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Scaling, SaysWhatTwoThreadsAreWorth) {
  const std::string table = scaling_table({row(2, 600), row(1, 900)});
  EXPECT_TRUE(contains(table, "save/x/checksum")) << table;
  EXPECT_TRUE(contains(table, "1.50 [1.50, 1.50]        0.75       0.333")) << table;
  EXPECT_TRUE(contains(table, "not identifiable from 2 numbers of threads, 4 are needed")) << table;
}

TEST(Scaling, NeedsARowWithOneThreadAndNoFailure) {
  EXPECT_EQ(scaling_table({row(2, 600), row(4, 500)}), "");
  Json failed = row(2, 600);
  failed["error"] = "not enough memory";
  EXPECT_EQ(scaling_table({row(1, 900), failed}), "");
  EXPECT_EQ(scaling_table({row(1, 900), row(2, 600, 1)}), "") << "below the crossover it was serial";
  EXPECT_NE(scaling_table({row(1, 900), row(2, 600, 2)}), "");
}

TEST(Scaling, FindsTheLawOfFourThreadCounts) {
  constexpr double kContention = 0.05;
  constexpr double kCoherence = 0.01;
  std::vector<std::pair<unsigned, double>> speed_ups;
  Json rows = Json::array();
  for (const unsigned n : {1u, 2u, 4u, 8u}) {
    const double share = (1 + kContention * (n - 1) + kCoherence * n * (n - 1)) / n;
    speed_ups.emplace_back(n, 1 / share);
    rows.push_back(row(n, static_cast<std::uint64_t>(1e9 * share)));
  }
  const ScalabilityLaw law = fit_scalability(speed_ups);
  EXPECT_NEAR(law.contention, kContention, 1e-9);
  EXPECT_NEAR(law.coherence, kCoherence, 1e-9);
  const std::string table = scaling_table(rows);
  EXPECT_TRUE(contains(table, "contention 0.0500, coherence 0.01000")) << table;
}

}  // namespace
}  // namespace vmbsave::report
