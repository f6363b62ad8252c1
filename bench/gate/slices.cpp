#include "gate/slices.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "gate/control.hpp"
#include "gate/side.hpp"
#include "report/sign_test.hpp"

namespace vmbsave::gate {
namespace {

constexpr unsigned kDiscarded = 2;  // rounds: caches, branch predictors, and the clock of the processor settle

void bind_to(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) throw SideFailed(fmt::format("cannot be bound to CPU {}", cpu));
}

// A file that was loaded already would not be loaded a second time, and both sides be one. The copy goes at once: what
// is loaded stays.
class Copy {
 public:
  explicit Copy(const std::filesystem::path& object)
      : path_(std::filesystem::temp_directory_path() / fmt::format("vmbsave-gate-{}.so", getpid())) {
    std::filesystem::copy_file(object, path_, std::filesystem::copy_options::overwrite_existing);
  }
  ~Copy() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  Copy(const Copy&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  const std::filesystem::path path_;
};

// Both sides at work on one case.
class Pair {
 public:
  // Which side is loaded first, and which is made ready first, are drawn: their memory lies elsewhere in each process.
  Pair(const SliceOptions& options, std::mt19937_64& random) {
    const bool head_first = random() % 2 != 0;
    load(head_first, options);
    load(!head_first, options);
    const bool head_ready_first = random() % 2 != 0;
    prepare(head_ready_first, options);
    prepare(!head_ready_first, options);
  }

  std::uint64_t run(bool head, std::uint64_t operations) { return cases_[head]->run(operations); }

  void check() {
    for (auto& ready : cases_) ready->check();
  }

 private:
  void load(bool head, const SliceOptions& options) {
    if (head && std::filesystem::equivalent(options.base, options.head)) {
      sides_[head].emplace(Copy(options.head).path());
    } else {
      sides_[head].emplace(head ? options.head : options.base);
    }
  }
  void prepare(bool head, const SliceOptions& options) { cases_[head].emplace(*sides_[head], options.case_name); }

  std::optional<Side> sides_[2];  // base, head
  std::optional<ReadyCase> cases_[2];
};

// So many that the slower side takes a slice's time. Twice, because the first look is at a cold side.
std::uint64_t calibrate(Pair& pair, std::uint64_t slice_ns) {
  std::uint64_t operations = 1;
  for (int look = 0; look < 2; ++look) {
    std::uint64_t ns = 1;
    while ((ns = std::max(pair.run(false, operations), pair.run(true, operations))) < slice_ns / 2) operations *= 2;
    operations = std::max<std::uint64_t>(1, operations * slice_ns / ns + 1);
  }
  return operations;
}

// As many rounds begin with head as with base, in no order.
std::vector<bool> drawn_orders(unsigned rounds, std::mt19937_64& random) {
  std::vector<bool> head_first(rounds);
  for (unsigned i = 0; i < rounds / 2; ++i) head_first[i] = true;
  for (unsigned i = rounds; i > 1; --i) {
    const auto other = static_cast<unsigned>(random() % i);
    const bool kept = head_first[i - 1];
    head_first[i - 1] = head_first[other];
    head_first[other] = kept;
  }
  return head_first;
}

double median_log_ratio(const Slices& slices, std::uint64_t Round::*head, std::uint64_t Round::*base) {
  std::vector<double> ratios;
  for (const Round& round : slices.rounds) {
    ratios.push_back(std::log(static_cast<double>(round.*head) / static_cast<double>(round.*base)));
  }
  return report::median_of(ratios);
}

}  // namespace

Slices measure_slices(const SliceOptions& options) {
  if (options.cpu) bind_to(*options.cpu);
  std::mt19937_64 random(options.seed);
  Pair pair(options, random);
  Control control;
  std::optional<Hog> hog;
  if (options.loaded != LoadedSide::kNone) hog.emplace();
  Slices slices;
  slices.operations = calibrate(pair, options.slice_ns);
  const auto slice = [&](bool head, Round& round) {
    const Hog::Burst burst(hog && head ? &*hog : nullptr);
    (head ? round.head_control_ns : round.base_control_ns) = control.run();
    (head ? round.head_ns : round.base_ns) = pair.run(head, slices.operations);
  };
  std::vector<bool> head_first(kDiscarded);
  for (const bool first : drawn_orders(options.rounds, random)) head_first.push_back(first);
  for (const bool first : head_first) {
    Round round;
    slice(first, round);
    slice(!first, round);
    slices.rounds.push_back(round);
  }
  slices.rounds.erase(slices.rounds.begin(), slices.rounds.begin() + kDiscarded);
  pair.check();
  return slices;
}

double log_ratio(const Slices& slices) { return median_log_ratio(slices, &Round::head_ns, &Round::base_ns); }

double control_log_ratio(const Slices& slices) {
  return median_log_ratio(slices, &Round::head_control_ns, &Round::base_control_ns);
}

nlohmann::ordered_json slices_json(const Slices& slices) {
  nlohmann::ordered_json json;
  json["operations"] = slices.operations;
  json["base_ns"] = nlohmann::ordered_json::array();
  json["head_ns"] = nlohmann::ordered_json::array();
  json["base_control_ns"] = nlohmann::ordered_json::array();
  json["head_control_ns"] = nlohmann::ordered_json::array();
  for (const Round& round : slices.rounds) {
    json["base_ns"].push_back(round.base_ns);
    json["head_ns"].push_back(round.head_ns);
    json["base_control_ns"].push_back(round.base_control_ns);
    json["head_control_ns"].push_back(round.head_control_ns);
  }
  return json;
}

Slices slices_of(const nlohmann::ordered_json& json) {
  Slices slices;
  slices.operations = json.at("operations").get<std::uint64_t>();
  for (std::size_t i = 0; i < json.at("base_ns").size(); ++i) {
    slices.rounds.push_back(
        {json.at("base_ns").at(i).get<std::uint64_t>(), json.at("head_ns").at(i).get<std::uint64_t>(),
         json.at("base_control_ns").at(i).get<std::uint64_t>(), json.at("head_control_ns").at(i).get<std::uint64_t>()});
  }
  return slices;
}

}  // namespace vmbsave::gate
