// host_options.hpp: the flags of the suite `host`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace vmbsave::bench {

struct HostOptions {
  std::optional<std::uint32_t> vms;  // absent: 2, 16, 128 and 1,024
  std::uint32_t packets = 64;        // of each VM
  std::uint64_t deadline_ns = 300'000'000;
  std::uint64_t memory_budget = 0;  // bytes; 0: no limit
};

// `options` lives until the application has parsed.
void add_host_options(CLI::App& app, HostOptions& options);

// Empty, or why the flags are of no use with that suite.
std::string host_options_fault(const CLI::App& app, const std::string& suite);

}  // namespace vmbsave::bench
