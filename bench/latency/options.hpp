// options.hpp: the command line of vmbsave-bench: its own flags, and Google Benchmark's.
#pragma once

#include <string>

#include "latency/host_options.hpp"
#include "latency/live_options.hpp"

namespace vmbsave::bench {

struct Options {
  std::string suite = "quick";
  std::string out;    // empty: no JSON of ours
  bool json = false;  // on standard output, and nothing else
  bool quiet = false;
  std::string vsp;         // a shared object; empty: the VSPs of the suite's own
  HostOptions host;        // of the suite `host`
  std::string google_out;  // --benchmark_out
  std::string google_out_format = "json";
  bool fixed_saves = true;    // --benchmark_min_time was not given
  bool list_only = false;     // --benchmark_list_tests
  unsigned repetitions = 1;   // --benchmark_repetitions
  bool context_only = false;  // --context
  LiveOptions live;           // of the suite `live`
};

// Hands Google Benchmark its flags. Ends the process after --help (0) and, with one line on standard error, for what it
// does not understand (2).
Options parse_options(int argc, char** argv);

}  // namespace vmbsave::bench
