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
  row.executor = Executors::name_of(spec.threads);
  row.threads = spec.threads;
  row.point = spec.point;
  row.point_name = point_name(spec.point);
  row.checksum = spec.checksum;
  row.cold = spec.cold;
  return row;
}

}  // namespace

std::size_t RowLog::index_of(const RowSpec& spec) {
  const std::string name = row_name(spec);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].name == name) return i;
  }
  rows_.push_back(empty_row(spec));
  call_saves_.push_back(0);
  return rows_.size() - 1;
}

void RowLog::add(const RowSpec& spec, report::RowSamples samples) {
  const std::size_t index = index_of(spec);
  report::BenchRow& row = rows_[index];
  const std::size_t saves = samples.save_ns.size();
  if (!row.error.empty() || saves < call_saves_[index]) return;
  if (saves > call_saves_[index]) {
    row.samples = std::move(samples);
  } else {
    append(row.samples, samples);
  }
  call_saves_[index] = saves;
  row.verified = true;
}

void RowLog::fail(const RowSpec& spec, const std::string& error) {
  report::BenchRow& row = rows_[index_of(spec)];
  row.samples = {};
  row.verified = false;
  if (row.error.empty()) row.error = error;
}

}  // namespace vmbsave::bench
