#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/image_file.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "image/checksum.hpp"
#include "image/chunk_reader.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/vm/restore_text.hpp"

namespace vmbsave::cli {
namespace {

using image::Chunk;
using image::ChunkKind;

const Help kInspectHelp = {
    kLook,
    "inspect",
    "what an image holds: header, channels, packets, sizes",
    "And whether it is sound; of a damaged one, what lies before the damage.",
    "  vmbsave replay --profile cloudphysics --image peak.img && vmbsave inspect peak.img\n"
    "  vmbsave inspect peak.img --each-packet\n",
    {{kOk, "a good image"}, {kFailed, "it could not be restored"}, {kBadInput, "there is none to look at"}}};

struct Inspect {
  std::string file;
  bool packets = false;
  std::uint64_t max_bytes = RestoreOptions{}.max_bytes;
};

// Prints what an image holds, chunk by chunk, up to its end or to the first chunk that cannot be read.
class Inspector {
 public:
  Inspector(std::span<const std::byte> image, bool packets) : image_(image), packets_(packets) {}

  void print() {
    while (at_ < image_.size() && !ended_) {
      Chunk chunk;
      RestoreFault fault = image::read_chunk(image_.subspan(at_), chunk);
      if (fault == RestoreFault::kChecksum && chunk.header.checksum == 0) {
        ++unsealed_;
        fault = RestoreFault::kNone;
      }
      if (fault != RestoreFault::kNone) {
        note(fault);
        break;
      }
      ++chunks_;
      if (chunk.kind() == ChunkKind::kChannel || chunk.kind() == ChunkKind::kEnd) close_channel();
      print_chunk(chunk);
      at_ += chunk.bytes.size();
    }
    if (!ended_) note(RestoreFault::kMissingTail);
    close_channel();
    if (at_ < image_.size()) note(RestoreFault::kTrailingBytes);
  }

  // Beside checksums: what it shows of the first thing that is wrong.
  RestoreFault damage() const noexcept { return damage_; }

  // Where the last chunk that could be read ends.
  std::uint64_t end() const noexcept { return at_; }

  // A save without checksums leaves all of them out; one that is missing alone is damage.
  bool is_unsealed() const noexcept { return unsealed_ != 0 && unsealed_ == chunks_; }

 private:
  struct Channel {
    std::uint32_t number = 0;
    image::ChannelBody body{};
    std::uint64_t offset = 0;
    std::uint64_t packets = 0;
    std::uint64_t state_bytes = 0;
    std::uint64_t bytes = 0;
  };

  void note(RestoreFault fault) noexcept {
    if (damage_ == RestoreFault::kNone) damage_ = fault;
  }

  void print_chunk(const Chunk& chunk) {
    switch (chunk.kind()) {
      case ChunkKind::kImage:
        return print_head(chunk);
      case ChunkKind::kChannel:
        channel_ = std::make_unique<Channel>();
        channel_->number = chunk.header.channel;
        channel_->offset = at_;
        (void)image::read_body(chunk, channel_->body);
        break;
      case ChunkKind::kBlock:
        print_block(chunk);
        break;
      case ChunkKind::kDirectory:
        break;
      case ChunkKind::kEnd:
        ended_ = true;
        return;
      default:
        fmt::print("byte {}: a chunk of kind {}, which version 1 does not have\n", at_, chunk.header.kind);
    }
    if (channel_) channel_->bytes += chunk.bytes.size();
  }

  static void print_head(const Chunk& chunk) {
    image::ImageBody body{};
    if (!image::read_body(chunk, body)) return;
    const std::string producer(body.producer, strnlen(body.producer, sizeof body.producer));
    fmt::print("version {}, {} channels, {} packets, {}; engine {}.{}.{}, page size {}, producer \"{}\"\n",
               chunk.header.version, body.channels, body.packets, length_of(chunk, body), body.engine_version >> 16,
               body.engine_version >> 8 & 0xFF, body.engine_version & 0xFF, body.page_size, printable(producer));
    fmt::print("{:>8} {:>12} {:>8} {:>8} {:>12} {:>12} {:>10}\n", "channel", "at byte", "packets", "blocks",
               "state bytes", "bytes", "capacity");
  }

  static std::string length_of(const Chunk& chunk, const image::ImageBody& body) {
    return (chunk.header.required & image::kStreamed) != 0 ? "streamed" : fmt::format("{} bytes", body.bytes);
  }

