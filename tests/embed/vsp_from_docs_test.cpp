// Drives the VSP of vsp_from_docs.c with a guest: what was in flight at a save goes on after the restore, once each.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "vmbsave/guest.hpp"

extern "C" {
struct vsp;
NTSTATUS vsp_create(PDEVICE_OBJECT Parent, vsp** Vsp);
VOID vsp_start(vsp* Vsp);
VOID vsp_destroy(vsp* Vsp);
NTSTATUS vsp_notify(vsp* Vsp, UINT32 Value);
UINT32 vsp_complete_all(vsp* Vsp);
NTSTATUS vsp_save(vsp* Vsp, BOOLEAN HandOver, UINT8** Image, size_t* ImageSize);
NTSTATUS vsp_restore(vsp* Vsp, UINT8* Image, size_t ImageSize);
VMBCHANNEL vsp_channel(const vsp* Vsp);
UINT32 vsp_waiting(const vsp* Vsp);
UINT32 vsp_notices(const vsp* Vsp);
UINT32 vsp_acknowledged(const vsp* Vsp);
UINT32 vsp_cancelled(const vsp* Vsp);
UINT32 vsp_state_changes(const vsp* Vsp, UINT32 Which);
}

namespace vmbsave::test {
namespace {

using guest::Guest;
using guest::Received;

struct Message {
  UINT32 kind;
  UINT32 value;
  UINT32 answer;
  UINT32 reserved;
  bool operator==(const Message&) const = default;
};
constexpr UINT32 kAsk = 1, kWork = 2, kFlush = 3, kNotice = 4;
constexpr UINT32 kDone = 0, kCancelled = 1;
constexpr unsigned kOpened = 0, kClosed = 1, kSuspended = 2, kStarted = 3, kPostStarted = 4;

struct Packet {
  Received::Kind kind;
  UINT64 id;
  Message message;
  bool operator==(const Packet&) const = default;
};
Packet completion(UINT64 id, UINT32 kind, UINT32 value, UINT32 answer = kDone) {
  return {Received::Kind::kCompletion, id, {kind, value, answer, 0}};
}

using Vsp = std::unique_ptr<vsp, decltype(&vsp_destroy)>;
Vsp make_vsp() {
  vsp* made = nullptr;
  EXPECT_EQ(vsp_create(nullptr, &made), STATUS_SUCCESS);
  return {made, vsp_destroy};
}

struct Image {
  UINT8* bytes = nullptr;
  size_t size = 0;
  Image() = default;
  Image(const Image&) = delete;
  ~Image() { std::free(bytes); }
};

void send(Guest& guest, UINT64 id, UINT32 kind, UINT32 value) {
  const Message message{kind, value, 0, 0};
  ASSERT_TRUE(guest.send(id, std::as_bytes(std::span(&message, 1)), true));
}

std::vector<Packet> receive_all(Guest& guest) {
  std::vector<Packet> packets;
  while (const auto received = guest.receive()) {
    Packet packet{received->kind, received->transaction_id, {}};
    EXPECT_EQ(received->payload.size(), sizeof packet.message);
    std::memcpy(&packet.message, received->payload.data(), sizeof packet.message);
    packets.push_back(packet);
  }
  EXPECT_FALSE(guest.malformed());
  return packets;
}

void acknowledge(Guest& guest, const Packet& notice) {
  ASSERT_TRUE(guest.complete(notice.id, std::as_bytes(std::span(&notice.message, 1))));
}

// The sum of what is acknowledged of the notices among `packets`.
UINT32 acknowledge_all(Guest& guest, const std::vector<Packet>& packets) {
  UINT32 sum = 0;
  for (const Packet& packet : packets) {
    if (packet.kind != Received::Kind::kData) continue;
    EXPECT_EQ(packet.message.kind, kNotice);
    acknowledge(guest, packet);
    sum += packet.message.value;
  }
  return sum;
}

class VspFromDocs : public testing::Test {
 protected:
  void SetUp() override {
    guest = Guest::create({});
    ASSERT_NE(guest, nullptr);
    source = make_vsp();
    vsp_start(source.get());
    ASSERT_EQ(guest->open(vsp_channel(source.get())), STATUS_SUCCESS);
  }
  void TearDown() override {
    if (source) (void)guest->close();
  }

