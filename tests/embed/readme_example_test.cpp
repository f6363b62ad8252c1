// The example of README.md does what it says.
#include "embed/readme_example.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <span>

#include "vmbsave/guest.hpp"

extern "C" {
struct vsp;
NTSTATUS vsp_create(PDEVICE_OBJECT Parent, vsp** Vsp);
VOID vsp_start(vsp* Vsp);
VOID vsp_destroy(vsp* Vsp);
VMBCHANNEL vsp_channel(const vsp* Vsp);
UINT32 vsp_waiting(const vsp* Vsp);
}

namespace vmbsave::test {
namespace {

using ExampleVsp = std::unique_ptr<vsp, decltype(&vsp_destroy)>;

ExampleVsp example_vsp() {
  vsp* made = nullptr;
  EXPECT_EQ(vsp_create(nullptr, &made), STATUS_SUCCESS);
  return {made, vsp_destroy};
}

TEST(ReadmeExample, TakesPacketsFromOneChannelToAnother) {
  constexpr UINT32 kWorkRequest[] = {2, 100, 0, 0};  // of vsp_from_docs.c: it waits until it is completed
  const auto guest = guest::Guest::create({});
  const ExampleVsp source = example_vsp();
  vsp_start(source.get());
  ASSERT_EQ(guest->open(vsp_channel(source.get())), STATUS_SUCCESS);
  for (UINT64 id = 1; id <= 3; ++id) ASSERT_TRUE(guest->send(id, std::as_bytes(std::span(kWorkRequest)), true));
  guest->signal();
  ASSERT_EQ(vsp_waiting(source.get()), 3u);

  std::vector<UINT8> image;
  ASSERT_TRUE(save(vsp_channel(source.get()), image));
  EXPECT_EQ(vsp_waiting(source.get()), 3u) << "the source goes on";
  const ExampleVsp destination = example_vsp();
  EXPECT_TRUE(restore(vsp_channel(destination.get()), image));
  EXPECT_EQ(vsp_waiting(destination.get()), 3u);
  image.back() ^= 1;
  const ExampleVsp other = example_vsp();
  EXPECT_FALSE(restore(vsp_channel(other.get()), image)) << "a damaged image";
  EXPECT_EQ(guest->close(), STATUS_SUCCESS);
}

}  // namespace
}  // namespace vmbsave::test
