// image_target.cpp: any bytes as an image. It is refused and leaves the VM empty and usable, or its packets are in use,
// as many as it says, and a save of them restores the same ones. What is restored at once also is in pieces,
// and as it comes from a source.
#include <algorithm>
#include <memory>
#include <string_view>

#include "fuzz/image_pieces.hpp"
#include "fuzz/image_vm.hpp"
#include "io/image_receiver.hpp"
#include "restore/channel_restore.hpp"
#include "restore/image_restore.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::fuzz {
namespace {

using Restored = std::vector<std::vector<std::uint64_t>>;

constexpr std::uint64_t kMaxBytes = 64u << 10;
constexpr std::uint64_t kSmallCap = 1024;

// A VM and an image of its own that always restores.
struct Rig {
  explicit Rig(unsigned channels) : vm(channels) {
    constexpr std::byte kState[40] = {};
    for (unsigned c = 0; c < channels; ++c) {
      vm[c].receive(c + 1, Input(kState).first(c * 8));
      vm[c].receive(c + 11, kState);
    }
    good = vm.save_and_discard();
  }

  // The same one again, unless an image has left numbers in it so high that soon no image could say them.
  static Rig& of(unsigned channels) {
    static std::unique_ptr<Rig> rigs[ImageVm::kMostChannels];
    std::unique_ptr<Rig>& rig = rigs[channels - 1];
    if (rig == nullptr || rig->vm.most_numbers() > UINT32_MAX) rig = std::make_unique<Rig>(channels);
    return *rig;
  }

