// check.hpp: internal checks at the level that VMBSAVE_CHECK sets. They test the engine itself, never its input.
//   VMBSAVE_ASSERT  level 1: constant time
//   VMBSAVE_AUDIT   level 2: may walk a whole structure
// One looks at a VSP: at level 2 a packet's handle says which use of the packet it means (packet/packet.hpp).
#pragma once

namespace vmbsave::base {

[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace vmbsave::base

#ifndef VMBSAVE_CHECK
#error "VMBSAVE_CHECK is not defined: link vmbsave_strict"
#endif

#define VMBSAVE_CHECK_IMPL(expression) \
  ((expression) ? static_cast<void>(0) : ::vmbsave::base::check_failed(#expression, __FILE__, __LINE__))

#if VMBSAVE_CHECK >= 1
#define VMBSAVE_ASSERT(expression) VMBSAVE_CHECK_IMPL(expression)
#else
#define VMBSAVE_ASSERT(expression) static_cast<void>(0)
#endif

#if VMBSAVE_CHECK >= 2
#define VMBSAVE_AUDIT(expression) VMBSAVE_CHECK_IMPL(expression)
#else
#define VMBSAVE_AUDIT(expression) static_cast<void>(0)
#endif
