// promise.hpp: what the engine promises about a cut, stated once: for the schedules and for the tests under stress.
//
//   At a cut each packet that has left the ring is in the image, or delivered, or gone with an earlier discard: in
//   exactly one of them. Nothing of a VM is delivered from the cut until its end. Each packet is delivered once, or
//   never after a discard. Nothing is lost, whatever becomes of a save.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace vmbsave::test {

// Of one VM. Told of each event by the thread that causes it, one thread at a time: the caller sees to that. `broken`
// is told what does not hold.
class Promise {
 public:
  using Id = std::uint32_t;  // of a packet: they count up from 0
  using Broken = std::function<void(const std::string&)>;

  explicit Promise(Broken broken) : broken_(std::move(broken)) {}

  // The packet has left the ring, and is not in use yet.
  void received(Id id) {
    if (id >= places_.size()) places_.resize(std::size_t{id} + 1, Place::kRing);
    if (places_[id] != Place::kRing) tell(id, "left the ring twice");
    places_[id] = Place::kHere;
  }

  // The guest sees its completion.
  void delivered(Id id) {
    if (place(id) == Place::kDelivered) tell(id, "is delivered twice");
    if (place(id) == Place::kGone) tell(id, "is delivered, and the destination has it, too");
    if (place(id) == Place::kRing) tell(id, "is delivered, and in the ring, too");
    if (in_cut_) tell(id, "is delivered between a cut and its end");
    places_[id] = Place::kDelivered;
    ++deliveries_;
  }

  // begin has succeeded.
  void cut() { in_cut_ = true; }

  // What the image of that save holds.
  void image(const std::vector<Id>& ids) {
    std::vector<bool> held(places_.size(), false);
    for (const Id id : ids) {
      if (place(id) == Place::kRing) tell(id, "is in the image and in the ring");
      if (place(id) == Place::kDelivered) tell(id, "is in the image and delivered");
      if (place(id) == Place::kGone) tell(id, "is in the image, and was gone before");
      if (held[id]) tell(id, "is in the image twice");
      held[id] = true;
    }
    for (Id id = 0; id < places_.size(); ++id) {
      if (places_[id] == Place::kHere && !held[id]) tell(id, "is nowhere at a cut");
    }
    ++images_;
  }

  // The end of a save begins, or a save has given up.
  void resume() { in_cut_ = false; }
  void discard() {
    in_cut_ = false;
    lose_all();
  }

  // The channels are removed, with what is in use.
  void lose_all() {
    for (Place& place : places_) {
      if (place == Place::kHere) place = Place::kGone;
    }
  }

  // All threads have ended, and nothing is in use.
  void finished() const {
    for (Id id = 0; id < places_.size(); ++id) {
      if (places_[id] == Place::kHere) tell(id, "is lost: never delivered");
    }
  }

  std::uint64_t deliveries() const noexcept { return deliveries_; }
  std::uint64_t images() const noexcept { return images_; }

 private:
  enum class Place : std::uint8_t { kRing, kHere, kDelivered, kGone };

  Place place(Id id) const { return id < places_.size() ? places_[id] : Place::kRing; }
  void tell(Id id, const char* what) const { broken_("packet " + std::to_string(id) + " " + what); }

  const Broken broken_;
  std::vector<Place> places_;
  bool in_cut_ = false;
  std::uint64_t deliveries_ = 0;
  std::uint64_t images_ = 0;
};

}  // namespace vmbsave::test
