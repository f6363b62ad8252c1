// corpus.hpp: the seeds of the fuzz targets, made by the project's own writers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace vmbsave::fuzz {

struct Seed {
  std::string name;
  std::vector<std::byte> bytes;
};

std::vector<Seed> image_seeds();
std::vector<Seed> calls_seeds();
std::vector<Seed> blktrace_seeds();
std::vector<Seed> octf_folder_seeds();
std::vector<Seed> octf_tar_seeds();
std::vector<Seed> vscsi_seeds();
std::vector<Seed> text_seeds();
std::vector<Seed> capture_seeds();

std::vector<std::byte> bytes_of(const std::string& text);

}  // namespace vmbsave::fuzz
