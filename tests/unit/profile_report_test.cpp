// A profile for a terminal.
#include <gtest/gtest.h>

#include "report/profile_report.hpp"
#include "unit/profile_text.hpp"

namespace vmbsave::report {
namespace {

TEST(ProfilePicture, ShowsMeansAndPeaks) {
  trace::Profile profile = trace::test::parse(trace::test::small_profile());
  profile.peak = 10;
  profile.end_ns = 4;
  profile.bucket_ns = 1;
  profile.bucket_means = {10, 5, 0, 0.4};
  profile.bucket_peaks = {10, 8, 0, 1};
  EXPECT_EQ(in_use_picture(profile, {}),
            "      10 |#\n"
            "         |#\n"
            "         |#:\n"
            "         |#:\n"
            "         |#:\n"
            "         |##\n"
            "         |##\n"
            "         |##\n"
            "         |##\n"
            "         |## :\n"
            "       0 +----\n"
            "         0 s      4 ns\n"
            "          #: mean, :: peak of a column, about 1 ns\n");
  const std::string unicode = in_use_picture(profile, {.columns = 80, .unicode = true});
  EXPECT_TRUE(unicode.starts_with("      10 |█\n         |█\n         |█░\n")) << unicode;
  EXPECT_NE(unicode.find("|██ ▃\n"), std::string::npos) << "eighths of a row: " << unicode;
}

TEST(ProfilePicture, FitsIntoItsColumns) {
  trace::Profile profile = trace::test::parse(trace::test::small_profile());
  profile.peak = 4;
  profile.end_ns = 240;
  profile.bucket_ns = 1;
  profile.bucket_means.assign(240, 0);
  profile.bucket_peaks.assign(240, 1);
  profile.bucket_means[239] = 4;
  profile.bucket_peaks[239] = 4;
  std::istringstream picture(in_use_picture(profile, {.columns = 70, .unicode = false}));
  std::string first;
  std::getline(picture, first);
  EXPECT_EQ(first, "       4 |" + std::string(59, ' ') + ":") << "4 buckets are a column, and its mean is 1";
  std::size_t longest = 0;
  for (std::string line; std::getline(picture, line);) longest = std::max(longest, line.size());
  EXPECT_EQ(longest, 70u);
}

TEST(ProfileText, BarsInEighthsOrWhole) {
  EXPECT_EQ(bar_text(1, 2, 10, {}), "#####");
  EXPECT_EQ(bar_text(0, 0, 10, {}), "");
  EXPECT_EQ(bar_text(1, 8, 10, {.columns = 80, .unicode = true}), "█▎");
}

TEST(ProfileText, HoldsWhatTheProfileHolds) {
  nlohmann::ordered_json json = trace::test::small_profile();
  json["source"] = "two\nlines";
  const std::string text = profile_text(trace::test::parse(json), {});
  for (const char* const part :
       {"small: 20 requests in 1.0 us (vscsi-v1)\n", "source: two?lines\n", "credit: ours\n",
        "completions: assumed, 500 ns after submission\n",
        "operations: 6 read (30.0 %), 12 write (60.0 %), 2 discard (10.0 %)\n",
        "busiest second: 20 requests, from 0 ns\n", "      4096         15  75.0 % ####",
        "       512          2  10.0 % ###", "  1 others          1   5.0 %\n", "in use          p50   most\n",
        "at arrivals       2      9\n", "over time         0      9\n", "peak 9 at 700 ns, mean 3.500\n",
        "         3         19  95.0 % ####"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin:\n" << text;
  }
  json["completions"]["measured"] = 18;
  json["sizes"]["rounded_up_to"] = 1024;
  const std::string measured = profile_text(trace::test::parse(json), {});
  EXPECT_NE(measured.find("completions: measured of 18 requests, on average 500 ns after submission\n"),
            std::string::npos);
  EXPECT_NE(measured.find("sizes are rounded up to multiples of 1024"), std::string::npos);
}

TEST(ProfileText, ManyQueuesAreTheBusiestAndTheOthers) {
  nlohmann::ordered_json json = trace::test::small_profile();
  json["queues"]["of_trace"] = nlohmann::ordered_json::array();
  for (unsigned i = 0; i < 19; ++i) json["queues"]["of_trace"].push_back({{"queue", i}, {"requests", i == 7 ? 2 : 1}});
  const std::string text = profile_text(trace::test::parse(json), {});
  EXPECT_NE(text.find("     queue   requests\n         7          2  10.0 % #"), std::string::npos) << text;
  EXPECT_NE(text.find("  7 others          7  35.0 %\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace vmbsave::report
