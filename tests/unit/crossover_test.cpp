#include "save/crossover.hpp"

#include <gtest/gtest.h>

namespace vmbsave::test {
namespace {

TEST(Crossover, LearnsWhatAPacketCostsAndWhenThreadsCome) {
  save::Crossover crossover;
  EXPECT_FALSE(crossover.pays(0));
  EXPECT_FALSE(crossover.pays(1000));
  EXPECT_TRUE(crossover.pays(65'536));
  for (int i = 0; i < 50; ++i) crossover.learn(1000, 10'000'000, 1, 0);  // 10 us each
  EXPECT_TRUE(crossover.pays(100));
  for (int i = 0; i < 50; ++i) crossover.learn(100'000, 1'000'000, 1, 0);  // 10 ns each
  EXPECT_FALSE(crossover.pays(1000));
  // Threads that are there at once: 10 ns each still, half of the time.
  for (int i = 0; i < 50; ++i) crossover.learn(100'000, 500'000, 2, 0);
  EXPECT_TRUE(crossover.pays(1500));
  EXPECT_FALSE(crossover.pays(500)) << "they are waited for at the end";
  // One hiccup of a second does not send every later save to one thread.
  crossover.learn(100'000, 1'000'000'000, 2, 1'000'000'000);
  EXPECT_TRUE(crossover.pays(65'536));
}

}  // namespace
}  // namespace vmbsave::test
