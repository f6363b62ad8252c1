#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/image_file.hpp"
#include "cli/inspection_text.hpp"
#include "cli/output.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/vm/restore_text.hpp"

namespace vmbsave::cli {
namespace {

const Help kInspectHelp = {
    kLook,
    "inspect",
    "what an image holds: header, channels, packets, sizes",
    "And whether it is sound; of a damaged one, what lies before the damage.",
    "  vmbsave replay --profile cloudphysics --image peak.img && vmbsave inspect peak.img\n"
    "  vmbsave inspect peak.img --each-packet\n"
    "  vmbsave inspect peak.img --json\n",
    {{kOk, "a good image"}, {kFailed, "it could not be restored"}, {kBadInput, "there is none to look at"}}};

struct Inspect {
  std::string file;
  bool each_packet = false;
  std::uint64_t max_bytes = RestoreOptions{}.max_bytes;
  Output output;
};

struct Verdict {
  std::string why;  // empty: a good image
  std::string text;
};

Verdict verdict(const InspectedImage& found, std::span<const std::byte> image, const Inspect& inspect) {
  const std::string name = bench::one_line(inspect.file);
  const std::string read = fmt::format("read up to byte {} of {}\n", found.end, image.size());
  if (found.is_unsealed && found.damage != RestoreFault::kNone) {
    const std::string why = restore_fault_text(found.damage);
    return {why, fmt::format("{}: damaged, and without checksums: {}\n{}", name, why, read)};
  }
  const RestoreReport report = restore::check_image(image, {.max_bytes = inspect.max_bytes});
  if (found.is_unsealed) {
    return {"checksums were left out by the save",
            "checksums: left out by the save; such an image cannot be restored\n"};
  }
  if (report.status == Status::kSuccess) return {"", "checksums: all match; the image is good\n"};
  const std::string why = bench::describe(report);
  return {why, fmt::format("{}: damaged: {}\n{}", name, why, read)};
}

int give_inspection(const Inspect& inspect, const InspectedImage& found, const Verdict& verdict) {
  nlohmann::ordered_json json = inspection_json(found);
  json["file"] = inspect.file;
  json["good"] = verdict.why.empty();
  json["why"] = verdict.why.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(verdict.why);
  give(inspect.output, json, inspection_text(found) + verdict.text);
  return verdict.why.empty() ? kOk : kFailed;
}

int run_inspect(const Inspect& inspect) try {
  expect_usable(inspect.output, {inspect.file});
  const std::vector<std::byte> image = read_image_file(inspect.file, inspect.max_bytes);
  const InspectedImage found = inspect_image(image, inspect.each_packet);
  return give_inspection(inspect, found, verdict(found, image, inspect));
} catch (const NotAnImage& error) {
  return give_inspection(inspect, {}, {error.what(), bench::one_line(error.what()) + "\n"});
}

}  // namespace

void add_inspect(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kInspectHelp);
  const auto inspect = std::make_shared<Inspect>();
  command->add_option("IMAGE", inspect->file, "the file")->required()->check(given());
  command->add_flag("--each-packet", inspect->each_packet, "a line for each packet");
  command->add_option("--max-bytes", inspect->max_bytes, "bytes; a larger file is refused")
      ->type_name("N")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  add_output_options(*command, inspect->output);
  command->callback([inspect, &chosen] { chosen = [inspect] { return run_inspect(*inspect); }; });
}

}  // namespace vmbsave::cli
