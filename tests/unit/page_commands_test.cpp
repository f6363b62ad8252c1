// The command under a figure makes the data of that figure again, and no others.
#include <filesystem>

#include "report/page/commands.hpp"
#include "unit/page_figures.hpp"

namespace {

using namespace vmbsave::tests;
using namespace vmbsave::page;
namespace fs = std::filesystem;

std::string command_of_file(const std::string& name) {
  for (const auto& result : kept_run().read.results) {
    if (fs::path(result.file).filename() == name) return command_of(result);
  }
  return "no such file";
}

std::string command_of_json(Json json, const std::string& file = "made.json") {
  return command_of({file, std::move(json)});
}

TEST(PageCommands, TheSuiteIsTheRuns) {
  std::size_t commands = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(VMBSAVE_RESULTS)) {
    if (!entry.is_directory()) continue;
    const auto run = read_page_run(entry.path());
    for (const Figure& figure : figures()) {
      if (!figure.of(run)) continue;
      ASSERT_FALSE(figure.from(run).empty()) << figure.id;
      for (const auto* const result : figure.from(run)) {
        if (!result->json.contains("suite") || result->json.at("schema") != "vmbsave-bench-1") continue;
        const std::string suite = " --suite=" + result->json.at("suite").get<std::string>() + " --out=bench.json";
        EXPECT_TRUE(contains(command_of(*result), suite)) << figure.id << ": " << command_of(*result);
        ++commands;
      }
    }
  }
  EXPECT_GT(commands, 20u);
}

TEST(PageCommands, TransfersNameTheFileThatHasThem) {
  for (const Figure& figure : figures()) {
    if (std::string(figure.id) != "transfers") continue;
    ASSERT_EQ(figure.from(kept_run()).size(), 1u);
    EXPECT_EQ(command_of(*figure.from(kept_run())[0]), "vmbsave bench --suite=full --out=bench.json");
  }
}

TEST(PageCommands, OfReplaysSayHowEachWasMade) {
  EXPECT_EQ(command_of_file("cloudphysics-64vms.json.xz"),
            "vmbsave replay --trace cloudphysics/cloudPhysicsIO.vscsi --service-time 10ms --replicate 64 --shift 0s "
            "--one-cut --channels 16 --threads 2 --repeat 1000 --json >cloudphysics-64vms.json");
  EXPECT_EQ(command_of_file("open-cas-1t.json.xz"),
            "vmbsave replay --trace open-cas/sample_trace.tar.xz --channels 48 --threads 1 --repeat 1000 --json "
            ">open-cas-1t.json");
  Json replay = kept("vmbsave-replay-1");
  replay["trace"] = "open cas";
  replay["format"] = "profile";
  replay["vms"] = 4;
  replay["one_cut"] = false;
  replay["channels"] = 8;
  replay["shift_ns"] = 1'500;
  replay["plan_asked"] = "exact";
  replay["service_time_ns"] = 1'000'001;
  const std::string command = command_of_json(replay);
  for (const char* const part : {"--profile 'open cas'", "--replicate 4 --shift 1500ns --channels 2", "--plan exact",
                                 "--service-time 1000001ns"}) {
    EXPECT_TRUE(contains(command, part)) << part << ": " << command;
  }
}

TEST(PageCommands, OfTheGateSaysWhatWasMeasured) {
  EXPECT_EQ(command_of_file("gate.json.xz"),
            "vmbsave gate --base b7ab3c21a0ad --head worktree --margin 2% --target 5% --suite ci --anchor instructions "
            "--signals instructions --out gate.json");
}

TEST(PageCommands, OfLiveAndHostHaveTheirOptions) {
  EXPECT_EQ(command_of_file("live.json.xz"), "vmbsave bench --suite=live --out=live.json");
  Json live = kept("vmbsave-live-1");
  live["rows"][0]["phase_ns"] = 100'000'000;
  live["rows"][0]["depth"] = 8;
  live["rows"][0]["rounds"].erase(0);
  EXPECT_EQ(command_of_json(live), "vmbsave bench --suite=live --depth=8 --phase=100ms --rounds=6 --out=made.json");
  EXPECT_EQ(command_of_file("host.json.xz"),
            "vmbsave bench --suite=host --packets=64 --deadline=300ms --out=host.json");
}

TEST(PageCommands, OfABenchSayItsAllocatorRepetitionsAndVsp) {
  Json bench = kept("vmbsave-bench-1");
  bench["rows"] = Json::array({bench.at("rows").at(0)});
  bench["allocator"] = "mimalloc 2.0.9";
  EXPECT_EQ(command_of_json(bench, "/a/bench-mimalloc.json.xz"),
            "vmbsave-bench-mimalloc --suite=full --out=bench-mimalloc.json");
  bench["allocator"] = "glibc";
  bench["rows"][0]["repetitions"] = 21;
  bench["rows"][0]["vsp"] = "another";
  EXPECT_EQ(command_of_json(bench), "vmbsave bench --suite=full --vsp=FILE --benchmark_repetitions=21 --out=made.json");
}

}  // namespace
