// profile_names.hpp: the words of a profile's JSON, for who writes it and who reads it.
#pragma once

#include <span>

#include "trace/profile.hpp"

namespace vmbsave::trace {

inline constexpr const char* kProfileSchema = "vmbsave-profile-1";

// How a profile's queues are drawn.
inline constexpr const char* kEvenly = "evenly";
inline constexpr const char* kByRequests = "by requests";

constexpr const char* kind_name(ProfileKind kind) noexcept {
  return kind == ProfileKind::kNetwork ? "network" : "block";
}

constexpr const char* operation_name(Operation operation) noexcept {
  switch (operation) {
    case Operation::kRead:
      return "read";
    case Operation::kWrite:
      return "write";
    case Operation::kDiscard:
      return "discard";
    case Operation::kTransmit:
      return "transmit";
    case Operation::kReceive:
      return "receive";
  }
  return "";
}

inline constexpr Operation kBlockOperations[] = {Operation::kRead, Operation::kWrite, Operation::kDiscard};
inline constexpr Operation kNetworkOperations[] = {Operation::kTransmit, Operation::kReceive};

// The first two are those that are drawn.
constexpr std::span<const Operation> operations_of(ProfileKind kind) noexcept {
  if (kind == ProfileKind::kNetwork) return kNetworkOperations;
  return kBlockOperations;
}

}  // namespace vmbsave::trace
