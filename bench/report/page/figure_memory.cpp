#include <fmt/format.h>

#include <algorithm>

#include "report/page/axis.hpp"
#include "report/page/figure.hpp"
#include "report/page/rows.hpp"

namespace vmbsave::page {
namespace {

struct MemoryRow {
  const Json* row;
  std::string label;
  std::string allocator;
};

bool is_about_memory(const Json& row) {
  constexpr const char* kImplementations[] = {"documented_sequential", "malloc_per_packet", "mimalloc_per_packet",
                                              "pmr_monotonic", "tbb_scalable"};
  const auto of = row.at("implementation").get<std::string>();
  if (std::find(std::begin(kImplementations), std::end(kImplementations), of) != std::end(kImplementations))
    return true;
  return of == "engine" && row.at("plan") == "fused" && !row.at("checksum").get<bool>();
}

// Of the main point; the others of its rows are of the same packets in cold caches or in pages of their own.
std::vector<MemoryRow> memory_rows(const Run& run) {
  std::vector<MemoryRow> rows;
  for (const Json* const bench : run.of("vmbsave-bench-1")) {
    const Rows main = main_rows(*bench);
    const std::string allocator = known_text(bench->at("allocator"));
    for (const Json* const row : measured_rows(*bench)) {
      if (main.empty() || row->at("point") != main.front()->at("point") || !is_about_memory(*row)) continue;
      const std::string other = bench == run.bench() ? "" : fmt::format(" ({})", allocator);
      rows.push_back({row, row_label(*row) + other, allocator});
    }
  }
  return rows;
}

std::string asked(const Json& row) {
  const auto count = [](const Json& value) {
    return value.is_null() ? std::string("?") : count_text(value.get<double>());
  };
  return fmt::format("{} allocs, {} faults", count(row.at("allocator_calls_p50")), count(row.at("page_faults_p50")));
}

double per_packet(const MemoryRow& of) { return number_if(of.row->at("ns_per_packet")).value_or(0); }

// Those that differ in nothing but where memory comes from; caches and pages of another kind are compared in the table.
std::vector<MemoryRow> alike(const std::vector<MemoryRow>& rows) {
  std::vector<MemoryRow> warm = rows;
  std::erase_if(warm, [](const MemoryRow& of) {
    return of.row->at("cache") != "warm" || of.row->value("pages", "default") != "default";
  });
  return warm.empty() ? rows : warm;
}

std::string memory_reading(std::vector<MemoryRow> rows) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return per_packet(a) < per_packet(b); });
  return fmt::format("{} costs {} ns a packet ({}); {} costs {} ({}).", rows.front().label,
                     plain_text(per_packet(rows.front())), asked(*rows.front().row), rows.back().label,
                     plain_text(per_packet(rows.back())), asked(*rows.back().row));
}

}  // namespace

std::optional<Content> memory_figure(const Run& run) {
  const std::vector<MemoryRow> rows = memory_rows(run);
  if (rows.empty()) return std::nullopt;
  Bars bars{{"ns/packet of the median save", plain_text}, {}};
  Table table{"",
              {"save", "allocator", "pages", "cache", "ns/packet", "allocator calls", "page faults", "in huge pages",
               "memory kept"},
              {}};
  for (const MemoryRow& of : rows) {
    const Json& row = *of.row;
    const std::string text = fmt::format("{} ns; {}", plain_text(per_packet(of)), asked(row));
    bars.bars.push_back({of.label, {{per_packet(of), row_ink(row), of.label + ": " + text}}, text});
    const auto bytes = [&](const char* key) {
      return !row.contains(key) || row.at(key).is_null() ? "-" : bytes_text(row.at(key).get<double>());
    };
    table.rows.push_back({of.label, of.allocator, row.value("pages", "default"), row.at("cache"),
                          number_text(row.at("ns_per_packet")), known_text(row.at("allocator_calls_p50")),
                          known_text(row.at("page_faults_p50")), bytes("huge_page_bytes"), bytes("memory_mapped")});
  }
  return Content{memory_reading(alike(rows)), {{"", bars}}, {table}};
}

}  // namespace vmbsave::page
