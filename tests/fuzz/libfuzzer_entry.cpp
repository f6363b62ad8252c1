// libfuzzer_entry.cpp: one program a target; VMBSAVE_FUZZ_TARGET is its function.
#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vmbsave::fuzz::VMBSAVE_FUZZ_TARGET({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
