// A guest, and an image, that cannot be trusted.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <thread>

#include "netvsp_endpoint.hpp"
#include "vsp/netvsp/rndis.hpp"

namespace vmbsave::netvsp {
namespace {

void put(std::byte* at, std::uint32_t value) { std::memcpy(at, &value, sizeof value); }
void put(std::uint8_t* at, std::uint32_t value) { std::memcpy(at, &value, sizeof value); }

// ---- transmits ---------------------------------------------------------------------------------------------------

// Answered with "invalid RNDIS", each once, and the channel goes on.
class HostileGuest {
 public:
  void expect_refused(const VMBS_VSP_PACKET& packet, const char* why) {
    end_.send(packet, ++id_);
    const std::vector<Completion>& completed = end_.completed();
    ASSERT_EQ(completed.size(), id_) << why;
    EXPECT_EQ(completed.back().transaction_id, id_) << why;
    EXPECT_EQ(completed.back().status, 5u) << why;
    EXPECT_TRUE(end_.submitted.empty()) << why;
    vsp().retire(device.get(), packet.held);
  }
  void expect_taken(const VMBS_VSP_PACKET& packet, const char* why) {
    end_.send(packet, ++id_);
    EXPECT_EQ(end_.completed().size(), id_ - 1) << why;
    ASSERT_EQ(end_.submitted.size(), 1u) << why;
    vsp().complete(end_.submitted[0].packet, STATUS_SUCCESS);
    EXPECT_EQ(end_.completed().size(), id_) << why;
    end_.submitted.clear();
    vsp().retire(device.get(), packet.held);
  }

  const Device device;

