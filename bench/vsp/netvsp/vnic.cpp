#include "vsp/netvsp/vnic.hpp"

#include <sys/mman.h>

#include <new>

namespace vmbsave::netvsp {
namespace {

constexpr std::size_t kBytes = kSendBufferBytes + kReceiveBufferBytes;

}  // namespace

Vnic* Vnic::create() {
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const vnic = new (std::nothrow) Vnic(static_cast<std::byte*>(memory));
  if (vnic == nullptr) munmap(memory, kBytes);
  return vnic;
}

Vnic::~Vnic() { munmap(memory_, kBytes); }

std::byte* Vnic::send_section(std::uint32_t section) const { return memory_ + section * kSendSectionBytes; }

std::byte* Vnic::receive_section(std::uint32_t section) const {
  return memory_ + kSendBufferBytes + section * kReceiveSectionBytes;
}

VOID* create_device() { return Vnic::create(); }

VOID destroy_device(VOID* device) { delete &vnic_of(device); }

}  // namespace vmbsave::netvsp