  static std::string printable(std::string text) {
    for (char& c : text) {
      if (c < ' ' || c > '~') c = '?';
    }
    return text;
  }

  void print_block(const Chunk& chunk) {
    std::uint64_t offset = sizeof(image::ChunkHeader);
    image::Record record;
    for (std::uint32_t i = 0; i < chunk.header.count && image::read_record(chunk, offset, record); ++i) {
      if (channel_) {
        ++channel_->packets;
        channel_->state_bytes += record.lib.save_bytes;
      }
      if (packets_) keep_packet(chunk.header.channel, at_ + offset, record.lib);
      offset += record.lib.record_bytes;
    }
  }

  void keep_packet(std::uint32_t channel, std::uint64_t offset, const image::LibBuf& lib) {
    lines_ +=
        fmt::format("  packet at byte {}: channel {}, transaction {}, sequence {}, {}{}{}, {} bytes of state", offset,
                    channel, lib.transaction_id, lib.sequence, lib.direction == 0 ? "incoming" : "outgoing",
                    (lib.flags & image::kLibBufCompletionRequested) != 0 ? ", awaits a completion" : "",
                    (lib.flags & image::kLibBufQueued) != 0 ? ", queued" : "", lib.save_bytes);
    lines_ += lib.payload_bytes != 0 ? fmt::format(", {} of payload\n", lib.payload_bytes) : "\n";
  }

  void close_channel() {
    if (channel_) {
      const image::ChannelBody& body = channel_->body;
      fmt::print("{:>8} {:>12} {:>8} {:>8} {:>12} {:>12} {:>10}\n", channel_->number, channel_->offset,
                 channel_->packets, body.blocks, channel_->state_bytes, channel_->bytes, body.capacity);
      if (channel_->packets != body.packets || channel_->bytes != body.stream_bytes) {
        note(RestoreFault::kCounts);
        if (channel_->packets > body.packets || channel_->bytes > body.stream_bytes) {
          fmt::print("         its header says fewer than there are: {} packets and {} bytes\n", body.packets,
                     body.stream_bytes);
        } else {
          fmt::print("         not whole: {} packets and {} bytes are missing\n", body.packets - channel_->packets,
                     body.stream_bytes - channel_->bytes);
        }
      }
    }
    fmt::print("{}", lines_);
    lines_.clear();
    channel_.reset();
  }

  const std::span<const std::byte> image_;
  const bool packets_;
  std::uint64_t at_ = 0;
  std::uint64_t chunks_ = 0;
  std::uint64_t unsealed_ = 0;
  bool ended_ = false;
  RestoreFault damage_ = RestoreFault::kNone;
  std::unique_ptr<Channel> channel_;
  std::string lines_;  // of the channel's packets
};

int show(const Inspect& inspect, std::span<const std::byte> image) {
  Inspector inspector(image, inspect.packets);
  inspector.print();
  if (inspector.is_unsealed() && inspector.damage() != RestoreFault::kNone) {
    fmt::print("damaged, and without checksums: {}\nread up to byte {} of {}\n", restore_fault_text(inspector.damage()),
               inspector.end(), image.size());
    return kFailed;
  }
  const RestoreReport report = restore::check_image(image, {.max_bytes = inspect.max_bytes});
  if (inspector.is_unsealed()) {
    fmt::print("checksums: left out by the save; such an image cannot be restored\n");
    return kFailed;
  }
  if (report.status != Status::kSuccess) {
    fmt::print("damaged: {}\nread up to byte {} of {}\n", bench::describe(report), inspector.end(), image.size());
    return kFailed;
  }
  fmt::print("checksums: all match; the image is good\n");
  return kOk;
}

int run_inspect(const Inspect& inspect) {
  try {
    return show(inspect, read_image_file(inspect.file, inspect.max_bytes));
  } catch (const NotAnImage& error) {
    fmt::print("{}\n", bench::one_line(error.what()));
    return kFailed;
  }
}

}  // namespace

void add_inspect(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kInspectHelp);
  const auto inspect = std::make_shared<Inspect>();
  command->add_option("IMAGE", inspect->file, "the file")->required()->check(given());
  command->add_flag("--each-packet", inspect->packets, "a line for each packet");
  command->add_option("--max-bytes", inspect->max_bytes, "bytes; a larger file is refused")
      ->type_name("N")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  command->callback([inspect, &chosen] { chosen = [inspect] { return run_inspect(*inspect); }; });
}

}  // namespace vmbsave::cli
