#include "report/page/figure.hpp"

namespace vmbsave::page {
namespace {

constexpr const char* kAnySuite = "vmbsave bench --suite=quick --out=bench.json";
constexpr const char* kFull = "vmbsave bench --suite=full --out=bench.json";

Results from_bench(const Run& run) {
  const report::NamedResult* const bench = run.named_bench();
  return bench == nullptr ? Results() : Results{bench};
}

Results from_every_bench(const Run& run) { return run.named("vmbsave-bench-1"); }

Results from_transfers(const Run& run) {
  Results results = from_every_bench(run);
  std::erase_if(results, [](const report::NamedResult* result) {
    return !result->json.contains("transfers") || result->json.at("transfers").empty();
  });
  return results;
}

Results from_live(const Run& run) { return run.named("vmbsave-live-1"); }
Results from_load(const Run& run) { return run.named("vmbsave-load-1"); }
Results from_host(const Run& run) { return run.named("vmbsave-host-1"); }
Results from_replays(const Run& run) { return run.named("vmbsave-replay-1"); }
Results from_gate(const Run& run) { return run.named("vmbsave-gate-1"); }

Results from_context(const Run& run) {
  const report::NamedResult* const context = run.named_context();
  return context == nullptr ? Results() : Results{context};
}

constexpr Figure kFigures[] = {
    {"implementations", "Save time of every implementation",
     "The median save of the run's main point, each implementation once for each number of threads.", kAnySuite,
     implementations_figure, from_bench},
    {"latency", "Save time against packets in use",
     "Both axes are logarithmic: a straight line at 45 degrees is a constant cost for each packet.", kFull,
     latency_figure, from_bench},
    {"percentiles", "How save times are spread",
     "The higher a curve rises to the right, the longer the few slowest saves take. A percentile with fewer than 10 "
     "samples beyond it is left out.",
     kAnySuite, percentiles_figure, from_bench},
    {"phases", "The phases of a save", "The median of each phase, one after the other.", kAnySuite, phases_figure,
     from_bench},
    {"threads", "Speed-up with threads", "The median save with one thread, divided by that with more.", kAnySuite,
     threads_figure, from_bench},
    {"live", "What a guest sees while its VM is saved",
     "A guest reads and writes a file through storvsp as fast as it goes; shaded are the stretches in which its VM is "
     "saved again and again.",
     "vmbsave bench --suite=live --out=live.json", live_figure, from_live},
    {"load", "What a VSP sees while saves run",
     "How long completions take without saves (grey) and during them, and how long each save stops completions. The "
     "percentile of completions is the highest that all rows of a load have.",
     "vmbsave bench --suite=load --out=load.json", load_figure, from_load},
    {"load-timeline", "Completions before, during and after a save",
     "All saves of a load lie one over the other, their cuts at zero: what completions take that begin so long before "
     "or behind it. Shaded is the engine's median blackout.",
     "vmbsave bench --suite=load --out=load.json", load_timeline_figure, from_load},
    {"memory", "Allocators and pages",
     "The cost of a packet by where its memory comes from; behind each bar what a save asks of the allocator and of "
     "the kernel.",
     kFull, memory_figure, from_every_bench},
    {"state-size", "Cost of a packet against the size of its state",
     "Both axes are logarithmic; packets without state stand at the left edge.", kFull, state_size_figure, from_bench},
    {"roofline", "The roofline: how close to copying memory",
     "Lines: how fast this machine copies memory, by how much of it. Points: how fast saves make their images.",
     kAnySuite, roofline_figure, from_bench},
    {"transfers", "Images on their way", "From the cut into a file or a socket, and back.",
     "vmbsave bench --suite=image --out=image.json", transfers_figure, from_transfers},
    {"host", "Many VMs on one host",
     "The blackout of a VM (median, 99th percentile, longest) when all VMs of a host are saved.",
     "vmbsave bench --suite=host --out=host.json", host_figure, from_host},
    {"replays", "Replays of traces",
     "The median save in the trace's busiest instant, and how much longer the few slowest take.",
     "vmbsave replay --trace FILE --json >replay.json", replays_figure, from_replays},
    {"gate", "Verdicts of the gate", "Each case's head by its base: right of the line is slower, or more instructions.",
     "vmbsave gate --out gate.json", gate_figure, from_gate},
    {"machine", "The machine, the build and what the doctor finds", "Whether its numbers can be trusted.",
     "vmbsave doctor --json >doctor.json", machine_figure, from_context},
};

}  // namespace

std::span<const Figure> figures() { return kFigures; }

}  // namespace vmbsave::page
