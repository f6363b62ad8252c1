#include "gate/coverage.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "gate/rule.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

constexpr std::size_t kRounds = 20;
constexpr double kSpread = 0.02;

// The value of one process: the median of its rounds, as the gate takes it.
class Process {
 public:
  Process(Family family, std::uint64_t seed) : family_(family), random_(seed) {}

  double draw() {
    switch (family_) {
      case Family::kNormal:
        return median([this] { return normal_(random_); });
      case Family::kSkewed:
        return median([this] { return std::exp(1.5 * normal_(random_)) - 1; });
      case Family::kAutocorrelated: {
        double state = normal_(random_);
        return median([this, &state] { return state = 0.9 * state + std::sqrt(1 - 0.81) * normal_(random_); });
      }
      case Family::kBimodal: {
        const double side = random_() % 2 == 0 ? -1 : 1;
        return median([this, side] { return side + 0.3 * normal_(random_); });
      }
    }
    return 0;
  }

 private:
  template <class Round>
  static double median(Round&& round) {
    std::vector<double> rounds(kRounds);
    for (double& value : rounds) value = kSpread * round();
    return report::median_of(std::move(rounds));
  }

  const Family family_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
};

// All families are symmetric around 0, but for the skewed one, whose processes' median is found by many of them.
double true_median(Family family) {
  if (family != Family::kSkewed) return 0;
  Process process(family, 0x5eed);
  std::vector<double> values(200'001);
  for (double& value : values) value = process.draw();
  return report::median_of(std::move(values));
}

// The most of `draws` that chance allows, if each has that probability or less.
std::uint64_t most_allowed(std::uint64_t draws, double probability) {
  constexpr double kChance = 1e-6;
  std::uint64_t k = 0;
  while (1 - report::binomial_at_most(static_cast<std::ptrdiff_t>(k), draws, probability) > kChance) ++k;
  return k;
}

}  // namespace

const char* family_name(Family family) noexcept {
  switch (family) {
    case Family::kNormal:
      return "normal";
    case Family::kSkewed:
      return "skewed";
    case Family::kAutocorrelated:
      return "autocorrelated";
    case Family::kBimodal:
      return "bimodal";
  }
  return "?";
}

Coverage coverage(Family family, std::size_t look, std::uint64_t draws, std::uint64_t seed) {
  const double median = true_median(family);
  const double alpha = kLooks[look].alpha;
  Process process(family, seed);
  Coverage result;
  result.draws = draws;
  result.allowed = most_allowed(draws, alpha);
  std::vector<double> values(kLooks[look].processes);
  for (std::uint64_t i = 0; i < draws; ++i) {
    for (double& value : values) value = process.draw();
    std::sort(values.begin(), values.end());
    if (report::lower_bound(values, alpha) > median) ++result.above;
    if (report::upper_bound(values, alpha) < median) ++result.below;
  }
  return result;
}

}  // namespace vmbsave::gate
