// make_corpus.cpp: writes the seeds of every target into FOLDER/TARGET.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "fuzz/corpus.hpp"

namespace {

using vmbsave::fuzz::Seed;

void write(const std::filesystem::path& folder, const std::vector<Seed>& seeds) {
  std::filesystem::create_directories(folder);
  for (const Seed& seed : seeds) {
    std::ofstream(folder / seed.name, std::ios::binary)
        .write(reinterpret_cast<const char*>(seed.bytes.data()), static_cast<std::streamsize>(seed.bytes.size()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  write(folder / "image", vmbsave::fuzz::image_seeds());
  write(folder / "calls", vmbsave::fuzz::calls_seeds());
  write(folder / "blktrace", vmbsave::fuzz::blktrace_seeds());
  write(folder / "octf_folder", vmbsave::fuzz::octf_folder_seeds());
  write(folder / "octf_tar", vmbsave::fuzz::octf_tar_seeds());
  write(folder / "vscsi", vmbsave::fuzz::vscsi_seeds());
  write(folder / "text_traces", vmbsave::fuzz::text_seeds());
  write(folder / "capture", vmbsave::fuzz::capture_seeds());
}
