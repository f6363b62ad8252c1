#include "vsp/vsp_fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace vmbsave::bench {
namespace {

constexpr std::size_t kLongestName = 64;

std::string name_fault(const char* name) {
  constexpr const char* kExpected = "expected 1 to 64 printable ASCII characters";
  if (name == nullptr) return fmt::format("its VMBS_VSP has no name, {}", kExpected);
  const std::string_view text(name, std::find(name, name + kLongestName + 1, '\0'));
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!text.empty() && text.size() <= kLongestName && printable) return {};
  return fmt::format("its VMBS_VSP has a name of {}{} characters{}, {}", text.size() > kLongestName ? "more than " : "",
                     std::min(text.size(), kLongestName), printable ? "" : " that are not all printable", kExpected);
}

std::string missing(const VMBS_VSP& vsp) {
  std::string names;
  const auto ask = [&](bool there, const char* name) {
    if (!there) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  };
  ask(vsp.configure != nullptr, "configure");
  ask(vsp.complete != nullptr, "complete");
  ask(vsp.encode != nullptr, "encode");
  return names;
}

// Members that come together or not at all.
std::string half(const VMBS_VSP& vsp) {
  if ((vsp.create_device == nullptr) != (vsp.destroy_device == nullptr)) {
    return "its VMBS_VSP has one of create_device and destroy_device, expected both or neither";
  }
  const int sends = (vsp.deliver != nullptr) + (vsp.accept != nullptr) + (vsp.answer != nullptr);
  if (sends != 0 && sends != 3) {
    return fmt::format("its VMBS_VSP has {} of deliver, accept and answer, expected all three or none", sends);
  }
  return {};
}

}  // namespace

std::string vsp_fault(const VMBS_VSP* vsp) {
  if (vsp == nullptr) return "its " VMBS_VSP_FACTORY "() gave NULL, expected a VMBS_VSP";
  if (vsp->version != VMBS_VSP_VERSION || vsp->size != sizeof(VMBS_VSP)) {
    return fmt::format(
        "its VMBS_VSP has version {} and {} bytes, expected version {} and {}: compile it against this vmbsave's vsp.h",
        vsp->version, vsp->size, VMBS_VSP_VERSION, sizeof(VMBS_VSP));
  }
  if (std::string fault = name_fault(vsp->name); !fault.empty()) return fault;
  if (const std::string names = missing(*vsp); !names.empty()) {
    return fmt::format("its VMBS_VSP has no {}: vsp.h says what each must do", names);
  }
  return half(*vsp);
}

}  // namespace vmbsave::bench
