#include "report/page/figure.hpp"

namespace vmbsave::page {
namespace {

constexpr const char* kAnySuite = "vmbsave bench --suite=quick --out=bench.json";
constexpr const char* kFull = "vmbsave bench --suite=full --out=bench.json";

constexpr Figure kFigures[] = {
    {"implementations", "Save time of every implementation",
     "The median save of the run's main point, each implementation once for each number of threads.", kAnySuite,
     implementations_figure},
    {"latency", "Save time against packets in use",
     "Both axes are logarithmic: a straight line at 45 degrees is a constant cost for each packet.", kFull,
     latency_figure},
    {"percentiles", "How save times are spread",
     "The higher a curve rises to the right, the longer the few slowest saves take. A percentile with fewer than 10 "
     "samples beyond it is left out.",
     kAnySuite, percentiles_figure},
    {"phases", "The phases of a save", "The median of each phase, one after the other.", kAnySuite, phases_figure},
    {"threads", "Speed-up with threads", "The median save with one thread, divided by that with more.", kAnySuite,
     threads_figure},
    {"live", "What a guest sees while its VM is saved",
     "A guest reads and writes a file through storvsp as fast as it goes; shaded are the stretches in which its VM is "
     "saved again and again.",
     "vmbsave bench --suite=live --out=live.json", live_figure},
    {"load", "What a VSP sees while saves run",
     "How long the slowest of a thousand calls take without saves (grey) and during them, and how long each save stops "
     "completions.",
     "vmbsave bench --suite=load --out=load.json", load_figure},
    {"load-timeline", "Completions before, during and after a save",
     "All saves of a load lie one over the other, their cuts at zero: what completions take that begin so long before "
     "or behind it. Shaded is the engine's median blackout.",
     "vmbsave bench --suite=load --out=load.json", load_timeline_figure},
    {"memory", "Allocators and pages",
     "The cost of a packet by where its memory comes from; behind each bar what a save asks of the allocator and of "
     "the kernel.",
     kFull, memory_figure},
    {"state-size", "Cost of a packet against the size of its state",
     "Both axes are logarithmic; packets without state stand at the left edge.", kFull, state_size_figure},
    {"roofline", "The roofline: how close to copying memory",
     "Lines: how fast this machine copies memory, by how much of it. Points: how fast saves make their images.",
     kAnySuite, roofline_figure},
    {"transfers", "Images on their way", "From the cut into a file or a socket, and back.",
     "vmbsave bench --suite=image --out=image.json", transfers_figure},
    {"host", "Many VMs on one host",
     "The blackout of a VM (median, 99th percentile, longest) when all VMs of a host are saved.",
     "vmbsave bench --suite=host --out=host.json", host_figure},
    {"replays", "Replays of traces",
     "The median save, the 99th percentile and the longest one, in the trace's busiest instant.",
     "vmbsave replay --trace FILE --json >replay.json", replays_figure},
    {"gate", "Verdicts of the gate", "Each case's head by its base: right of the line is slower, or more instructions.",
     "vmbsave gate --out gate.json", gate_figure},
    {"machine", "The machine, the build and what the doctor finds", "Whether its numbers can be trusted.",
     "vmbsave doctor --json >doctor.json", machine_figure},
};

}  // namespace

std::span<const Figure> figures() { return kFigures; }

}  // namespace vmbsave::page