  // Three requests that wait, of which the second has no state, and two notices that are not acknowledged.
  void put_in_flight() {
    send(*guest, 11, kWork, 100);
    send(*guest, 12, kFlush, 0);
    send(*guest, 13, kWork, 300);
    ASSERT_EQ(guest->signal(), STATUS_SUCCESS);
    ASSERT_EQ(vsp_notify(source.get(), 7), STATUS_SUCCESS);
    ASSERT_EQ(vsp_notify(source.get(), 8), STATUS_SUCCESS);
    notices = receive_all(*guest);
    ASSERT_EQ(notices.size(), 2u);
    ASSERT_EQ(vsp_waiting(source.get()), 3u);
    ASSERT_EQ(vsp_notices(source.get()), 2u);
  }

  std::unique_ptr<Guest> guest;
  Vsp source{nullptr, vsp_destroy};
  std::vector<Packet> notices;  // that the guest has read
};

const std::vector<Packet> kAnswers{completion(11, kWork, 101), completion(12, kFlush, 0), completion(13, kWork, 301)};

TEST_F(VspFromDocs, AnswersAtOnceAndLater) {
  send(*guest, 1, kAsk, 41);
  ASSERT_EQ(guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(receive_all(*guest), std::vector{completion(1, kAsk, 42)});
  put_in_flight();
  EXPECT_EQ(acknowledge_all(*guest, notices), 15u);
  EXPECT_EQ(vsp_complete_all(source.get()), 3u);
  EXPECT_EQ(guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(vsp_acknowledged(source.get()), 15u);
  EXPECT_EQ(receive_all(*guest), kAnswers);
}

TEST_F(VspFromDocs, StateChangesInOrder) {
  put_in_flight();
  ASSERT_EQ(guest->close(), STATUS_SUCCESS);
  for (const unsigned change : {kOpened, kClosed, kSuspended, kStarted, kPostStarted}) {
    EXPECT_EQ(vsp_state_changes(source.get(), change), 1u) << change;
  }
  EXPECT_EQ(vsp_cancelled(source.get()), 2u);
  EXPECT_EQ(receive_all(*guest),
            (std::vector{completion(11, kWork, 101, kCancelled), completion(12, kFlush, 0, kCancelled),
                         completion(13, kWork, 301, kCancelled)}));
}

TEST_F(VspFromDocs, HandedOverInFlight) {
  put_in_flight();
  send(*guest, 14, kWork, 400);     // in the ring, not taken: goes along with the guest
  acknowledge(*guest, notices[0]);  // likewise
  Image image;
  ASSERT_EQ(vsp_save(source.get(), 1, &image.bytes, &image.size), STATUS_SUCCESS);
  guest->detach();
  EXPECT_EQ(vsp_complete_all(source.get()), 0u);
  EXPECT_EQ(vsp_acknowledged(source.get()), 0u);
  source.reset();
  EXPECT_EQ(receive_all(*guest), std::vector<Packet>{}) << "the destination owns the packets";

  const Vsp destination = make_vsp();
  ASSERT_EQ(vsp_restore(destination.get(), image.bytes, image.size), STATUS_SUCCESS);
  EXPECT_EQ(vsp_waiting(destination.get()), 3u);
  EXPECT_EQ(vsp_notices(destination.get()), 2u);
  vsp_start(destination.get());
  ASSERT_EQ(guest->open(vsp_channel(destination.get())), STATUS_SUCCESS);
  ASSERT_EQ(guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(vsp_acknowledged(destination.get()), 7u);
  acknowledge(*guest, notices[1]);
  ASSERT_EQ(guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(vsp_acknowledged(destination.get()), 15u);
  EXPECT_EQ(vsp_notices(destination.get()), 0u);

  EXPECT_EQ(vsp_complete_all(destination.get()), 4u);
  auto answers = kAnswers;
  answers.push_back(completion(14, kWork, 401));
  EXPECT_EQ(receive_all(*guest), answers) << "once each, with their data, in the order in which they were answered";
  EXPECT_EQ(guest->close(), STATUS_SUCCESS);
  EXPECT_EQ(receive_all(*guest), std::vector<Packet>{});
}

TEST_F(VspFromDocs, GoesOnAfterASave) {
  put_in_flight();
  Image image;
  ASSERT_EQ(vsp_save(source.get(), 0, &image.bytes, &image.size), STATUS_SUCCESS);
  EXPECT_EQ(acknowledge_all(*guest, notices), 15u);
  EXPECT_EQ(vsp_complete_all(source.get()), 3u);
  ASSERT_EQ(guest->signal(), STATUS_SUCCESS);
  EXPECT_EQ(receive_all(*guest), kAnswers);
  EXPECT_EQ(vsp_acknowledged(source.get()), 15u);

  // The image is of the moment of the save: another endpoint does the same work once more.
  const Vsp copy = make_vsp();
  const auto other = Guest::create({});
  ASSERT_EQ(vsp_restore(copy.get(), image.bytes, image.size), STATUS_SUCCESS);
  vsp_start(copy.get());
  ASSERT_EQ(other->open(vsp_channel(copy.get())), STATUS_SUCCESS);
  EXPECT_EQ(acknowledge_all(*other, notices), 15u);
  EXPECT_EQ(vsp_complete_all(copy.get()), 3u);
  ASSERT_EQ(other->signal(), STATUS_SUCCESS);
  EXPECT_EQ(receive_all(*other), kAnswers);
  EXPECT_EQ(vsp_acknowledged(copy.get()), 15u);
  EXPECT_EQ(other->close(), STATUS_SUCCESS);
}

TEST(VspFromDocsQueue, NoticesKeepTheirOrderOverARestore) {
  constexpr UINT32 kNotices = 200;  // about half of them fit into the ring
  const auto guest = Guest::create({.to_guest_pages = 2});
  Vsp source = make_vsp();
  vsp_start(source.get());
  ASSERT_EQ(guest->open(vsp_channel(source.get())), STATUS_SUCCESS);
  for (UINT32 i = 0; i < kNotices; ++i) ASSERT_EQ(vsp_notify(source.get(), i), STATUS_SUCCESS);
  Image image;
  ASSERT_EQ(vsp_save(source.get(), 1, &image.bytes, &image.size), STATUS_SUCCESS);
  guest->detach();
  source.reset();

  const Vsp destination = make_vsp();
  ASSERT_EQ(vsp_restore(destination.get(), image.bytes, image.size), STATUS_SUCCESS);
  vsp_start(destination.get());
  ASSERT_EQ(guest->open(vsp_channel(destination.get())), STATUS_SUCCESS);
  UINT32 expected = 0;
  while (expected < kNotices) {
    const std::vector<Packet> notices = receive_all(*guest);
    ASSERT_FALSE(notices.empty()) << expected << " came";
    for (const Packet& notice : notices) ASSERT_EQ(notice.message.value, expected++);
    (void)acknowledge_all(*guest, notices);
    ASSERT_EQ(guest->signal(), STATUS_SUCCESS);
  }
  EXPECT_EQ(vsp_notices(destination.get()), 0u);
  EXPECT_EQ(vsp_acknowledged(destination.get()), kNotices * (kNotices - 1) / 2);
  EXPECT_EQ(guest->close(), STATUS_SUCCESS);
}

TEST_F(VspFromDocs, DamagedImageIsRefusedAndTheEndpointUsable) {
  put_in_flight();
  Image image;
  ASSERT_EQ(vsp_save(source.get(), 0, &image.bytes, &image.size), STATUS_SUCCESS);
  const Vsp destination = make_vsp();
  image.bytes[image.size / 2] ^= 1;
  EXPECT_FALSE(NT_SUCCESS(vsp_restore(destination.get(), image.bytes, image.size)));
  EXPECT_EQ(vsp_waiting(destination.get()) + vsp_notices(destination.get()), 0u);
  image.bytes[image.size / 2] ^= 1;
  EXPECT_EQ(vsp_restore(destination.get(), image.bytes, image.size), STATUS_SUCCESS);
  EXPECT_EQ(vsp_waiting(destination.get()), 3u);
}

}  // namespace
}  // namespace vmbsave::test
