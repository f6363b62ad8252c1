#include "model/schedule/scenarios.hpp"

#include <functional>
#include <utility>

#include "model/schedule/forked_executor.hpp"
#include "model/schedule/vsp.hpp"

namespace vmbsave::model {
namespace {

using Ids = std::vector<Promise::Id>;
using Thread = std::function<void()>;

void wait() { Atom<std::uint32_t>::wait_round(0); }

// Who reads the rings is inside; who has closed it knows that nobody is, and never will be.
class Gate {
 public:
  bool enter() {
    if ((state_.fetch_add_acq_rel(1) & kClosed) == 0) return true;
    leave();
    return false;
  }
  void leave() { state_.fetch_sub_release(1); }
  bool closed() const { return (state_.load_acquire() & kClosed) != 0; }
  void close() {
    state_.fetch_add_acq_rel(kClosed);
    while (state_.load_acquire() != kClosed) wait();
  }

 private:
  static constexpr std::uint32_t kClosed = 1u << 16;
  Atom<std::uint32_t> state_;
};

class Lock {
 public:
  explicit Lock(Atom<std::uint32_t>& held) : held_(held) {
    for (std::uint32_t free = 0; !held_.compare_exchange_acquire(free, 1); free = 0) wait();
  }
  ~Lock() { held_.store_release(0); }
  Lock(const Lock&) = delete;

