#include "model/schedule/strategy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "model/schedule/view.hpp"

namespace vmbsave::model {
namespace {

constexpr const char* kSolo = "+solo";

// Takes a number off the front of `text`, and `delimiter` behind it.
template <class T>
T take(std::string_view& text, std::string_view delimiter) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || !rest.starts_with(delimiter)) {
    throw std::invalid_argument("--replay: expected a number and '" + std::string(delimiter) + "', found '" +
                                std::string(text) + "'");
  }
  text = rest.substr(delimiter.size());
  return value;
}

// The seed of one schedule (splitmix64).
std::uint64_t mix(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// xorshift: quick, and good enough to choose with.
class Dice {
 public:
  void seed(std::uint64_t seed) { state_ = seed | 1; }
  unsigned below(unsigned n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>((state_ >> 33) % n);
  }

 private:
  std::uint64_t state_ = 1;
};

// "path:2:1:", and "path:2+solo:1:".
std::string path_name(unsigned preemptions, bool solo, unsigned stale_loads) {
  return "path:" + std::to_string(preemptions) + (solo ? kSolo : "") + ":" + std::to_string(stale_loads) + ":";
}

class DepthFirst final : public Strategy {
 public:
  DepthFirst(unsigned preemptions, unsigned stale_loads, bool solo)
      : preemptions_(preemptions), stale_loads_(stale_loads), solo_(solo) {}

  bool begin() override {
    at_ = 0;
    if (first_) return !(first_ = false);
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().of) choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }
  unsigned thread(const std::vector<unsigned>& ids, bool) override { return choose(static_cast<unsigned>(ids.size())); }
  unsigned message(unsigned n) override { return choose(n); }
  unsigned preemptions() const override { return preemptions_; }
  unsigned stale_loads() const override { return stale_loads_; }
  bool solo() const override { return solo_; }
  std::string replay() const override {
    std::string text = path_name(preemptions_, solo_, stale_loads_);
    for (std::size_t i = 0; i < at_; ++i) {
      if (choices_[i].taken != 0) text += std::to_string(i) + "." + std::to_string(choices_[i].taken) + "-";
    }
    return text;
  }

 private:
  struct Choice {
    unsigned taken;
    unsigned of;
  };
  unsigned choose(unsigned n) {
    if (at_ == choices_.size()) choices_.push_back({0, n});
    if (choices_[at_].of != n) throw std::logic_error("a schedule that is run again differs");
    return choices_[at_++].taken;
  }

  const unsigned preemptions_;
  const unsigned stale_loads_;
  const bool solo_;
  bool first_ = true;
  std::size_t at_ = 0;
  std::vector<Choice> choices_;
};

class Path final : public Strategy {
 public:
  // choices: "7.1-12.2-": the 7th choice is 1, the 12th is 2, all others are 0.
  Path(unsigned preemptions, bool solo, unsigned stale_loads, std::string_view choices)
      : preemptions_(preemptions), solo_(solo), stale_loads_(stale_loads), text_(choices) {
    while (!choices.empty()) {
      const auto at = take<std::size_t>(choices, ".");
      choices_[at] = take<unsigned>(choices, "-");
    }
  }
  bool begin() override {
    if (!left_ && !choices_.empty() && at_ <= choices_.rbegin()->first) {
      throw std::invalid_argument("--replay: there was no choice " + std::to_string(choices_.rbegin()->first) +
                                  "; is it of this scenario?");
    }
    return std::exchange(left_, false);
  }
  unsigned thread(const std::vector<unsigned>& ids, bool) override { return next(static_cast<unsigned>(ids.size())); }
  unsigned message(unsigned n) override { return next(n); }
  unsigned preemptions() const override { return preemptions_; }
  unsigned stale_loads() const override { return stale_loads_; }
  bool solo() const override { return solo_; }
  std::string replay() const override { return path_name(preemptions_, solo_, stale_loads_) + text_; }

 private:
  // From inside a fiber, which an exception does not leave.
  unsigned next(unsigned n) {
    const auto found = choices_.find(at_++);
    if (found == choices_.end()) return 0;
    if (found->second < n) return found->second;
    std::fprintf(stderr, "schedules: --replay: choice %zu is %u, of only %u; is it of this scenario?\n", found->first,
                 found->second, n);
    std::_Exit(2);
  }

  const unsigned preemptions_;
  const bool solo_;
  const unsigned stale_loads_;
  const std::string text_;
  std::map<std::size_t, unsigned> choices_;
  std::size_t at_ = 0;
  bool left_ = true;
};

