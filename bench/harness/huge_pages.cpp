#include "harness/huge_pages.hpp"

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace vmbsave::bench {
namespace {

bool touches(const std::vector<std::span<const std::byte>>& memory, std::uintptr_t first, std::uintptr_t last) {
  for (const std::span<const std::byte> piece : memory) {
    const auto begin = reinterpret_cast<std::uintptr_t>(piece.data());
    if (begin < last && first < begin + piece.size()) return true;
  }
  return false;
}

}  // namespace

std::optional<std::uint64_t> huge_page_bytes(const std::vector<std::span<const std::byte>>& memory) {
  std::ifstream mappings("/proc/self/smaps");
  std::uint64_t bytes = 0;
  bool says = false;
  bool ours = false;
  for (std::string line; std::getline(mappings, line);) {
    std::uintptr_t first = 0;
    std::uintptr_t last = 0;
    std::uint64_t kib = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2) {
      ours = touches(memory, first, last);
    } else if (std::sscanf(line.c_str(), "AnonHugePages: %" SCNu64 " kB", &kib) == 1) {
      says = true;
      if (ours) bytes += kib * 1024;
    }
  }
  return says ? std::optional(bytes) : std::nullopt;
}

}  // namespace vmbsave::bench
