// trace_source.hpp: a trace as the command line names it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "harness/progress.hpp"
#include "trace/trace.hpp"

namespace vmbsave::cli {

struct TraceSource {
  std::string path;
  std::string format;  // empty: the content says it
  std::string guest;   // of a capture; empty: the busiest source
};

// --format and --guest, which need the option `trace`. `source` lives until the application has parsed.
void add_trace_options(CLI::App& command, CLI::Option* trace, TraceSource& source);

trace::Trace read_trace(const TraceSource& source, bench::Progress& progress);

}  // namespace vmbsave::cli
