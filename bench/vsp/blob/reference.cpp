// Shares the definition of a state's words with the VSP, and nothing of how it makes, keeps and saves one.
#include "vsp/blob/reference.hpp"

#include "vsp/blob/wire.hpp"

namespace vmbsave::blob {

void write_reference(const VMBS_VSP_REQUEST& request, std::uint8_t* out) {
  for (std::uint32_t i = 0; i < request.bytes; ++i) {
    out[i] = static_cast<std::uint8_t>(state_word(request.record, i / 8) >> (i % 8 * 8));
  }
}

}  // namespace vmbsave::blob