 private:
  Atom<std::uint32_t>& held_;
};

Ring& ring_of(Device& device, Promise::Id id) { return *device.rings[id % device.rings.size()]; }

// Reads so many packets off the rings by turns.
Thread reader(Device& device, Promise::Id packets) {
  return [&device, packets] {
    for (Promise::Id id = 0; id < packets; ++id) {
      while (!ring_of(device, id).receive(id)) wait();
    }
  };
}

Thread reader(Device& device, Promise::Id packets, Gate& gate) {
  return [&device, packets, &gate] {
    for (Promise::Id id = 0; id < packets;) {
      if (!gate.enter()) return;
      const bool received = ring_of(device, id).receive(id);
      gate.leave();
      if (received) {
        ++id;
      } else {
        wait();
      }
    }
  };
}

void complete_when_handed(Device& device, Promise::Id id, const Gate* gate = nullptr) {
  while (device.items[id].handed->load_acquire() == 0) {
    if (gate != nullptr && gate->closed() && device.items[id].handed->load_acquire() == 0) return;
    wait();
  }
  device.complete(id, ring_of(device, id));
}

Thread completer(Device& device, Ids ids, const Gate* gate = nullptr) {
  return [&device, ids = std::move(ids), gate] {
    for (const Promise::Id id : ids) complete_when_handed(device, id, gate);
  };
}

constexpr SaveOptions kPlain{.checksum = false};

Thread saver(Device& device, unsigned saves) {
  return [&device, saves] {
    for (unsigned i = 0; i < saves; ++i) device.save(kPlain);
  };
}

void run(Strategy& strategy, Device& device, const std::vector<Thread>& threads) {
  World::get().run(strategy, threads);
  device.expect_all_over();
}

// ---- the cut ----

void cut(Strategy& strategy) {
  Device device(1, {.capacity = 2});
  run(strategy, device, {reader(device, 3), completer(device, {0, 1, 2}), saver(device, 1)});
}

void cuts(Strategy& strategy) {
  Device device(1, {.capacity = 2});
  run(strategy, device, {reader(device, 2), completer(device, {0, 1}), saver(device, 2)});
}

void words(Strategy& strategy) {
  Device device(2, {.capacity = 1});
  run(strategy, device, {reader(device, 2), completer(device, {0}), completer(device, {1}), saver(device, 1)});
}

// What a thread completes after it was told of a completion that waits for the end of a save waits, too.
void told(Strategy& strategy) {
  Device device(2, {.capacity = 1});
  Atom<std::uint32_t> news;
  const Thread first = [&] {
    complete_when_handed(device, 0);
    news.store_release(1);
  };
  const Thread second = [&] {
    while (news.load_acquire() == 0) wait();
    complete_when_handed(device, 1);
  };
  run(strategy, device, {reader(device, 2), first, second, saver(device, 1)});
}

void savers(Strategy& strategy) {
  Device device(1, {.capacity = 1});
  Session other(device.vm);
  run(strategy, device, {reader(device, 1), completer(device, {0}), saver(device, 1), [&] {
                           while (!device.save(other, kPlain)) wait();
                         }});
}

void two_vms(Strategy& strategy) {
  Device one(1, {.capacity = 1});
  Device two(1, {.capacity = 1});
  const auto both = [](Thread a, Thread b) { return [a = std::move(a), b = std::move(b)] { a(), b(); }; };
  run(strategy, one,
      {both(reader(one, 1), reader(two, 1)), both(completer(one, {0}), completer(two, {0})), saver(one, 1),
       saver(two, 1)});
  two.expect_all_over();
}

// ---- a save that does not end as it should ----

// Gives up at once when a slot is in transit, or, if there was none, in its first block.
void deadline(Strategy& strategy) {
  Device device(1, {.capacity = 2});
  run(strategy, device, {reader(device, 2), completer(device, {0}), completer(device, {1}), [&device] {
                           device.save({.deadline_ns = 1, .checksum = false});
                           device.save(kPlain);
                         }});
}

// Whoever takes a deferred packet back delivers the one that is in the slot now, which may be another's.
void taken(Strategy& strategy) {
  Device device(1, {.capacity = 1});
  run(strategy, device, {reader(device, 2), completer(device, {0}), completer(device, {1}), [&device] {
                           device.save({.deadline_ns = 1, .checksum = false});
                           device.save({.deadline_ns = 1, .checksum = false});
                         }});
}

void discard(Strategy& strategy) {
  Device device(1, {.capacity = 2});
  Gate gate;
  device.before_end = [&] {
    gate.close();
    device.withdrawn = true;
  };
  run(strategy, device,
      {reader(device, 2, gate), completer(device, {0}, &gate), completer(device, {1}, &gate),
       [&device] { device.save(device.session, kPlain, EndMode::kDiscard); }});
}

// A channel goes on after the destination has taken what was in it.
void restarted(Strategy& strategy) {
  Device device(1, {.capacity = 1});
  run(strategy, device, {reader(device, 2), completer(device, {1}), [&device] {
                           while (device.items[0].handed->load_acquire() == 0) wait();
                           device.save(device.session, kPlain, EndMode::kDiscard);
                         }});
}

void teardown(Strategy& strategy) {
  Device device(1, {.capacity = 2});
  Gate gate;
  run(strategy, device, {reader(device, 2, gate), completer(device, {0, 1}, &gate), saver(device, 1), [&] {
                           gate.close();
                           device.withdrawn = true;
                           while (!device.remove(*device.rings[0])) wait();
                           device.promise.lose_all();
                         }});
}

// ---- a control: what this must find ----

// A lock around each operation, as a VSP without an engine would have: who is stopped inside stops the others.
void mutex(Strategy& strategy) {
  Device device(1, {.capacity = 2});
  Atom<std::uint32_t> held;
  const auto serve = [&](Promise::Id id) {
    const World::NonBlocking here("a VSP with a lock");
    const Lock lock(held);
    require(device.rings[0]->receive(id), "a packet is not taken");
    device.complete(id, *device.rings[0]);
  };
  run(strategy, device, {[&] { serve(0); }, [&] { serve(1); }});
}

// ---- a reader that stands on the quota ----

void quota(Strategy& strategy) {
  Device device(1, {.capacity = 1});
  Atom<std::uint32_t> blocked;
  Atom<std::uint32_t> woken;
  device.on_delivery = [&] {
    if (blocked.load_relaxed() != 0) woken.store_release(1);
  };
  device.after_end = [&] { woken.store_release(1); };  // as the C face wakes every channel
  const Thread patient = [&] {
    Ring& ring = *device.rings[0];
    for (Promise::Id id = 0; id < 2;) {
      if (ring.receive(id)) {
        ++id;
        continue;
      }
      blocked.store_relaxed(1);
      if (ring.channel().table().meet_completions() < 1) {
        if (ring.receive(id)) {
          ++id;
        } else {
          wait();  // a slot is leaving, or a save runs
        }
      } else {
        while (woken.load_acquire() == 0) wait();
        woken.store_relaxed(0);
      }
    }
  };
  run(strategy, device, {patient, completer(device, {0, 1}), saver(device, 1)});
}

// ---- packets that the VSP sends ----

// Queued, in the ring, answered: each change of place is one step to a save, and its note is right.
void send(Strategy& strategy) {
  enum Place : std::uint32_t { kVsp, kQueued, kRing, kOver };
  Device device(1, {.capacity = 1, .sends = 1});
  Channel& channel = device.rings[0]->channel();
  packet::Packet packet;
  packet.channel = &channel;
  packet.origin = packet::Origin::kCaller;
  packet.direction = packet::Direction::kOutgoing;
  Plain<std::uint32_t> note("the note of a packet that is sent");
  Atom<std::uint32_t> life;
  Atom<std::uint32_t> ring;
  Place place = kVsp;
  bool routine = false;
  unsigned described = 0;
  device.on_save_of_send = [&](packet::Packet&) {
    ++described;
    require(note.read() == place, "a packet that is sent is elsewhere than its note says");
    require(place == kQueued || place == kRing, "a packet that is over is described");
  };
  const auto go = [&](Place to) {
    place = to;
    note.write(to);
    if (to == kRing) ring.store_release(1);
  };
  const Thread sender = [&] {
    for (bool sent = false; !sent;) {
      {
        const Lock lock(life);
        sent = channel.claim_send(packet) == packet::ClaimStatus::kClaimed;
        if (sent) go(kQueued), channel.publish_send(packet);
      }
      if (!sent) wait();
    }
    for (bool flushed = false; !flushed;) {
      {
        const Lock lock(life);
        flushed = channel.retake_send(packet);
        if (flushed) go(kRing), channel.publish_send(packet);
      }
      if (!flushed) wait();
    }
  };
  const Thread answerer = [&] {
    while (ring.load_acquire() == 0) wait();
    for (bool answered = false; !answered;) {
      {
        const Lock lock(life);
        answered = channel.retake_send(packet);
        if (answered) place = kOver, routine = true, channel.withdraw_send(packet, true);
      }
      if (!answered) wait();
    }
    note.write(kOver);
    routine = false;
    channel.indicated();
  };
  const Thread saver = [&] {
    described = 0;
    require(device.session.begin(kPlain) == Status::kSuccess, "begin fails");
    require(!routine, "a cut while a completion routine runs");
    const Place at = place;
    require(device.session.save() == Status::kSuccess, "a save fails");
    require(described == (at == kQueued || at == kRing ? 1u : 0u), "a packet that is sent is not described once");
    require(place == at, "a packet that is sent changes place during a save");
    device.session.end(EndMode::kResume);
  };
  run(strategy, device, {sender, answerer, saver});
}

// ---- the workers of a save ----

std::vector<std::byte> image_of(Device& device, const SaveOptions& options) {
  require(device.session.begin(options) == Status::kSuccess, "begin fails");
  require(device.session.save() == Status::kSuccess, "a save fails");
  std::vector<std::byte> bytes(device.session.image().bytes());
  device.session.image().copy_to(bytes.data());
  device.session.end(EndMode::kResume);
  return bytes;
}

struct Passes {
  SavePlan plan = SavePlan::kFused;
  bool warm = true;     // there is room for the image
  bool grows = false;   // the state of a packet
  bool shared = false;  // one channel, of as many blocks as make two units
};

// Two workers save what one has saved before.
void passes(Strategy& strategy, const Passes& how) {
  constexpr std::uint32_t kTwoUnits = save::kBlocksAtOnce * image::kBlockPackets + 1;
  const std::uint32_t packets = how.shared ? kTwoUnits : 4;
  Device device(how.shared ? 1 : 2, {.capacity = packets, .concurrent_callbacks = how.shared}, 0, packets);
  for (Promise::Id id = 0; id < packets; ++id) require(ring_of(device, id).receive(id), "a packet is not taken");
  const std::vector<std::byte> expected = image_of(device, {.plan = SavePlan::kExact});
  Session session(device.vm);
  ForkedExecutor executor(2);
  const SaveOptions options{.executor = &executor, .growth_retries = 1, .plan = how.plan, .serial_below = 0};
  if (how.warm) require(session.reserve(how.shared ? 2u << 20 : 2 * expected.size(), 2), "no memory");
  if (how.grows) device.growing = 2;
  World::get().run(strategy, {[&] {
                     require(session.begin(options) == Status::kSuccess, "begin fails");
                     require(session.save() == Status::kSuccess, "a parallel save fails");
                   }});
  std::vector<std::byte> bytes(session.image().bytes());
  session.image().copy_to(bytes.data());
  require(how.grows || bytes == expected, "a parallel image is another");
  require(!how.grows || session.report().growth_retries == 1, "growth is not retried once");
  session.end(EndMode::kResume);
  for (Promise::Id id = 0; id < packets; ++id) device.complete(id, ring_of(device, id));
  device.expect_all_over();
}
void exact(Strategy& strategy) { passes(strategy, {.plan = SavePlan::kExact, .warm = false}); }
void fused(Strategy& strategy) { passes(strategy, {}); }
void fused_cold(Strategy& strategy) { passes(strategy, {.warm = false}); }
void growth(Strategy& strategy) { passes(strategy, {.grows = true}); }
void shared(Strategy& strategy) { passes(strategy, {.shared = true}); }

// Workers fill an arena beyond its end: what each got is its own.
void arena(Strategy& strategy) {
  static mem::Arena<Atom> arena;
  constexpr std::uint64_t kBlock = mem::Arena<Atom>::kBlockAlignment;
  require(arena.ensure(4 * kBlock), "no memory");
  arena.reset();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> got;
  const auto take = [&](std::uint64_t blocks) {
    const std::uint64_t offset = arena.allocate(blocks * kBlock);
    if (offset == mem::Arena<Atom>::kNoRoom) return;
    const std::uint64_t end = offset + blocks * kBlock;
    for (const auto& [first, last] : got) require(offset >= last || first >= end, "two blocks of an arena overlap");
    got.emplace_back(offset, end);
  };
  const std::uint64_t nearly_all = arena.ready() / kBlock - 1;
  World::get().run(strategy,
                   {[&] { take(nearly_all), take(2); }, [&] { take(2), take(1); }, [&] { take(1), take(1); }});
  require(arena.valid(), "an arena's identity does not hold");
}

const std::vector<Scenario> kScenarios = {
    {"cut", "a save of a running channel, slots used again", cut},
    {"cuts", "two saves, one after the other", cuts},
    {"words", "two words, a completer each", words},
    {"told", "two words, and completers that know of each other", told},
    {"savers", "two sessions want to save one VM", savers},
    {"two_vms", "two VMs, an epoch each, served by the same threads", two_vms},
    {"deadline", "a begin or a save that gives up, and a save after it", deadline},
    {"taken", "a slot that is used again after a begin that gave up", taken},
    {"discard", "the destination takes the packets", discard},
    {"restarted", "likewise, and the channel goes on", restarted},
    {"teardown", "a channel is removed with packets in use, beside a save", teardown},
    {"quota", "a reader that waits for the last completion", quota},
    {"send", "a packet that the VSP sends is queued, in the ring, answered", send},
    {"exact", "two workers, the exact plan", exact},
    {"fused", "two workers, the fused plan", fused},
    {"fused_cold", "likewise, with an arena that has no room", fused_cold},
    {"growth", "likewise, and a packet's state grows", growth},
    {"shared", "two workers of one channel: the last one seals it", shared},
    {"arena", "workers that fill an arena to its end", arena},
    {"mutex", "a control, only by name: a lock around each operation, which is not lock-free", mutex, true},
};

}  // namespace

const std::vector<Scenario>& scenarios() { return kScenarios; }

}  // namespace vmbsave::model
