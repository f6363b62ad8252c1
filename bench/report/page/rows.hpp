// rows.hpp: rows of a benchmark, chosen and named as figures need them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/facts_text.hpp"
#include "report/page/drawing.hpp"
#include "report/page/run.hpp"

namespace vmbsave::page {

using Rows = std::vector<const Json*>;

// The rows that were measured, in the run's order.
Rows measured_rows(const Json& bench);

// Of those in warm caches and pages of the default size, without checksums, the ones of the point that most are of,
// but for the number of packets.
Rows plain_rows(const Json& bench);

// The number of packets with the most plain rows: what the run is mainly of. 0: there are none.
std::uint64_t main_packets(const Json& bench);
Rows main_rows(const Json& bench);

// Of several threads: those of the row that has the most.
struct Series {
  std::string name;  // "engine fused"
  Rows rows;         // in the run's order
};
std::vector<Series> series_of(const Rows& rows);

std::string series_name(const Json& row);  // without threads and point
std::string row_label(const Json& row);    // "engine fused, 2 threads"
Ink row_ink(const Json& row);

// The one with the most threads for each number of packets or size of state; `key` is a property of a row.
Rows with_most_threads(const Rows& rows, const char* key);

double median_ns(const Json& row);

// What the row's floor took beside it, and the documented protocol. Absent: not compared.
std::optional<double> floor_ns(const Json& row);
std::optional<double> documented_ns(const Json& row);

std::optional<double> number_if(const Json& value);

// "1.43 [1.42, 1.44]", "-" for what is not known.
std::string number_text(const Json& value);
std::string interval_text(const Json& median);
std::string time_or_dash(const Json& ns);
using report::known_text;

}  // namespace vmbsave::page