class Seeded : public Strategy {
 public:
  Seeded(const char* name, std::uint64_t seed, std::uint64_t first, std::uint64_t schedules)
      : name_(name), seed_(seed), next_(first), end_(first + schedules) {}
  bool begin() override {
    if (next_ == end_) return false;
    dice_.seed(mix(seed_, next_++));
    start();
    return true;
  }
  // Mostly the newest: else a schedule is nothing but old news.
  unsigned message(unsigned n) override { return dice_.below(4) != 0 ? 0 : dice_.below(n); }
  std::string replay() const override {
    return std::string(name_) + ":" + std::to_string(seed_) + ":" + std::to_string(next_ - 1);
  }

 protected:
  virtual void start() {}
  Dice dice_;

 private:
  const char* const name_;
  const std::uint64_t seed_;
  std::uint64_t next_;
  const std::uint64_t end_;
};

class Random final : public Seeded {
 public:
  Random(std::uint64_t seed, std::uint64_t first, std::uint64_t schedules) : Seeded("random", seed, first, schedules) {}
  unsigned thread(const std::vector<unsigned>& ids, bool) override {
    return dice_.below(static_cast<unsigned>(ids.size()));
  }
};

class Pct final : public Seeded {
 public:
  Pct(std::uint64_t seed, std::uint64_t first, std::uint64_t schedules, unsigned depth, unsigned steps)
      : Seeded("pct", seed, first, schedules), steps_(steps), changes_(depth - 1) {}

  unsigned thread(const std::vector<unsigned>& ids, bool) override {
    if (std::find(changes_.begin(), changes_.end(), step_++) != changes_.end()) priority_[highest(ids)] = --lowest_;
    const unsigned winner = highest(ids);
    return static_cast<unsigned>(std::find(ids.begin(), ids.end(), winner) - ids.begin());
  }
  void waits(unsigned id) override { priority_[id] = --lowest_; }

 private:
  void start() override {
    step_ = 0;
    lowest_ = 0;
    for (int& priority : priority_) priority = 1 + static_cast<int>(dice_.below(1'000'000));
    for (unsigned& change : changes_) change = dice_.below(steps_);
  }
  unsigned highest(const std::vector<unsigned>& ids) const {
    return *std::max_element(ids.begin(), ids.end(),
                             [&](unsigned a, unsigned b) { return priority_[a] < priority_[b]; });
  }

  const unsigned steps_;
  std::vector<unsigned> changes_;
  std::array<int, kMaxThreads> priority_{};
  unsigned step_ = 0;
  int lowest_ = 0;
};

constexpr unsigned kPctDepth = 3;
constexpr unsigned kPctSteps = 120;

}  // namespace

std::unique_ptr<Strategy> make_depth_first(unsigned preemptions, unsigned stale_loads, bool solo) {
  return std::make_unique<DepthFirst>(preemptions, stale_loads, solo);
}
std::unique_ptr<Strategy> make_random(std::uint64_t seed, std::uint64_t schedules) {
  return std::make_unique<Random>(seed, 0, schedules);
}
std::unique_ptr<Strategy> make_pct(std::uint64_t seed, std::uint64_t schedules) {
  return std::make_unique<Pct>(seed, 0, schedules, kPctDepth, kPctSteps);
}

std::unique_ptr<Strategy> make_replay(std::string_view text) {
  const std::string_view kind = text.substr(0, text.find(':'));
  text.remove_prefix(std::min(text.size(), kind.size() + 1));
  if (kind == "random" || kind == "pct") {
    const auto seed = take<std::uint64_t>(text, ":");
    const auto first = take<std::uint64_t>(text, "");
    if (!text.empty()) throw std::invalid_argument("--replay: expected nothing behind the number");
    if (kind == "random") return std::make_unique<Random>(seed, first, 1);
    return std::make_unique<Pct>(seed, first, 1, kPctDepth, kPctSteps);
  }
  if (kind != "path") throw std::invalid_argument("--replay: expected path:, pct: or random:");
  const bool solo = text.substr(0, text.find(':')).ends_with(kSolo);
  const auto preemptions = take<unsigned>(text, solo ? std::string(kSolo) + ":" : ":");
  const auto stale_loads = take<unsigned>(text, ":");
  return std::make_unique<Path>(preemptions, solo, stale_loads, text);
}

}  // namespace vmbsave::model
