// corpus_traces.cpp: small traces of each format, encoded as the tests of the readers do it, and damaged ones.
#include <span>

#include "fuzz/corpus.hpp"
#include "unit/blktrace_record.hpp"
#include "unit/trace_files.hpp"

namespace vmbsave::fuzz {
namespace {

using trace::test::Blktrace;
using trace::test::Members;
using trace::test::Octf;
using trace::test::Vscsi;

// Two queues; requests complete on the other one.
const std::string& queue3() {
  static const std::string bytes = Octf{.sid = 1, .time = 500}.device() +
                                   Octf{.sid = 3, .time = 1000, .id = 0xa, .lba = 64, .sectors = 256}.submission() +
                                   Octf{.sid = 6, .time = 1900, .id = 0xb}.completion();
  return bytes;
}
const std::string& queue11() {
  static const std::string bytes =
      Octf{.sid = 2, .time = 510}.device() +
      Octf{.sid = 4, .time = 1200, .id = 0xb, .lba = 1ull << 33, .operation = 1}.submission() +
      Octf{.sid = 5, .time = 1500, .id = 0xa}.completion();
  return bytes;
}
const char* const kSummary = R"({"tracedEvents": "6"})";

// See Folder::fill.
std::string file(unsigned queue, const std::string& bytes) {
  return static_cast<char>(queue) + trace::test::little_endian(static_cast<std::uint16_t>(bytes.size())) + bytes;
}

struct Events {
  const char* name;
  std::string bytes;
};

std::vector<Events> queues_of_one() {
  const std::string one = Octf{}.submission();
  return {
      {"empty", ""},
      {"one", one},
      {"flush", Octf{.sectors = 0, .flush = true}.submission() + one},
      {"discard", Octf{.operation = 3}.submission()},
      {"id_used_again", one + Octf{.sid = 2, .time = 1100}.submission() + Octf{.sid = 3, .time = 1200}.completion()},
      {"completion_first", Octf{.sid = 9, .time = 900}.completion() + one},
      {"without_id", Octf{.id = 0}.submission()},
      {"operation", Octf{.operation = 7}.submission()},
      {"sectors", Octf{.sectors = 1ull << 31}.submission()},
      {"time", Octf{.time = UINT64_MAX}.submission()},
      {"cut", one.substr(0, one.size() - 3)},
      {"length", trace::test::varint(UINT64_MAX) + one},
      {"no_header", trace::test::framed(trace::test::nested(2, trace::test::number(1, 5)))},
      {"not_protobuf", trace::test::framed("\xff\xff\xff")}};
}

}  // namespace

std::vector<Seed> blktrace_seeds() {
  const std::string issued = Blktrace{.time = 100, .payload = "process"}.issued();
  const std::string completed = Blktrace{.time = 250, .cpu = 1}.completed();
  const std::string queued = Blktrace{.time = 90}.queued();
  const auto one = [](const std::string& bytes) { return bytes_of(file(0, bytes)); };
  return {{"two_cpus", bytes_of(file(0, issued) + file(1, completed))},
          {"equal_times", bytes_of(file(0, completed) + file(1, Blktrace{.time = 250}.issued()))},
          {"two_devices", one(issued + Blktrace{.time = 120, .device = 8}.issued() + completed)},
          {"in_parts", one(issued + Blktrace{.time = 130, .bytes = 512}.completed() +
                           Blktrace{.time = 140, .sector = 101, .bytes = 3584}.completed())},
          {"issued_again", one(issued + Blktrace{.time = 110}.requeued() + Blktrace{.time = 120}.issued() + completed)},
          {"queued_alone", one(queued + Blktrace{.time = 95, .sector = 108}.queued() +
                               Blktrace{.time = 99, .bytes = 8192}.completed())},
          {"queued_and_issued", one(queued + issued + completed)},
          {"discard", one(Blktrace{.category = 1 << 13}.issued())},
          {"flush_alone", one(Blktrace{.bytes = 0, .category = 6}.issued())},
          {"message", one(Blktrace{.bytes = 0, .category = 1 << 10, .payload = "text"}.record(2) + issued)},
          {"big_endian", one(Blktrace{.magic = 0x07746165}.issued())},
          {"other_version", one(issued + Blktrace{.magic = 0x65617408}.issued())},
          {"time", one(Blktrace{.time = UINT64_MAX}.issued())},
          {"sector", one(Blktrace{.sector = UINT64_MAX}.issued())},
          {"odd_length", one(Blktrace{.bytes = 100}.issued())},
          {"cut_payload", one(issued.substr(0, issued.size() - 3))},
          {"cut", one(issued + completed.substr(0, 40))},
          {"empty", {}}};
}

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::vector<Seed> octf_folder_seeds() {
  std::vector<Seed> seeds;
  seeds.push_back({"two_queues", bytes_of(file(3, queue3()) + file(11, queue11()) + file(255, kSummary))});
  seeds.push_back({"summary_of_more", bytes_of(file(3, queue3()) + file(255, R"({"tracedEvents": 7})"))});
  seeds.push_back({"summary_of_nothing", bytes_of(file(3, queue3()) + file(255, "[]"))});
  seeds.push_back({"summary_alone", bytes_of(file(255, kSummary))});
  for (const Events& events : queues_of_one()) seeds.push_back({events.name, bytes_of(file(0, events.bytes))});
  return seeds;
}

std::vector<Seed> octf_tar_seeds() {
  const Members members = {{"t/octf.summary", kSummary}, {"t/octf.trace.3", queue3()}, {"t/octf.trace.11", queue11()}};
  const std::string archive = trace::test::tar(members);
  const std::string end(1024, '\0');
  return {{"two_queues", bytes_of(archive)},
          {"two_queues.xz", bytes_of(trace::test::xz(archive))},
          {"queue_twice", bytes_of(trace::test::tar({{"a/octf.trace.3", queue3()}, {"b/octf.trace.3", queue3()}}))},
          {"other_files", bytes_of(trace::test::tar({{"readme", "text"}}))},
          {"folder", bytes_of(trace::test::tar_member("octf.trace.3", "", '5') + end)},
          {"utf8_name", bytes_of(trace::test::tar_utf8_name("\xc3\xa4/octf.trace.3") +
                                 trace::test::tar_member("0", queue3()) + end)},
          {"cut", bytes_of(archive.substr(0, 1100))}};
}

std::vector<Seed> vscsi_seeds() {
  const std::string v1 = Vscsi{}.v1() + Vscsi{.sn = 7, .cmd = 0x2A, .lbn = 8, .ts = 900}.v1();
  const std::string v2 = Vscsi{.rt = 50}.v2() + Vscsi{.sn = 7, .cmd = 0x8A, .lbn = 8, .ts = 1100, .rt = 9}.v2();
  return {{"version_1", bytes_of(v1)},
          {"version_2", bytes_of(v2)},
          {"no_data", bytes_of(Vscsi{.len = 0, .cmd = 0x35}.v1() + v1)},
          {"no_data_alone", bytes_of(Vscsi{.len = 0, .cmd = 0x35}.v1())},
          {"unmap", bytes_of(Vscsi{.len = 24, .cmd = 0x42}.v2() + Vscsi{.len = 512, .cmd = 0x42}.v2())},
          {"within_a_page", bytes_of(Vscsi{.sg_elements = 2}.v1())},
          {"odd_length", bytes_of(Vscsi{.len = 100}.v1())},
          {"long", bytes_of(Vscsi{.len = 1u << 27}.v1())},
          {"late", bytes_of(Vscsi{.ts = UINT64_MAX}.v2())},
          {"late_response", bytes_of(Vscsi{.ts = 1ull << 53, .rt = UINT64_MAX}.v2())},
          {"other_version", bytes_of(v1 + Vscsi{}.v1(0x0300))},
          {"unknown_operation", bytes_of(Vscsi{.cmd = 0x99}.v1())},
          {"cut", bytes_of(v2.substr(0, 50))},
          {"empty", {}},
          {"nothing_known", bytes_of(std::string(40, 'x'))}};
}

}  // namespace vmbsave::fuzz
