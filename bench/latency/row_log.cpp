#include "latency/row_log.hpp"

#include <utility>

#include "harness/executors.hpp"

namespace vmbsave::bench {
namespace {

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void append(report::RowSamples& to, const report::RowSamples& from) {
  append(to.save_ns, from.save_ns);
  append(to.page_faults, from.page_faults);
  append(to.allocator_calls, from.allocator_calls);
  append(to.hiccup_ns, from.hiccup_ns);
  append(to.ratio_to_floor, from.ratio_to_floor);
  append(to.ratio_to_engine, from.ratio_to_engine);
  append(to.times_faster_than_documented_sequential, from.times_faster_than_documented_sequential);
  for (unsigned p = 0; p < kSavePhases; ++p) append(to.phase_ns[p], from.phase_ns[p]);
}

const char* face(Kind kind) {
  if (kind == Kind::kEngine) return "c++";
  return kind == Kind::kCFace ? "c" : "";
}

report::BenchRow empty_row(const RowSpec& spec) {
  report::BenchRow row;
  row.name = row_name(spec);
  row.implementation = kind_name(spec.kind);
  row.face = face(spec.kind);
  row.floor = kind_name(floor_of(spec));
  row.executor = Executors::name_of(spec.threads);
  row.threads = spec.threads;
  row.point = spec.point;
  row.point_name = point_name(spec.point);
  row.checksum = spec.checksum;
  row.cold = spec.cold;
  row.first_touch = spec.first_touch;
  row.small_pages = spec.small_pages;
  return row;
}

}  // namespace

RowLog::Row& RowLog::row_of(const RowSpec& spec) {
  const std::string name = row_name(spec);
  for (Row& row : rows_) {
    if (row.row.name == name) return row;
  }
  return rows_.emplace_back(Row{empty_row(spec), {}});
}

void RowLog::add(const RowSpec& spec, report::RowSamples samples) {
  Row& row = row_of(spec);
  if (!row.row.error.empty()) return;
  row.counts.push_back(std::move(samples));
  if (row.counts.size() > repetitions_) row.counts.pop_front();
  row.row.verified = true;
}

void RowLog::fail(const RowSpec& spec, const std::string& error) {
  Row& row = row_of(spec);
  row.counts.clear();
  row.row.verified = false;
  if (row.row.error.empty()) row.row.error = error;
}

std::vector<report::BenchRow> RowLog::rows() const {
  std::vector<report::BenchRow> rows;
  for (const Row& row : rows_) {
    rows.push_back(row.row);
    if (row.counts.empty()) continue;
    rows.back().samples = row.counts.front();
    rows.back().samples.repetitions = row.counts.size();
    for (std::size_t call = 1; call < row.counts.size(); ++call) append(rows.back().samples, row.counts[call]);
  }
  return rows;
}

}  // namespace vmbsave::bench
