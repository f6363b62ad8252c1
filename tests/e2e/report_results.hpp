// report_results.hpp: a folder with a result of every kind, for the page made of them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "e2e/program.hpp"

namespace vmbsave::tests {

inline void write(const std::filesystem::path& file, const std::string& text) { std::ofstream(file) << text; }

// What every result says of where it was made.
inline constexpr const char* kContext =
    R"("machine":{"cpu":"A","cpus_online":2,"cpus_allowed":2,"cpu_quota":null,"l1d_bytes":null,"l2_bytes":null,)"
    R"("l3_bytes":null,"memory_bytes":1,"kernel":"6","hypervisor":null,"clock_source":"tsc","thp":"madvise",)"
    R"("governor":null},"build":{"compiler":"GNU","flags":"-O3","build_type":"Release","check_level":0,)"
    R"("sanitizer":null,"commit":"0123456789","clean":true,"version":"0.1.0"},"libraries":{},"allocator":"glibc",)"
    R"("doctor":{"ok":0,"warnings":0,"failures":0,"findings":[]})";

// Two bins before a cut and three behind it, of which the save has the first; the last has too few calls.
inline std::string load_timeline(const std::string& during_ns) {
  const auto calls = [](const std::string& p50) {
    return R"({"calls":3000,"p50":)" + p50 + R"(,"p99":)" + (p50 == "null" ? p50 : p50 + "0") +
           R"(,"p999":null,"max":99999})";
  };
  const auto times = [&](const std::string& p50) {
    return R"("complete_ns":)" + calls(p50) + R"(,"delivery_ns":)" + calls(p50);
  };
  std::string bins;
  for (const std::string& p50 :
       {std::string("70"), std::string("71"), during_ns, std::string("null"), std::string("72")})
    bins += (bins.empty() ? "" : ",") + (R"({"saves":100,)" + times(p50) + "}");
  return R"({"from_ns":-20000,"bin_ns":10000,"before":{)" + times("70") + R"(},"during":{)" + times(during_ns) +
         R"(},"after":{)" + times("72") + R"(},"bins":[)" + bins + "]}";
}

inline std::string load_row(const std::string& implementation, const std::string& blackout_ns) {
  const std::string calls = R"({"calls":200000,"p50":50,"p99":90,"p999":200,"max":900})";
  const std::string slower = R"({"calls":200000,"p50":60,"p99":99,"p999":400,"max":990})";
  const auto times = [](const std::string& of) {
    return R"({"complete_ns":)" + of + R"(,"acquire_ns":)" + of + R"(,"arrival_ns":)" + of + R"(,"delivery_ns":)" + of +
           R"(,"delivered_per_s":1000.0})";
  };
  return R"({"name":"load/pinned/open/)" + implementation + R"(","group":"pinned/open","implementation":")" +
         implementation +
         R"(","channels":4,"packets":4096,"arrivals_per_s":1000,"service_ns":1000,"gap_ns":1000,"pinned":true,)"
         R"("save_threads":1,"measured_every":1,"error":null,"rounds":20,"saves":100,"saved_packets":1,"issued":1,)"
         R"("delivered":1,"lost":0,"delivered_twice":0,"deferred":3,"refused":0,"blackout_ns":{"min":1,"p50":)" +
         blackout_ns +
         R"(,"p99":null,"max":99999},"blackout_to_engine":{"p50":5.5,"low":5.1,"high":5.9},)"
         R"("without_saves":)" +
         times(calls) + R"(,"with_saves":)" + times(slower) + R"(,"throughput_lost_percent":1.5,"idle_gap_ns":)" +
         calls + R"(,"timeline":)" + load_timeline(implementation == "engine" ? "13000" : "75") + "}";
}

inline std::string load_result() {
  return R"({"schema":"vmbsave-load-1","started_utc":"2026-01-01T00:00:00Z",)" + std::string(kContext) +
         R"(,"clock":{"name":"tsc","cost_ns":20},"rows":[)" + load_row("engine", "20000") + "," +
         load_row("drain_then_save", "110000") + "]}";
}

inline std::string gate_case(const std::string& name, const std::string& verdict, const std::string& time) {
  return R"({"name":")" + name + R"(","threads":1,"verdict":")" + verdict +
         R"(","reasons":["as measured"],"accepted":[],"time":)" + time +
         R"(,"instruction_ratio":1.01,"base_counts":null,"head_counts":null})";
}

inline std::string gate_result() {
  const std::string time =
      R"({"verdict":"FAIL","look":1,"first":{"ratio":1.08,"low":1.05,"high":1.11,"detectable":0.03},"again":null,)"
      R"("control":null,"processes":[],"confirmation":[]})";
  return R"({"schema":"vmbsave-gate-1","started_utc":"2026-01-01T00:00:00Z","verdict":"FAIL: 1 of 2 cases is slower",)"
         R"("exit_code":1,)" +
         std::string(kContext) +
         R"(,"suite":"pr","seed":1,"seconds":2.5,"notes":[],"against":[{"what":"base","base":{"name":"main",)"
         R"("commit":"aaaaaaaaaa","subject":"a"},"head":{"name":"HEAD","commit":"bbbbbbbbbb","subject":"b"},)"
         R"("margin":0.02,"target":0.05,"instructions_warn":0.01,"instructions_fail":0.02,"identical":false,)"
         R"("accepted":[],"notes":[],"cases":[)" +
         gate_case("save/engine", "FAIL", time) + "," + gate_case("save/c_face", "PASS", "null") + "]}]}";
}

// A recorded run, with what a run of its kind does not have from small runs and by hand.
inline void fill_with_results(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  fs::create_directory(folder);
  for (const fs::directory_entry& entry : fs::directory_iterator(VMBSAVE_RECORDED)) fs::copy(entry, folder);
  const auto out = [&](const char* name) { return " --out=" + (folder / name).string() + " >/dev/null"; };
  run(VMBSAVE_BENCH_PROGRAM, "--suite=host --vms=2" + out("host.json"));
  run(VMBSAVE_BENCH_PROGRAM, "--suite=live --disk=16 --phase=100ms --rounds=2 --every=20ms" + out("live.json"));
  run(VMBSAVE_TOOL, "doctor --json >" + (folder / "doctor.json").string());
  write(folder / "load.json", load_result());
  write(folder / "gate.json", gate_result());
}

}  // namespace vmbsave::tests
