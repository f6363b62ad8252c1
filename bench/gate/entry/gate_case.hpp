// gate_case.hpp: one case of the engine's entry.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gate/entry.h"

// Opaque to the gate.
struct VMBS_GATE_CASE {
  virtual ~VMBS_GATE_CASE() = default;

  // What an operation needs and is not part of it.
  virtual void make_ready() {}
  // Gives nanoseconds. Like all here, it throws std::exception in one line.
  virtual std::uint64_t operate() = 0;
  // Throws unless the last operation made what it must; gives the hash of its content.
  virtual std::uint64_t check() = 0;
  virtual std::vector<VMBS_GATE_COUNTER> counters() const { return {}; }

  std::uint64_t more = 0;  // see slowdown.hpp
};

namespace vmbsave::gate {

std::span<const VMBS_GATE_CASE_NAME> cases_of(std::string_view suite);

// Throws std::runtime_error: no such case.
std::unique_ptr<VMBS_GATE_CASE> make_case(std::string_view name);

}  // namespace vmbsave::gate