  ImageVm vm;
  std::vector<std::byte> good;
};

// All that restore_image and feed say they may return, and what the VSP does.
bool is_documented(Status status, const ImageVm& vm) noexcept {
  switch (status) {
    case Status::kInsufficientResources:
      return vm.ran_out_of_memory();  // an image alone cannot use up the memory
    case Status::kInvalidImageFormat:
    case Status::kRevisionMismatch:
    case Status::kInvalidBufferSize:
    case Status::kCrcError:
    case Status::kDataError:
    case Status::kQuotaExceeded:
    case Status::kObjectNameCollision:
    case Status::kInvalidDeviceRequest:
    case Status::kInvalidParameter:
    case Status::kUnhandledException:
    case Status::kUnsuccessful:
      return true;
    default:
      return false;
  }
}

void require_refused(ImageVm& vm, Status status) {
  require(is_documented(status, vm), "a refusal has a documented status");
  require(vm.is_empty(), "a refused image leaves nothing");
  vm.clear();
}

// Reasons that lie with the destination: what its channels hold, and what its VSP does.
bool is_of_this_vm(RestoreFault fault) noexcept {
  switch (fault) {
    case RestoreFault::kChannels:
    case RestoreFault::kPacketLimit:
    case RestoreFault::kPayloadLimit:
    case RestoreFault::kNoMemory:
    case RestoreFault::kException:
    case RestoreFault::kRefused:
    case RestoreFault::kContract:
      return true;
    default:
      return false;
  }
}

// Also those that no image leads to.
bool each_reason_has_a_text() noexcept {
  for (unsigned fault = 0; fault <= static_cast<unsigned>(RestoreFault::kUnreadable); ++fault) {
    require(std::string_view(restore_fault_text(static_cast<RestoreFault>(fault))) != "?", "a reason has a text");
  }
  return true;
}

// A failure has its reason, its place, and counts nothing.
void require_explained(const RestoreReport& report, Input image) {
  const bool own = report.fault == RestoreFault::kRefused;
  require(report.fault != RestoreFault::kNone && *restore_fault_text(report.fault) != 0, "a refusal has a reason");
  require(own || restore_fault_status(report.fault) == report.status, "the status is that of the reason");
  const auto whole = part_at<image::ImageBody>(image, sizeof(image::ChunkHeader));
  require(report.channel == RestoreReport::kNoChannel || report.channel < whole.channels, "the channel is one of them");
  require(report.offset <= image.size() && report.packets == 0, "the place lies in the image");
}

void require_usable(Rig& rig) {
  const RestoreReport report = restore::restore_image(rig.vm.vm, rig.good, {});
  require(report.status == Status::kSuccess && report.packets == 2 * rig.vm.size(), "a good image restores afterwards");
  rig.vm.clear();
}

// What is in use is what the channel chunks say.
void require_counts(ImageVm& vm, Input image, std::uint64_t reported) {
  std::uint64_t packets = 0;
  std::size_t c = 0;
  for (const Input chunk : chunks_of(image)) {
    if (kind_of(chunk) != image::ChunkKind::kChannel) continue;
    const auto body = part_at<image::ChannelBody>(chunk, sizeof(image::ChunkHeader));
    const std::size_t expected = vm[c]->config().abandon_on_restore ? 0 : body.packets;
    require(vm[c].restored.size() == expected && vm[c]->table().count_used() == expected,
            "every packet is in use once");
    packets += body.packets;
    ++c;
  }
  const auto whole = part_at<image::ImageBody>(image, sizeof(image::ChunkHeader));
  require(c == vm.size() && packets == reported && packets == whole.packets, "all agree on how many packets there are");
}

void require_saved_again(ImageVm& vm, const Restored& restored) {
  const std::vector<std::byte> again = vm.save_and_discard();
  require(restore::restore_image(vm.vm, again, {}).status == Status::kSuccess, "what is restored saves and restores");
  require(vm.restored() == restored, "a save of it has the same packets");
}

// The whole image at once. True: its packets were restored.
bool restore_at_once(Rig& rig, Input image, const Course& course, Restored& restored) {
  static const auto executor = make_serial_executor();
  const RestoreOptions options{.executor = course.in_executor ? executor.get() : nullptr,
                               .max_bytes = course.small_cap ? kSmallCap : kMaxBytes};
  const RestoreReport checked = restore::check_image(image, options);
  const RestoreReport report = restore::restore_image(rig.vm.vm, image, options);
  require(image.size() <= options.max_bytes || report.status == Status::kInvalidBufferSize, "the size cap holds");
  if (report.status != Status::kSuccess) {
    require_explained(report, image);
    require(checked.status != Status::kSuccess || is_of_this_vm(report.fault),
            "what is good is refused by the VM alone");
    require_refused(rig.vm, report.status);
    return false;
  }
  require(checked.status == Status::kSuccess && checked.packets == report.packets, "what restores is found good");
  require_counts(rig.vm, image, report.packets);
  restored = rig.vm.restored();
  require_saved_again(rig.vm, restored);
  rig.vm.clear();
  return true;
}

// The same bytes as they come from a source. restored: what they hold at once; nullptr: they are refused.
void receive(Rig& rig, Input image, const Course& course, const Restored* restored) {
  const auto source = io::make_memory_source(image);
  const std::uint64_t cap = course.small_cap ? kSmallCap : kMaxBytes;
  const io::ReceiveReport report = io::restore_from(rig.vm.vm, *source, {.max_bytes = cap, .memory_budget = kMaxBytes});
  require(report.bytes <= image.size(), "no more is received than there is");
  require((report.restore.status == Status::kSuccess) == (restored != nullptr), "both readers take the same images");
  if (restored == nullptr) {
    require_explained(report.restore, image);
    require_refused(rig.vm, report.restore.status);
    return;
  }
  require(rig.vm.restored() == *restored, "an image restores the same as it comes");
  rig.vm.clear();
}

void restore_beside_a_save(ImageVm& vm, Input image) {
  require(vm.session.begin({}) == Status::kSuccess, "a save of nothing begins");
  const RestoreReport report = restore::restore_image(vm.vm, image, {});
  require(report.status == Status::kDeviceBusy && vm.is_empty(), "a running save refuses a restore");
  vm.session.end(EndMode::kResume);
}

// The caller's buffer of one call: as long as the piece, and his again afterwards.
Status feed(restore::ChannelRestore& restore, Input piece, bool misaligned) {
  const std::size_t shift = misaligned ? 1 : 0;
  std::vector<std::byte> buffer(piece.size() + shift);
  std::copy(piece.begin(), piece.end(), buffer.begin() + static_cast<std::ptrdiff_t>(shift));
  const Status status = restore.feed(std::span(buffer).subspan(shift));
  std::fill(buffer.begin(), buffer.end(), std::byte{0xAA});
  return status;
}

// The next chunks of one channel, as many as a piece has.
Input next_piece(Input rest, unsigned chunks) {
  std::size_t bytes = first_chunk(rest).size();
  for (; chunks > 1 && bytes < rest.size(); --chunks) {
    const Input chunk = first_chunk(rest.subspan(bytes));
    if (kind_of(chunk) == image::ChunkKind::kChannel || kind_of(chunk) == image::ChunkKind::kEnd) break;
    bytes += chunk.size();
  }
  return rest.first(bytes);
}

// A packet that was sent meanwhile may have the id of one in the stream: nothing is restored, and it stays.
void require_spoiled(ImageChannel& channel, restore::ChannelRestore& restore, const Course& course, Input rest) {
  channel.send({}, true, {});
  Status status = Status::kMoreProcessingRequired;
  while (status == Status::kMoreProcessingRequired && !rest.empty()) {
    const Input piece = next_piece(rest, course.a_piece);
    status = feed(restore, piece, course.misaligned);
    rest = rest.subspan(piece.size());
  }
  require(status != Status::kSuccess && channel->table().count_used() == 1, "a packet that was sent spoils a restore");
  channel.clear();
}

// One channel's stream from the start of `rest`, which moves behind it.
bool restore_channel(ImageChannel& channel, Input& rest, const Course& course, Status& status) {
  restore::ChannelRestore restore(*channel);
  status = Status::kMoreProcessingRequired;
  while (status == Status::kMoreProcessingRequired && !rest.empty()) {
    const Input piece = next_piece(rest, course.a_piece);
    status = feed(restore, piece, course.misaligned);
    rest = rest.subspan(piece.size());
    const bool more = status == Status::kMoreProcessingRequired;
    require(restore.underway() == more, "a restore is underway until its last chunk");
    require(!more || channel.is_empty(), "nothing runs before the last chunk");
    if (more && course.sends && channel->config().sends != 0) {
      require_spoiled(channel, restore, course, rest);
      return false;
    }
  }
  return status == Status::kSuccess;
}

bool restore_in_pieces(ImageVm& vm, Input image, const Course& course, Restored& restored) {
  Input rest = image.subspan(first_chunk(image).size());
  for (std::size_t c = 0; c < vm.size(); ++c) {
    Status status;
    if (restore_channel(vm[c], rest, course, status)) continue;
    require(vm[c].is_empty(), "a refused stream leaves nothing");
    require(status == Status::kMoreProcessingRequired || is_documented(status, vm),
            "a refusal has a documented status");
    vm.clear();
    return false;
  }
  restored = vm.restored();
  vm.clear();
  return true;
}

}  // namespace

void image(Input image) {
  static const bool texts = each_reason_has_a_text();
  (void)texts;
  const Course course(image);
  Rig& rig = Rig::of(course.channels);
  if (course.beside_save) restore_beside_a_save(rig.vm, image);
  Restored at_once;
  Restored in_pieces;
  const bool whole = restore_at_once(rig, image, course, at_once);
  receive(rig, image, course, whole ? &at_once : nullptr);
  const bool pieces = !image.empty() && restore_in_pieces(rig.vm, image, course, in_pieces);
  require(!whole || course.sends || (pieces && at_once == in_pieces), "an image restores the same in pieces");
  if (!whole || !pieces) require_usable(rig);
}

}  // namespace vmbsave::fuzz
