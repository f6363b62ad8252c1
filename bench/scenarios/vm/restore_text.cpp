#include "scenarios/vm/restore_text.hpp"

#include <fmt/format.h>

namespace vmbsave::bench {

std::string describe(const RestoreReport& report) {
  std::string where;
  if (report.channel != RestoreReport::kNoChannel) where += fmt::format("channel {}, ", report.channel);
  if (report.fault == RestoreFault::kRefused || report.fault == RestoreFault::kContract) {
    where += fmt::format("transaction {}", report.transaction_id);
  } else {
    where += fmt::format("the chunk at byte {}", report.offset);
  }
  return fmt::format("{}: {} ({}, 0x{:08X})", restore_fault_text(report.fault), where, status_name(report.status),
                     static_cast<std::uint32_t>(report.status));
}

}  // namespace vmbsave::bench
