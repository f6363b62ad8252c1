#include "e2e/migration/kill.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iterator>

#include "e2e/migration/shared.hpp"
#include "e2e/migration/workload.hpp"

namespace vmbsave::migration {
namespace {

constexpr std::uint32_t kRequests = 3000;
constexpr std::uint64_t kStretches = 4;  // as many runs without a migration are there to compare with, for each span
constexpr std::uint64_t kSpans[] = {kDiskBytes, 8 << 20};

// In hundredths: how often each mode is drawn.
constexpr unsigned kShares[kKillModes] = {38, 6, 8, 10, 12, 8, 6, 4, 2, 3, 3};

std::uint64_t amount_of(KillMode mode, std::mt19937_64& random) {
  switch (mode) {
    case KillMode::kAtAnyTime:
      return random() % (std::uint64_t{1} << (6 + random() % 6));  // up to 2 ms, rather early
    case KillMode::kAfterCut:
      return random() % 800;
    case KillMode::kInPass:
      return 1 + random() % 200;
    case KillMode::kWhileSending:
      return random() % 1000;
    default:
      return 0;
  }
}

}  // namespace

const char* kill_mode_name(KillMode mode) noexcept {
  constexpr const char* kNames[kKillModes] = {"at any time",
                                              "before begin",
                                              "after the cut",
                                              "in the pass",
                                              "while sending",
                                              "after the last byte",
                                              "after the acknowledgement",
                                              "after the discard",
                                              "never",
                                              "refused",
                                              "lagging"};
  return kNames[static_cast<std::uint32_t>(mode)];
}

std::string Plan::text() const {
  return std::string("seed ") + std::to_string(seed) + ", mode '" + kill_mode_name(mode) + "' " +
         std::to_string(amount);
}

Plan draw_plan(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Plan plan{.seed = seed};
  auto share = static_cast<unsigned>(random() % 100);
  std::uint32_t mode = 0;
  while (share >= kShares[mode]) share -= kShares[mode++];
  plan.mode = static_cast<KillMode>(mode);
  plan.amount = amount_of(plan.mode, random);
  plan.requests = kRequests;
  plan.migrate_after = static_cast<std::uint32_t>(kRequests / 20 + random() % (kRequests * 7 / 10));
  plan.first = random() % kStretches * kRequests * 5;
  plan.span = kSpans[random() % std::size(kSpans)];
  plan.threads = 1 + static_cast<unsigned>(random() % 2);
  // All channels of the image at once, or one behind the other; or not even one.
  constexpr std::uint64_t kBudgets[] = {16 << 20, 40 << 10};
  plan.budget = plan.mode == KillMode::kRefused ? 1 : kBudgets[random() % std::size(kBudgets)];
  // Beyond the quota requests wait in the ring; below it a host takes them at once.
  plan.depth = random() % 2 == 0 ? kQuota / 2 : kDepth - 8;
  plan.piece_bytes = std::uint64_t{512} << (random() % 6);
  plan.answer_after = random() % 3 == 0 ? static_cast<std::uint32_t>(random() % 3000) : 0;
  return plan;
}

void kill_self() noexcept {
  for (;;) kill(getpid(), SIGKILL);
}

}  // namespace vmbsave::migration
