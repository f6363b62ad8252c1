// side.hpp: one side of a comparison, loaded into this process, and a case of it that is ready.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gate/entry.h"

namespace vmbsave::gate {

// A side that can't be loaded, or that failed, in one line.
struct SideFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CaseName {
  std::string name;
  unsigned threads;
  bool operator==(const CaseName&) const = default;
};

class Side {
 public:
  // Throws SideFailed. Stays loaded: what a library started in it may outlive its last case.
  explicit Side(const std::filesystem::path& object);

  const VMBS_GATE_ENTRY& entry() const noexcept { return *entry_; }
  std::vector<CaseName> cases(const std::string& suite) const;  // empty: no such suite

 private:
  const VMBS_GATE_ENTRY* entry_ = nullptr;
};

// All throw SideFailed. The side outlives it.
class ReadyCase {
 public:
  ReadyCase(const Side& side, const std::string& name);

  std::uint64_t run(std::uint64_t operations);  // nanoseconds
  std::uint64_t check();                        // the digest of what the last operation made
  std::vector<std::pair<std::string, std::uint64_t>> counters() const;

 private:
  const VMBS_GATE_ENTRY& entry_;
  std::unique_ptr<VMBS_GATE_CASE, void (*)(VMBS_GATE_CASE*)> case_;
};

}  // namespace vmbsave::gate
