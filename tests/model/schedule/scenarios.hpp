// scenarios.hpp: small programs of a few threads, each for one part of the protocol.
#pragma once

#include <string>
#include <vector>

#include "model/schedule/strategy.hpp"

namespace vmbsave::model {

struct Scenario {
  const char* name;
  const char* what;
  void (*run)(Strategy& strategy);  // one schedule
  bool control = false;             // must break, and runs only when it is named
};

const std::vector<Scenario>& scenarios();

}  // namespace vmbsave::model
