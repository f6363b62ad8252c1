#include <mutex>

#include "base/clock.hpp"
#include "image/format.hpp"
#include "mem/mapping.hpp"
#include "scenarios/save_under_load/target.hpp"
#include "scenarios/vm/check_failed.hpp"

namespace vmbsave::bench {
namespace {

class MutexList final : public Target {
 public:
  explicit MutexList(const TargetOptions& options)
      : options_(options),
        nodes_(options.packets),
        image_(mem::Mapping::reserve(std::uint64_t{options.packets} * sizeof(Record))) {
    if (!image_ || !image_.prefault(0, image_.size())) throw std::bad_alloc();
  }

  const char* name() const noexcept override { return "mutex_list"; }

  bool acquire(Token token) noexcept override {
    const std::lock_guard lock(mutex_);
    Node& node = nodes_[token];
    write_state(token, node.state);
    node.token = token;
    node.next = first_.next;
    node.before = &first_;
    if (first_.next != nullptr) first_.next->before = &node;
    first_.next = &node;
    return true;
  }

  void complete(Token token) noexcept override {
    const std::lock_guard lock(mutex_);
    Node& node = nodes_[token];
    node.before->next = node.next;
    if (node.next != nullptr) node.next->before = node.before;
    options_.sink(options_.sink_context, token);
  }

  // Both calls of SavePacket for each packet, through a pointer as a VSP's is, into memory that is there.
  Saved save(std::vector<Token>* image) override {
    const std::uint64_t start = base::now_ns();
    const std::lock_guard lock(mutex_);
    std::byte* at = image_.data();
    std::uint64_t packets = 0;
    for (Node* node = first_.next; node != nullptr; node = node->next, ++packets) {
      std::uint32_t bytes = 0;
      (void)save_packet_(*node, nullptr, 0, bytes);
      const Head head{node->token, bytes};
      std::memcpy(at, &head, sizeof head);
      (void)save_packet_(*node, at + sizeof head, bytes, bytes);
      at += sizeof head + bytes;
    }
    const std::uint64_t end = base::now_ns();
    if (image != nullptr) read(*image, packets);
    return {end - start, packets, 0};
  }

 private:
  struct Node {
    Node* before = nullptr;
    Node* next = nullptr;
    Token token = 0;
    std::byte state[kMostStateBytes];
  };
  struct Head {
    Token token;
    std::uint32_t bytes;
  };
  struct Record {
    Head head;
    std::byte state[kMostStateBytes];
  };

  static bool save_packet(const Node& node, std::byte* buf, std::uint32_t size, std::uint32_t& needed) {
    needed = state_bytes(node.token);
    if (size < needed) return false;
    std::memcpy(buf, node.state, needed);
    return true;
  }

  void read(std::vector<Token>& tokens, std::uint64_t packets) const {
    const std::byte* at = image_.data();
    for (std::uint64_t i = 0; i < packets; ++i) {
      Head head;
      std::memcpy(&head, at, sizeof head);
      if (!is_state(head.token, at + sizeof head, head.bytes)) {
        throw CheckFailed("mutex_list: the image holds a state that is not its packet's");
      }
      tokens.push_back(head.token);
      at += sizeof head + head.bytes;
    }
  }

  const TargetOptions options_;
  bool (*volatile save_packet_)(const Node&, std::byte*, std::uint32_t, std::uint32_t&) = save_packet;
  std::mutex mutex_;
  Node first_;
  std::vector<Node> nodes_;  // by token
  mem::Mapping image_;       // kept between saves
};

}  // namespace

std::unique_ptr<Target> make_mutex_list(const TargetOptions& options) { return std::make_unique<MutexList>(options); }

}  // namespace vmbsave::bench
