// The VSP of vsp_from_docs.c from C++: vmbsave::guest is its guest, the image takes the way of vmbsave::io, and an
// executor that is this program's own stands beside the engine's.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vmbsave/executor.hpp"
#include "vmbsave/guest.hpp"
#include "vmbsave/io.hpp"
#include "vmbsave/restore.hpp"
#include "vmbsave/save.hpp"

extern "C" {
struct vsp;
NTSTATUS vsp_create(PDEVICE_OBJECT Parent, vsp** Vsp);
VOID vsp_start(vsp* Vsp);
VOID vsp_destroy(vsp* Vsp);
UINT32 vsp_complete_all(vsp* Vsp);
NTSTATUS vsp_save(vsp* Vsp, BOOLEAN HandOver, UINT8** Image, size_t* ImageSize);
NTSTATUS vsp_restore(vsp* Vsp, UINT8* Image, size_t ImageSize);
VMBCHANNEL vsp_channel(const vsp* Vsp);
}

namespace {

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  std::exit(1);
}
#define EXPECT(condition) expect(condition, #condition)

// Derives from a class of the library's, which calls back.
class OneThread : public vmbsave::Executor {
 public:
  unsigned concurrency() const noexcept override { return 1; }
  void for_each(std::size_t count, std::size_t, Body body, void* context) noexcept override { body(context, 0, count); }
};

std::size_t count_with(vmbsave::Executor& executor) {
  std::size_t counted[100] = {};
  executor.for_each(
      100, 10,
      [](void* context, std::size_t first, std::size_t last) noexcept {
        for (; first < last; ++first) static_cast<std::size_t*>(context)[first] = 1;
      },
      counted);
  std::size_t sum = 0;
  for (const std::size_t one : counted) sum += one;
  return sum;
}

void try_executors() {
  OneThread own;
  EXPECT(count_with(own) == 100);
  EXPECT(count_with(*vmbsave::make_executor(2)) == 100);
  EXPECT(count_with(*vmbsave::make_thread_executor(2)) == 100);
  vmbsave::CancelToken token;
  token.cancel();
  EXPECT(token.cancelled());
}

void try_names() {
  using std::string_view;
  EXPECT(string_view(vmbsave::plan_name(vmbsave::SavePlan::kFused)) == "fused");
  EXPECT(string_view(vmbsave::status_name(vmbsave::Status::kBufferTooSmall)) == "STATUS_BUFFER_TOO_SMALL");
  EXPECT(vmbsave::restore_fault_status(vmbsave::RestoreFault::kChecksum) == vmbsave::Status::kCrcError);
}

// Into a sink and back out of a source.
std::vector<std::byte> carry(std::span<const std::byte> image) {
  std::vector<std::byte> carried;
  const auto sink = vmbsave::io::make_memory_sink(carried);
  EXPECT(sink->write(image) == vmbsave::Status::kSuccess && sink->finish() == vmbsave::Status::kSuccess);
  std::vector<std::byte> bytes(carried.size());
  std::size_t got = 0;
  EXPECT(vmbsave::io::make_memory_source(carried)->read(bytes, got) == vmbsave::Status::kSuccess &&
         got == image.size());
  vmbsave::io::IoError error;
  EXPECT(vmbsave::io::open_file("/nowhere/at all", {}, error) == nullptr &&
         error.status == vmbsave::Status::kObjectNameNotFound);
  return bytes;
}

void try_vsp() {
  const auto guest = vmbsave::guest::Guest::create({});
  vsp* source = nullptr;
  EXPECT(vsp_create(nullptr, &source) == STATUS_SUCCESS);
  vsp_start(source);
  EXPECT(guest->open(vsp_channel(source)) == STATUS_SUCCESS);
  const UINT32 work[4] = {2, 100, 0, 0};
  EXPECT(guest->send(7, std::as_bytes(std::span(work)), true) && guest->signal() == STATUS_SUCCESS);
  UINT8* saved = nullptr;
  size_t size = 0;
  EXPECT(vsp_save(source, 1, &saved, &size) == STATUS_SUCCESS);
  guest->detach();
  vsp_destroy(source);
  std::vector<std::byte> image = carry(std::as_bytes(std::span(saved, size)));
  std::free(saved);

  vsp* destination = nullptr;
  EXPECT(vsp_create(nullptr, &destination) == STATUS_SUCCESS);
  EXPECT(vsp_restore(destination, reinterpret_cast<UINT8*>(image.data()), image.size()) == STATUS_SUCCESS);
  vsp_start(destination);
  EXPECT(guest->open(vsp_channel(destination)) == STATUS_SUCCESS && vsp_complete_all(destination) == 1);
  const auto answer = guest->receive();
  EXPECT(answer && answer->transaction_id == 7);
  EXPECT(guest->close() == STATUS_SUCCESS);
  vsp_destroy(destination);
}

}  // namespace

int main() {
  try_executors();
  try_names();
  try_vsp();
  std::puts("saved, carried, restored and answered");
}
