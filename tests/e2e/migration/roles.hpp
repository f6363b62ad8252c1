// roles.hpp: what the two hosts of a round do, each in a process of its own. Each gives its exit code.
#pragma once

#include <string>

#include "e2e/migration/kill.hpp"
#include "e2e/migration/shared.hpp"

namespace vmbsave::migration {

// Planted, to see that it is found out.
enum class Fault {
  kNone,
  kNoFence,    // the destination does not wait for the disk's lock
  kDelivers,   // the source delivers after it has handed over
  kTruncated,  // the destination goes on with a truncated image
  kNoDrain,    // the destination takes new requests while restored ones are under way
};

struct Role {
  Shared& shared;
  int socket;
  std::string disk;
  bool uring;
  Plan plan;
  Fault fault;
};

// Serves until the guest has it migrate, hands over and ends; or takes back, and serves until it is told to stop.
int run_source(const Role& role);
// Waits for an image and serves from there; or, if there is none, when the device was reset.
int run_destination(const Role& role);

// What the destination answers.
inline constexpr char kAccepted = 'A';
inline constexpr char kRejected = 'R';

}  // namespace vmbsave::migration
