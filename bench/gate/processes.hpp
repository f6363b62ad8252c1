// processes.hpp: measurements in fresh processes: each has an address layout, an environment and an order of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gate/side.hpp"
#include "gate/slices.hpp"

namespace vmbsave::gate {

struct Sides {
  std::filesystem::path base;
  std::filesystem::path head;
};

class Processes {
 public:
  // program: this tool.
  Processes(std::filesystem::path program, Sides sides, std::uint64_t seed);

  // One process. A case with one thread is bound to one CPU after the other, `reversed` in the other order. Throws
  // SideFailed.
  Slices measure(const CaseName& gate_case, bool reversed, LoadedSide loaded = LoadedSide::kNone);

 private:
  const std::filesystem::path program_;
  const Sides sides_;
  std::mt19937_64 random_;
  std::vector<unsigned> cpus_;                   // that this process may run on
  std::map<std::string, std::size_t> measured_;  // processes of each case
};

}  // namespace vmbsave::gate
