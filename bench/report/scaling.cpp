#include "report/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "report/intervals.hpp"

namespace vmbsave::report {
namespace {

using Json = nlohmann::ordered_json;

struct Row {
  unsigned threads;
  Median ns;
};

// Rows that differ in nothing but the threads.
struct Family {
  std::string name;
  std::vector<Row> rows;  // in order of threads, the first with one
};

Row row_of(const Json& row) {
  return {row.at("threads").get<unsigned>(), median(row.at("samples_ns").get<std::vector<double>>())};
}

// "save/engine/fused/...", without "/threads:2".
std::string name_without_threads(const Json& row) {
  std::string name = row.at("name").get<std::string>();
  const std::string part = fmt::format("/threads:{}", row.at("threads").get<unsigned>());
  const std::size_t at = name.find(part);
  if (at != std::string::npos) name.erase(at, part.size());
  return name;
}

// A save below the crossover is serial, whatever it was given.
bool is_of_its_threads(const Json& row) {
  return row.at("threads_taken").is_null() || row.at("threads_taken") == row.at("threads");
}

std::vector<Family> families(const Json& rows) {
  std::vector<Family> families;
  for (const Json& row : rows) {
    if (!row.at("error").is_null() || !is_of_its_threads(row)) continue;
    const std::string name = name_without_threads(row);
    auto family = std::find_if(families.begin(), families.end(), [&](const Family& f) { return f.name == name; });
    if (family == families.end()) family = families.insert(families.end(), {name, {}});
    family->rows.push_back(row_of(row));
  }
  for (Family& family : families) {
    std::sort(family.rows.begin(), family.rows.end(), [](const Row& a, const Row& b) { return a.threads < b.threads; });
  }
  std::erase_if(families, [](const Family& f) {
    return f.rows.size() < 2 || f.rows.front().threads != 1 || !f.rows.front().ns.p50;
  });
  return families;
}

std::string fixed(const std::optional<double>& value) { return value ? fmt::format("{:.2f}", *value) : "-"; }

// What is left serial, from the speed-up alone: (1/S - 1/n) / (1 - 1/n).
double karp_flatt(double speed_up, unsigned threads) {
  const double share = 1.0 / threads;
  return (1 / speed_up - share) / (1 - share);
}

// Both medians are known.
SpeedUp speed_up(const Row& one, const Row& many) {
  SpeedUp result{many.threads, *one.ns.p50 / *many.ns.p50, {}, {}};
  if (one.ns.low && many.ns.high) result.low = *one.ns.low / *many.ns.high;
  if (one.ns.high && many.ns.low) result.high = *one.ns.high / *many.ns.low;
  return result;
}

std::string line(const Row& one, const Row& many) {
  if (!many.ns.p50) return "";
  const SpeedUp of = speed_up(one, many);
  return fmt::format("  {:>7}{:>10} [{}, {}]{:>12.2f}{:>12.3f}\n", of.threads, fixed(of.times), fixed(of.low),
                     fixed(of.high), of.times / of.threads, karp_flatt(of.times, of.threads));
}

std::string law(const Family& family) {
  std::vector<std::pair<unsigned, double>> speed_ups;
  for (const Row& row : family.rows) {
    if (row.ns.p50) speed_ups.emplace_back(row.threads, *family.rows.front().ns.p50 / *row.ns.p50);
  }
  if (speed_ups.size() < kFewestThreadCounts) {
    return fmt::format("  scalability law: not identifiable from {} numbers of threads, {} are needed\n",
                       speed_ups.size(), kFewestThreadCounts);
  }
  const ScalabilityLaw law = fit_scalability(speed_ups);
  return fmt::format("  scalability law: contention {:.4f}, coherence {:.5f}\n", law.contention, law.coherence);
}

}  // namespace

// n / S - 1 = contention (n - 1) + coherence n (n - 1): two equations of the least squares.
ScalabilityLaw fit_scalability(const std::vector<std::pair<unsigned, double>>& speed_ups) {
  double aa = 0, ab = 0, bb = 0, ay = 0, by = 0;
  for (const auto& [threads, speed_up] : speed_ups) {
    const double a = threads - 1.0;
    const double b = threads * a;
    const double y = threads / speed_up - 1;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ay += a * y;
    by += b * y;
  }
  const double determinant = aa * bb - ab * ab;
  return {(ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant};
}

std::vector<SpeedUp> speed_ups(const std::vector<const Json*>& rows) {
  std::optional<Row> one;
  std::vector<Row> more;
  for (const Json* const row : rows) {
    if (!is_of_its_threads(*row)) continue;
    const Row of = row_of(*row);
    if (!of.ns.p50) continue;
    if (of.threads == 1) {
      one = of;
    } else {
      more.push_back(of);
    }
  }
  std::vector<SpeedUp> result;
  if (!one) return result;
  for (const Row& many : more) result.push_back(speed_up(*one, many));
  std::sort(result.begin(), result.end(), [](const SpeedUp& a, const SpeedUp& b) { return a.threads < b.threads; });
  return result;
}

std::string scaling_table(const Json& rows) {
  std::string table;
  for (const Family& family : families(rows)) {
    if (table.empty()) table = "  threads  speed-up [95 %]     efficiency  Karp-Flatt\n";
    table += family.name + "\n";
    for (std::size_t i = 1; i < family.rows.size(); ++i) table += line(family.rows.front(), family.rows[i]);
    table += law(family);
  }
  return table;
}

}  // namespace vmbsave::report
