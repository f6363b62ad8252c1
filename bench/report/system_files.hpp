// system_files.hpp: small files of /proc and /sys, which may be missing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace vmbsave::report {

// Without white space at both ends.
std::string_view trimmed(std::string_view text);

// The first line; absent if there is none, or if it is empty.
std::optional<std::string> read_line(const std::filesystem::path& file);

// Of the first line "key : value": the value.
std::optional<std::string> value_of(const std::filesystem::path& file, std::string_view key);

// How many CPUs a list such as "0-3,8" names.
std::optional<unsigned> cpus_in_list(const std::optional<std::string>& list);

// The kind of file system that a folder lies on, such as "ext4", as /proc/self/mountinfo names it; absent if that does
// not have the folder's device.
std::optional<std::string> file_system_of(const std::filesystem::path& folder, const std::filesystem::path& root = "/");

}  // namespace vmbsave::report
