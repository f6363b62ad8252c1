#include "fuzz/trace_files.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

namespace vmbsave::fuzz {

MemoryFile::MemoryFile(Input bytes) : file_(memfd_create("trace", MFD_CLOEXEC)) {
  require(file_ >= 0, "a file in memory");
  const auto written = write(file_, bytes.data(), bytes.size());
  require(written == static_cast<ssize_t>(bytes.size()), "a file in memory holds its bytes");
}

MemoryFile::~MemoryFile() { close(file_); }

Folder::Folder() {
  const bool in_memory = access("/dev/shm", W_OK) == 0;
  std::string name =
      (in_memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) + "/vmbsave-fuzz-XXXXXX";
  require(mkdtemp(name.data()) != nullptr, "a folder");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, Input bytes) const {
  std::ofstream(path_ / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void Folder::clear() const {
  for (const auto& entry : std::filesystem::directory_iterator(path_)) std::filesystem::remove(entry.path());
}

void Folder::fill(Input input, const std::function<std::string(unsigned number)>& name) const {
  clear();
  for (std::uint16_t length = 0; input.size() > 3; input = input.subspan(length)) {
    const unsigned number = std::to_integer<unsigned>(input.front());
    std::memcpy(&length, input.data() + 1, sizeof length);
    input = input.subspan(3);
    length = static_cast<std::uint16_t>(std::min<std::size_t>(length, input.size()));
    write(name(number), input.first(length));
  }
}

namespace {

void require_sound(const trace::Request& request) {
  require(request.complete_ns >= request.submit_ns, "no request completes before its submission");
  if (trace::is_frame(request.operation)) {
    require(request.bytes >= 14 && request.first_byte == 0 && request.queue < 8, "a frame has a header and a queue");
  } else {
    require(request.bytes % 512 == 0 && request.first_byte < 4096, "a request is whole sectors from within a page");
  }
}

void require_sound(const trace::Trace& trace) {
  require(!trace.requests.empty() && !trace.queues.empty(), "a trace has requests and queues");
  require(std::is_sorted(trace.queues.begin(), trace.queues.end()), "queues ascend");
  std::uint64_t last = 0;
  bool measured = false;
  for (const trace::Request& request : trace.requests) {
    require(request.submit_ns >= last, "requests are in order of submission");
    require_sound(request);
    require(std::binary_search(trace.queues.begin(), trace.queues.end(), request.queue), "its queue is listed");
    measured |= request.complete_ns != trace::kNoCompletion;
    last = request.submit_ns;
  }
  require(trace.requests.front().submit_ns == 0 && measured == trace.measured_completions,
          "times count from the first");
}

}  // namespace

void read_or_refuse(const std::filesystem::path& trace, const std::string& format,
                    const std::optional<trace::MacAddress>& guest) {
  try {
    require_sound(trace::read(trace, {}, format, guest));
  } catch (const trace::TraceError& error) {
    const std::string_view text = error.what();
    require(text.starts_with("cannot read trace ") && text.find('\n') == text.npos, "a refusal is one line");
  }
}

}  // namespace vmbsave::fuzz
