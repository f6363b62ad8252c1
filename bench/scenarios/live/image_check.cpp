#include "scenarios/live/image_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "scenarios/save_under_load/image_records.hpp"
#include "scenarios/vm/verify.hpp"

namespace vmbsave::bench {
namespace {

using Ids = std::vector<std::uint64_t>;  // transaction ids, by slot; 0: none

// Empty, or what is wrong.
std::string collect(const LiveSave& save, const LiveRequests& requests, Ids& ids) {
  std::string why;
  const bool readable = for_each_record(save.image, [&](const image::Chunk& chunk, const image::Record& record) {
    const std::uint64_t id = record.lib.transaction_id;
    const bool known = id != 0 && requests.channel(id - 1) == chunk.header.channel;
    if (!known || ids[requests.slot(id - 1)] != 0) {
      if (why.empty()) why = fmt::format("an image holds transaction {}, of another channel or beside another", id);
      return;
    }
    ids[requests.slot(id - 1)] = id;
  });
  return readable ? why : "an image cannot be read";
}

std::string slot_difference(std::uint64_t id, const Standing& before, const Standing& after) {
  const bool was_over = before == after && before.stage == RequestStage::kAnswered;
  const bool may = id == after.transaction_id && after.stage != RequestStage::kNone && !was_over;
  if (id != 0 && !may) return fmt::format("an image holds transaction {}, which was not in flight at its cut", id);
  if (id == 0 && after.stage == RequestStage::kSubmitted) {
    return fmt::format("an image lacks transaction {}, which was in flight at its cut", after.transaction_id);
  }
  return {};
}

}  // namespace

ImageFinding check_image(const LiveSave& save, const LiveSpec& spec, const LiveRequests& requests,
                         const VMBS_VSP& vsp) {
  Ids ids(spec.slots());
  if (std::string why = collect(save, requests, ids); !why.empty()) return {why};
  for (std::uint32_t slot = 0; slot < spec.slots(); ++slot) {
    std::string why = slot_difference(ids[slot], save.before[slot], save.after[slot]);
    if (!why.empty()) return {why};
  }
  std::erase(ids, 0u);
  std::sort(ids.begin(), ids.end());  // numbers rise with each request that is sent
  ExpectedChannels expected(spec.channels);
  for (const std::uint64_t id : ids) expected[requests.channel(id - 1)].push_back(requests.request(id - 1));
  return {difference(save.image, expected, vsp), ids.size()};
}

}  // namespace vmbsave::bench
