// pages.hpp: the pages of the documentation, and lines of text.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace vmbsave::tests {

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Of the project's own words: of results/ the index alone, as the others are made from results.
inline std::vector<std::filesystem::path> pages(const std::string& root) {
  std::vector<std::filesystem::path> pages = {root + "/README.md", root + "/CONTRIBUTING.md", root + "/THIRD-PARTY.md",
                                              root + "/results/README.md"};
  for (const char* const folder : {"/engine", "/bench", "/tests"}) {
    for (const std::filesystem::directory_entry& entry : std::filesystem::recursive_directory_iterator(root + folder)) {
      if (entry.path().extension() == ".md") pages.push_back(entry.path());
    }
  }
  return pages;
}

}  // namespace vmbsave::tests
