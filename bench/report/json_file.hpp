// json_file.hpp: files of JSON, as they are or compressed with xz.
#pragma once

#include <exception>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace vmbsave::report {

// The text of a file; what is compressed with xz is unpacked, whatever its name. Throws std::runtime_error naming the
// file, also for more than 256 MiB.
std::string read_text(const std::filesystem::path& file);

// Throws std::exception if the text is no JSON, or one of more than 64 levels.
nlohmann::ordered_json parse_json(std::string_view text);

// Both: std::runtime_error naming the file.
nlohmann::ordered_json read_json(const std::filesystem::path& file);

// What is wrong with a result that lacks something or has it of another kind, without the library's own words.
std::string json_fault(const std::exception& error);

void write_text(const std::filesystem::path& file, std::string_view text);
void write_xz(const std::filesystem::path& file, std::string_view text);

}  // namespace vmbsave::report
