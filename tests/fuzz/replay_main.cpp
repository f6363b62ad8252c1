// replay_main.cpp: fuzz targets without libFuzzer, for every compiler and sanitizer: each file of a corpus once, and of
// images also what the mutator makes of them.
//
//   fuzz_corpus TARGET FOLDER [CHANGED]
//
// CHANGED: so many changed images are tried, always the same ones. Exit code 0: no invariant was broken, else it
// crashes.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/image_mutator.hpp"
#include "fuzz/target.hpp"

namespace {

using namespace vmbsave::fuzz;

struct Target {
  std::string_view name;
  void (*run)(Input);
};

constexpr Target kTargets[] = {
    {"image", image},
    {"calls", calls},
#if VMBSAVE_FUZZ_TRACES
    {"blktrace", blktrace},
    {"capture", capture},
    {"octf_folder", octf_folder},
    {"octf_tar", octf_tar},
    {"text_traces", text_traces},
    {"vscsi", vscsi},
#endif
};

using Bytes = std::vector<std::byte>;

Bytes bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// In order of their names, so that a crash comes again.
std::vector<Bytes> files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> files;
  for (const auto& path : paths) files.push_back(bytes_of(path));
  return files;
}

// Each from what was tried before: a change of a change reaches further.
void try_changed(const Target& target, std::vector<Bytes> pool, std::uint32_t count) {
  constexpr std::size_t kRoom = 8192;
  const std::size_t seeds = pool.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    ImageMutator mutator(i + 1, random_bytes);
    const Bytes& from = pool[i % pool.size()];
    Bytes changed = i % 8 == 0 ? mutator.crossed(from, pool[i / 8 % pool.size()], kRoom) : mutator.mutated(from, kRoom);
    target.run(changed);
    if (pool.size() < 4 * seeds) pool.push_back(std::move(changed));
  }
}

int run(const Target& target, const std::filesystem::path& folder, std::uint32_t changed) {
  const std::vector<Bytes> files = files_of(folder);
  if (files.empty()) {
    std::fprintf(stderr, "fuzz_corpus: no files in %s\n", folder.c_str());
    return 1;
  }
  for (const Bytes& file : files) target.run(file);
  if (target.run == image) try_changed(target, files, changed);
  std::printf("%zu files, %u changed\n", files.size(), changed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: fuzz_corpus TARGET FOLDER [CHANGED]\n");
    return 2;
  }
  const auto* const target = std::find_if(std::begin(kTargets), std::end(kTargets),
                                          [&](const Target& known) { return known.name == argv[1]; });
  if (target == std::end(kTargets)) {
    std::fprintf(stderr, "fuzz_corpus: no target '%s'\n", argv[1]);
    return 2;
  }
  const std::uint32_t changed = argc > 3 ? static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)) : 0;
  return run(*target, argv[2], changed);
}
