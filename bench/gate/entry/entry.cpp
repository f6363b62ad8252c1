// The engine's side of the gate.
#include "gate/entry.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "gate/entry/gate_case.hpp"
#include "gate/entry/slowdown.hpp"

// Instructions are counted in here, by the symbol's name: not inlined, so that there is one, and no jump to what it
// calls, so that it is left when that is done.
extern "C" [[gnu::noinline]] std::uint64_t vmbs_gate_operation(VMBS_GATE_CASE* gate_case) {
  std::uint64_t ns = gate_case->operate();
  if constexpr (vmbsave::gate::kIsSlowed) ns += vmbsave::gate::multiply(gate_case->more);
  asm volatile("" ::: "memory");
  return ns;
}

namespace {

using vmbsave::gate::cases_of;
using vmbsave::gate::make_case;

constexpr int kWarmUps = 3;  // the engine learns from its first saves, and maps its memory

void say(VMBS_GATE_ERROR* error, const char* text) {
  std::strncpy(error->text, text, sizeof error->text - 1);
  error->text[sizeof error->text - 1] = '\0';
}

// No exception crosses into the gate.
template <class Work>
int guarded(VMBS_GATE_ERROR* error, Work&& work) noexcept {
  try {
    work();
    return 0;
  } catch (const std::exception& failure) {
    say(error, failure.what());
  } catch (...) {
    say(error, "an exception of an unknown kind");
  }
  return 1;
}

const VMBS_GATE_CASE_NAME* cases(const char* suite, std::uint32_t* count) {
  const auto names = cases_of(suite);
  *count = static_cast<std::uint32_t>(names.size());
  return names.empty() ? nullptr : names.data();
}

VMBS_GATE_CASE* prepare(const char* name, VMBS_GATE_ERROR* error) {
  std::unique_ptr<VMBS_GATE_CASE> gate_case;
  const int failed = guarded(error, [&] {
    gate_case = make_case(name);
    // Not through the symbol: a warm-up is not counted.
    const auto operate = [&] {
      gate_case->make_ready();
      return gate_case->operate();
    };
    for (int i = 0; i < kWarmUps; ++i) operate();
    if constexpr (vmbsave::gate::kIsSlowed) gate_case->more = vmbsave::gate::calibrated(operate);
  });
  return failed ? nullptr : gate_case.release();
}

int run(VMBS_GATE_CASE* gate_case, std::uint64_t operations, std::uint64_t* ns, VMBS_GATE_ERROR* error) {
  return guarded(error, [&] {
    *ns = 0;
    for (std::uint64_t i = 0; i < operations; ++i) {
      gate_case->make_ready();
      *ns += vmbs_gate_operation(gate_case);
    }
  });
}

int check(VMBS_GATE_CASE* gate_case, std::uint64_t* digest, VMBS_GATE_ERROR* error) {
  return guarded(error, [&] { *digest = gate_case->check(); });
}

std::uint32_t counters(VMBS_GATE_CASE* gate_case, VMBS_GATE_COUNTER* counters, std::uint32_t room) {
  const auto all = gate_case->counters();
  std::copy_n(all.begin(), std::min<std::size_t>(room, all.size()), counters);
  return static_cast<std::uint32_t>(all.size());
}

void release(VMBS_GATE_CASE* gate_case) { delete gate_case; }

// Moves all code behind it, for the gate's test of itself.
#ifdef VMBS_GATE_DEAD_BYTES
[[gnu::used]] void dead() { asm volatile(".rept %c0\n\tnop\n\t.endr" ::"i"(VMBS_GATE_DEAD_BYTES)); }
#endif

constexpr VMBS_GATE_ENTRY kEntry = {
    VMBS_GATE_VERSION, sizeof(VMBS_GATE_ENTRY), "vmbsave", cases, prepare, run, check, counters, release};

}  // namespace

extern "C" const VMBS_GATE_ENTRY* vmbs_gate_entry(void) { return &kEntry; }
