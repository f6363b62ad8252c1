// live_options.hpp: the flags of the suite `live`.
#pragma once

#include <string>

#include "scenarios/live/live_disk.hpp"
#include "scenarios/live/live_spec.hpp"

namespace CLI {
class App;
}

namespace vmbsave::bench {

struct LiveOptions {
  LiveSpec spec;
  std::string folder;     // empty: $TMPDIR
  bool has_disk = false;  // --disk was given: no smaller one will do

  // Where the disk goes, and how large it may get.
  LiveDiskOptions disk() const;
};

// `options` lives until the application has parsed.
void add_live_options(CLI::App& app, LiveOptions& options);

// Empty, or why the flags are of no use together, or with that suite.
std::string live_options_fault(const CLI::App& app, const std::string& suite, const LiveOptions& options);

}  // namespace vmbsave::bench
