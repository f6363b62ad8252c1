#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "e2e/migration/host.hpp"
#include "e2e/migration/roles.hpp"
#include "io/image_receiver.hpp"
#include "restore/image_restore.hpp"

namespace vmbsave::migration {
namespace {

using namespace std::chrono_literals;
using Ids = std::unordered_set<std::uint64_t>;

bool contains_all(const Ids& all, const Ids& some, const Ids& but) {
  return std::all_of(some.begin(), some.end(), [&](std::uint64_t id) { return but.contains(id) || all.contains(id); });
}

// The transaction ids that an image holds, found out by another virtual machine that it is restored into.
Ids ids_in(std::span<const std::byte> image) {
  Ids ids;
  Channels copy([&](VMBPACKET, std::uint64_t transaction_id) { ids.insert(transaction_id); });
  const RestoreReport report = restore::restore_image(copy.vm().channels(), image, {});
  if (report.status != Status::kSuccess) {
    throw std::runtime_error(std::string("the image of a save while draining: ") + restore_fault_text(report.fault));
  }
  copy.reissue();
  return ids;
}

class Destination {
 public:
  explicit Destination(const Role& role)
      : role_(role), shared_(role.shared), host_(role.shared, {.disk = role.disk, .uring = role.uring}) {}

  int run() {
    if (receive()) {
      go_on();
    } else if (wait_for_reset()) {
      start_empty();
    } else {
      return 0;
    }
    while (!shared_.stop.load()) std::this_thread::sleep_for(100us);
    host_.stop_serving();
    host_.disk().drain();
    return 0;
  }

 private:
  // The answer is the decision: nothing is re-issued before it, and the source does nothing without it.
  bool receive() {
    const auto stream = io::make_stream_source(role_.socket, {.timeout_ns = 40'000'000'000});
    if (stream == nullptr) throw std::bad_alloc();
    const io::ReceiveReport report =
        io::restore_from(host_.vm().channels(), *stream, {.memory_budget = role_.plan.budget});
    const bool whole = report.restore.status == Status::kSuccess;
    shared_.fault.store(static_cast<std::uint32_t>(report.restore.fault));
    if (!whole && role_.fault == Fault::kTruncated) {
      host_.channels().renew();
      shared_.verdict.store(Verdict::kRestored);
      return true;
    }
    if (!whole) shutdown(role_.socket, SHUT_RD);  // what the source still sends is not waited for
    shared_.verdict.store(whole ? Verdict::kRestored : Verdict::kRefused);
    std::this_thread::sleep_for(std::chrono::microseconds(role_.plan.answer_after));
    const char answer = whole ? kAccepted : kRejected;
    (void)send(role_.socket, &answer, 1, MSG_NOSIGNAL);  // a source that was killed does not listen
    return whole;
  }

  void go_on() {
    host_.take_disk(role_.fault != Fault::kNoFence);
    host_.open();
    if (role_.fault == Fault::kNoDrain) host_.disk().hold_writes(1);
    host_.reissue();
    const Ids restored = host_.ids().submitted;
    shared_.reissued.store(restored.size());
    if (role_.fault == Fault::kNoDrain) return serve_at_once();
    save_while_draining(restored);
    host_.disk().drain();
    host_.serve();
  }

  // A write of what was restored is held, and so under way for as long as it takes.
  void serve_at_once() {
    host_.serve();
    const auto end = std::chrono::steady_clock::now() + 1s;
    while (!shared_.complained.load() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    host_.disk().let_go();
  }

  // Holds what was in use at its cut: all that was restored, but for what had been answered before.
  void save_while_draining(const Ids& restored) {
    save::SaveSession& session = host_.vm().session();
    const Ids before = host_.ids().answered;
    Status status = session.begin({});
    if (status != Status::kSuccess)
      throw std::runtime_error(std::string("begin while draining: ") + status_name(status));
    const Ids meanwhile = host_.ids().answering;
    status = session.save();
    std::vector<std::byte> image(session.image().bytes());
    session.image().copy_to(image.data());
    session.end(EndMode::kResume);
    if (status != Status::kSuccess)
      throw std::runtime_error(std::string("save while draining: ") + status_name(status));
    const Ids saved = ids_in(image);
    shared_.saved_draining.store(saved.size());
    const bool old = std::any_of(saved.begin(), saved.end(), [&](std::uint64_t id) { return before.contains(id); });
    if (old) shared_.complain("a save while draining holds a request that was answered before");
    if (!contains_all(restored, saved, {}))
      shared_.complain("a save while draining holds a request that was not restored");
    if (!contains_all(saved, restored, meanwhile))
      shared_.complain("a save while draining has left out a request in use");
  }

  bool wait_for_reset() const {
    while (!shared_.take_over.load() && !shared_.stop.load()) std::this_thread::sleep_for(50us);
    return shared_.take_over.load();
  }

  void start_empty() {
    host_.channels().renew();
    shared_.outlived.store(host_.take_disk());
    host_.open();
    host_.serve();
  }

  const Role& role_;
  Shared& shared_;
  Host host_;
};

}  // namespace

int run_destination(const Role& role) { return Destination(role).run(); }

}  // namespace vmbsave::migration