 private:
  RunningEndpoint end_{device};
  std::uint64_t id_ = 0;
};

struct Damage {
  const char* why;
  std::function<void(VMBS_VSP_PACKET&)> apply;
};

TEST(NetvspHostile, NvspMessagesThatLie) {
  HostileGuest guest;
  const std::vector<Damage> damages = {
      {"empty", [](VMBS_VSP_PACKET& p) { p.length = 0; }},
      {"short", [](VMBS_VSP_PACKET& p) { p.length = 32; }},
      {"long", [](VMBS_VSP_PACKET& p) { p.length = 48; }},
      {"another message", [](VMBS_VSP_PACKET& p) { p.bytes[0] = 108; }},
      {"RNDIS control", [](VMBS_VSP_PACKET& p) { p.bytes[4] = 1; }},
      {"no such section", [](VMBS_VSP_PACKET& p) { put(p.bytes + 8, 170); }},
      {"far from any section", [](VMBS_VSP_PACKET& p) { put(p.bytes + 8, 0xFFFFFFFE); }},
      {"an index whose offset overflows", [](VMBS_VSP_PACKET& p) { put(p.bytes + 8, 0x80000000); }},
      {"no section, and no pages", [](VMBS_VSP_PACKET& p) { put(p.bytes + 8, 0xFFFFFFFF); }},
      {"beyond the section", [](VMBS_VSP_PACKET& p) { put(p.bytes + 12, 6145); }},
      {"far beyond it", [](VMBS_VSP_PACKET& p) { put(p.bytes + 12, 0xFFFFFFFF); }},
      {"nothing in it", [](VMBS_VSP_PACKET& p) { put(p.bytes + 12, 0); }},
      {"less than a header", [](VMBS_VSP_PACKET& p) { put(p.bytes + 12, 43); }},
      {"another length than the message's", [](VMBS_VSP_PACKET& p) { put(p.bytes + 12, 1573); }},
  };
  for (const Damage& damage : damages) {
    VMBS_VSP_PACKET packet = encoded(guest.device, transmit(0));
    damage.apply(packet);
    guest.expect_refused(packet, damage.why);
  }
  guest.expect_taken(encoded(guest.device, transmit(0)), "a good one");
}

// Offsets in the message: length 4, data offset 8 and length 12, out of band 16 to 27, infos' offset 28 and length 32,
// the info 44: length, type, offset of its value; the frame 60.
TEST(NetvspHostile, RndisMessagesThatLie) {
  struct Lie {
    const char* why;
    std::uint32_t at, value;
  };
  const Lie lies[] = {
      {"no packet", 0, 2},
      {"shorter than it is", 4, 1573},
      {"longer than it is", 4, 1575},
      {"data over the header", 8, 35},
      {"data behind the end", 8, 53},
      {"data whose end overflows", 8, 0xFFFFFFF8},
      {"no data", 12, 0},
      {"more data than there is", 12, 1515},
      {"so much that the end overflows", 12, 0xFFFFFFFF},
      {"out of band data", 20, 4},
      {"out of band elements", 24, 1},
      {"infos over the header", 28, 35},
      {"infos whose end overflows", 28, 0xFFFFFFF8},
      {"infos behind the end", 28, 1567},
      {"infos beyond the head", 28, 240},
      {"an info in pieces", 32, 11},
      {"infos that end within one", 32, 20},
      {"infos whose length overflows", 32, 0xFFFFFFFF},
      {"an info of nothing", 44, 0},
      {"an info shorter than its header", 44, 11},
      {"an info longer than all of them", 44, 17},
      {"a value over its header", 52, 11},
      {"a value behind its end", 52, 17},
  };
  HostileGuest guest;
  for (const Lie& lie : lies) {
    const VMBS_VSP_PACKET packet = encoded(guest.device, transmit(0));
    put(guest.device->send_section(packet.held - 1) + lie.at, lie.value);
    guest.expect_refused(packet, lie.why);
  }
  VMBS_VSP_PACKET beyond = encoded(guest.device, transmit(0));
  std::byte* const section = guest.device->send_section(beyond.held - 1);
  put(section + 4, 6145);
  put(section + 12, 6085);
  put(beyond.bytes + 12, 6145);
  guest.expect_refused(beyond, "a message that goes on in the next section");
  // One behind the other as far as one looks, so that nothing but the length ends them.
  for (const std::uint32_t first : {12u, 17u}) {
    const VMBS_VSP_PACKET endless = encoded(guest.device, transmit(0));
    std::byte* const at = guest.device->send_section(endless.held - 1);
    put(at + 44, first);
    put(at + 52, 12);
    for (std::uint32_t next = 44 + first; next + 12 <= 1574; next += 12) {
      put(at + next, 12);
      put(at + next + 8, 12);
    }
    if (first == 12) put(at + 32, 0xFFFFFFFF);
    guest.expect_refused(endless, first == 12 ? "infos whose length overflows" : "an info longer than all of them");
  }
  const VMBS_VSP_PACKET without = encoded(guest.device, transmit(0));
  put(guest.device->send_section(without.held - 1) + 32, 0);
  guest.expect_taken(without, "no infos");
}

TEST(NetvspHostile, PagesThatLie) {
  HostileGuest guest;
  const std::vector<Damage> damages = {
      {"a section too", [](VMBS_VSP_PACKET& p) { put(p.bytes + 8, 0); }},
      {"a size in a section", [](VMBS_VSP_PACKET& p) { put(p.bytes + 12, 60); }},
      {"a header alone",
       [](VMBS_VSP_PACKET& p) {
         p.range_count = 1;
         p.ranges[0].byte_count = 44;
       }},
      {"control", [](VMBS_VSP_PACKET& p) { p.bytes[4] = 1; }},
      {"more than a frame",
       [](VMBS_VSP_PACKET& p) {
         p.range_count = 17;
         for (std::uint32_t i = 0; i < 17; ++i) p.ranges[i] = {4096, 0, 1};
       }},
  };
  for (const Damage& damage : damages) {
    VMBS_VSP_PACKET packet = encoded(guest.device, transmit(0, 16162));
    damage.apply(packet);
    guest.expect_refused(packet, damage.why);
  }
  guest.expect_taken(encoded(guest.device, transmit(0, 16162)), "a good one");
  guest.expect_taken(encoded(guest.device, frame(0, VMBS_VSP_TRANSMIT, 65553, 4095)), "the longest");
}

// More than netvsp lets the library hand to it: nothing of the packet arrives, and nothing after it.
TEST(NetvspHostile, ExternalDataBeyondItsLimitsStopsTheQueue) {
  const Device device;
  RunningEndpoint end(device);
  const VMBS_VSP_PACKET packet = encoded(device, transmit(0, 16162));
  const std::uint64_t page = 1;
  const std::vector<guest::GpaRange> ranges(33, {4, 0, {&page, 1}});
  ASSERT_TRUE(end.guest().send_external(1, std::as_bytes(std::span(packet.bytes, 40)), ranges, true));
  EXPECT_EQ(end.guest().signal(), STATUS_INVALID_DEVICE_STATE);
  EXPECT_TRUE(end.submitted.empty());
}

TEST(NetvspHostile, PagesThatMustBePagedInAreWaitedFor) {
  const Device device;
  RunningEndpoint end(device, {.external_data_pending = true});
  end.send(transmit(0, 16162));
  EXPECT_EQ(end.submitted.size(), 1u) << "once";
  EXPECT_TRUE(contains(save_image(end.channel()), reference(transmit(0))));
}

// A save catches one before its answer has left.
TEST(NetvspHostile, AMalformedPacketWithoutStateIsRefusedOnReissue) {
  const Image image = Forger({Bytes{}}).image();
  const Device device;
  Endpoint target(device);
  ASSERT_EQ(restore_image(target.channel(), image), STATUS_SUCCESS);
  EXPECT_FALSE(contains(save_image(target.channel()), {'N', 'V', 'S'})) << "saved again without state";
  target.start();
  vsp().reissue(target.channel());
  ASSERT_EQ(target.completed().size(), 1u);
  EXPECT_EQ(target.completed()[0].status, 5u);
}

// ---- answers -----------------------------------------------------------------------------------------------------

TEST(NetvspHostile, WhateverAnAnswerSaysItEndsItsPacketAlone) {
  const std::vector<Bytes> answers = {{},  // nothing
                                      {108, 0, 0, 0},
                                      {108, 0, 0, 0, 2, 0, 0, 0},  // failure
                                      {0, 0, 0, 0, 0, 0, 0, 0},
                                      Bytes(56, 0xFF)};
  const Device device;
  RunningEndpoint end(device);
  for (const Bytes& bytes : answers) {
    const VMBS_VSP_REQUEST other = end.deliver(receive(0, 3500));
    const VMBS_VSP_REQUEST seen = end.deliver(receive(1, 16162));
    end.answer(seen.transaction_id, std::as_bytes(std::span(bytes)));
    EXPECT_EQ(device->receive_sections.taken(), 3u);
    EXPECT_EQ(end.outgoing(), 1u);
    end.answer(other.transaction_id);
  }
  EXPECT_EQ(end.statistics().StrayCompletions, 0u);
  EXPECT_EQ(device->receive_sections.taken(), 0u);
}

TEST(NetvspHostile, AnswersToNothingChangeNothing) {
  const Device device;
  RunningEndpoint end(device);
  end.send(transmit(6));
  const VMBS_VSP_REQUEST seen = end.deliver(receive(0, 3500));
  for (const std::uint64_t id : {std::uint64_t{0}, seen.transaction_id + 1, std::uint64_t{7}, ~std::uint64_t{0}}) {
    end.answer(id);
  }
  EXPECT_EQ(end.statistics().StrayCompletions, 4u);
  EXPECT_EQ(device->receive_sections.taken(), 3u);
  EXPECT_EQ(end.incoming(), 1u) << "a transmit's id is none of a receive";
  end.answer(seen.transaction_id);
  const VMBS_VSP_REQUEST next = end.deliver(receive(1, 3500));
  end.answer(seen.transaction_id);
  EXPECT_EQ(device->receive_sections.taken(), 3u) << "twice answered, once given back";
  EXPECT_EQ(end.outgoing(), 1u);
  EXPECT_EQ(next.first_buffer, 0u);
}

// ---- images ------------------------------------------------------------------------------------------------------

Bytes receive_state(std::uint64_t id, std::vector<std::uint32_t> sections) {
  Bytes state(20 + 4 * sections.size());
  std::memcpy(state.data(), "NVSR", 4);
  state[4] = 1;
  state[6] = static_cast<std::uint8_t>(state.size());
  std::memcpy(state.data() + 8, &id, 8);
  put(state.data() + 16, static_cast<std::uint32_t>(sections.size()));
  for (std::size_t i = 0; i < sections.size(); ++i) put(state.data() + 20 + 4 * i, sections[i]);
  return state;
}

// A damaged state behind good ones of both kinds: refused, everything is given back, and the channel stays usable.
void expect_refused(const Bytes& transmitted, const Bytes& received, const char* why) {
  const Device device;
  Endpoint target(device);
  const Bytes good = reference(transmit(0));
  const Image bad = Forger({good, transmitted}, {receive_state(1, {5, 6, 7}), received}).image();
  EXPECT_EQ(restore_image(target.channel(), bad), STATUS_INVALID_PARAMETER) << why;
  EXPECT_EQ(device->receive_sections.taken(), 0u) << why;
  const Image whole = Forger({good}, {receive_state(1, {5, 6, 7})}).image();
  ASSERT_EQ(restore_image(target.channel(), whole), STATUS_SUCCESS) << "after " << why;
  EXPECT_EQ(device->receive_sections.taken(), 3u) << why;
  target.start();
  vsp().reissue(target.channel());
  EXPECT_EQ(target.completed().size(), 1u) << why;
  target.answer(1);
  EXPECT_EQ(device->receive_sections.taken(), 0u) << why;
}

struct StateDamage {
  const char* why;
  std::function<void(Bytes&)> apply;
};

TEST(NetvspHostile, DamagedTransmitsAreRefused) {
  const std::vector<StateDamage> damages = {
      {"magic", [](Bytes& s) { s[0] ^= 1; }},
      {"version", [](Bytes& s) { s[4] = 2; }},
      {"size", [](Bytes& s) { s[6] = 24; }},
      {"another packet's id", [](Bytes& s) { s[8] = 1; }},
      {"no such status", [](Bytes& s) { s[16] = 3; }},
      {"no such status at all", [](Bytes& s) { s[19] = 0x80; }},
      {"cut", [](Bytes& s) { s.pop_back(); }},
      {"head alone", [](Bytes& s) { s.resize(16); }},
      {"a byte", [](Bytes& s) { s.resize(1); }},
      {"longer",
       [](Bytes& s) {
         s.resize(24);
         s[6] = 24;
       }},
  };
  for (const StateDamage& damage : damages) {
    Bytes state = reference(transmit(1));
    damage.apply(state);
    expect_refused(state, receive_state(2, {8}), damage.why);
  }
}

TEST(NetvspHostile, DamagedReceivesAreRefused) {
  const std::vector<StateDamage> damages = {
      {"magic", [](Bytes& s) { s[3] = 'X'; }},
      {"version", [](Bytes& s) { s[4] = 0; }},
      {"size", [](Bytes& s) { s[6] = 32; }},
      {"another packet's id", [](Bytes& s) { s[8] = 1; }},
      {"no sections", [](Bytes& s) { s[16] = 0; }},
      {"fewer than there are", [](Bytes& s) { s[16] = 1; }},
      {"more than there are", [](Bytes& s) { s[16] = 3; }},
      {"so many that the size overflows", [](Bytes& s) { put(s.data() + 16, 0x40000002); }},
      {"no such section", [](Bytes& s) { s = receive_state(2, {9709}); }},
      {"far from any section", [](Bytes& s) { s = receive_state(2, {0xFFFFFFFF}); }},
      {"the last, and one more",
       [](Bytes& s) {
         s = receive_state(2, {9708, 9709});
       }},
      {"the same twice",
       [](Bytes& s) {
         s = receive_state(2, {8, 8});
       }},
      {"not side by side",
       [](Bytes& s) {
         s = receive_state(2, {8, 10});
       }},
      {"another packet's", [](Bytes& s) { s = receive_state(2, {7}); }},
      {"another packet's at the end",
       [](Bytes& s) {
         s = receive_state(2, {3, 4, 5});
       }},
      {"more than a message takes",
       [](Bytes& s) {
         std::vector<std::uint32_t> sections;
         for (std::uint32_t i = 0; i < 39; ++i) sections.push_back(100 + i);
         s = receive_state(2, sections);
       }},
      {"cut", [](Bytes& s) { s.pop_back(); }},
      {"longer", [](Bytes& s) { s.push_back(0); }},
      {"count alone", [](Bytes& s) { s.resize(20); }},
  };
  for (const StateDamage& damage : damages) {
    Bytes state = receive_state(2, {8, 9});
    damage.apply(state);
    expect_refused(reference(transmit(1)), state, damage.why);
  }
}

// Whichever is later: the other one keeps them.
TEST(NetvspHostile, TwoChannelsThatClaimTheSameSectionAtOnce) {
  const Image images[] = {Forger({}, {receive_state(1, {62, 63, 64})}).image(),
                          Forger({}, {receive_state(1, {1, 2, 3}), receive_state(2, {64, 65})}).image()};
  for (int round = 0; round < 50; ++round) {
    const Device device;
    char parent = 0;
    Endpoint a(device, {}, reinterpret_cast<PDEVICE_OBJECT>(&parent));
    Endpoint b(device, {}, reinterpret_cast<PDEVICE_OBJECT>(&parent));
    Endpoint* const ends[] = {&a, &b};
    NTSTATUS status[2] = {};
    std::thread other([&] { status[1] = restore_image(b.channel(), images[1]); });
    status[0] = restore_image(a.channel(), images[0]);
    other.join();
    const bool first = NT_SUCCESS(status[0]);
    EXPECT_NE(first, NT_SUCCESS(status[1]));
    EXPECT_EQ(status[first ? 1 : 0], STATUS_INVALID_PARAMETER);
    EXPECT_EQ(device->receive_sections.taken(), first ? 3u : 5u);
    EXPECT_EQ(restore_image(ends[first ? 1 : 0]->channel(), Forger({}, {receive_state(1, {100, 101})}).image()),
              STATUS_SUCCESS)
        << "usable";
  }
}

}  // namespace
}  // namespace vmbsave::netvsp
