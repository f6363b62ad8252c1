#include "trace/text_fields.hpp"

#include <fmt/format.h>

#include <charconv>

#include "trace/readers.hpp"

namespace vmbsave::trace {

Fields words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  Fields fields;
  for (std::size_t begin = line.find_first_not_of(kBlanks); begin != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    fields.add(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return fields;
}

Fields comma_separated(std::string_view line) {
  Fields fields;
  for (std::size_t comma = line.find(','); comma != line.npos; comma = line.find(',')) {
    fields.add(line.substr(0, comma));
    line.remove_prefix(comma + 1);
  }
  fields.add(line);
  return fields;
}

std::optional<std::uint64_t> to_number(std::string_view field) {
  std::uint64_t value = 0;
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

std::string in_quotes(std::string_view field) {
  constexpr std::size_t kShown = 60;
  return fmt::format("'{}'{}", field.substr(0, kShown), field.size() > kShown ? "..." : "");
}

std::uint64_t number_in(const TextLines& at, std::string_view field, std::string_view what, std::uint64_t most) {
  const auto value = to_number(field);
  if (!value || *value > most) at.fail(fmt::format("{} from 0 to {}", what, most), in_quotes(field));
  return *value;
}

std::uint16_t QueueNames::number(const TextLines& at, std::string_view name) {
  const auto found = numbers_.find(name);
  if (found != numbers_.end()) return found->second;
  if (numbers_.size() > UINT16_MAX) {
    at.fail(fmt::format("at most {} queues", numbers_.size()), "one more: " + in_quotes(name));
  }
  const auto number = static_cast<std::uint16_t>(numbers_.size());
  numbers_.emplace(name, number);
  return number;
}

void set_blocks(const TextLines& at, Request& request, std::uint64_t offset, std::uint64_t bytes) {
  constexpr std::uint64_t kMostBytes = UINT32_MAX / kSectorBytes * kSectorBytes;
  const std::uint64_t lead = offset % kSectorBytes;
  const std::uint64_t touched =
      bytes > kMostBytes ? bytes : (lead + bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  if (touched > kMostBytes || bytes > UINT64_MAX - offset) {
    at.fail(fmt::format("at most {} bytes in whole sectors, that end below 2^64", kMostBytes),
            fmt::format("{} from {} on", bytes, offset));
  }
  request.lba = offset / kSectorBytes;
  request.bytes = static_cast<std::uint32_t>(touched);
  const bool has_data = request.operation != Operation::kDiscard;
  request.first_byte = has_data ? static_cast<std::uint32_t>((offset - lead) % kPageBytes) : 0;
}

}  // namespace vmbsave::trace
