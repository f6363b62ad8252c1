#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/image_file.hpp"
#include "cli/output.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/vm/restore_text.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::cli {
namespace {

const Help kVerifyHelp = {
    kJudge,
    "verify",
    "would a restore take this image? Without a virtual machine",
    "",
    "  vmbsave verify peak.img\n"
    "  vmbsave verify peak.img --max-bytes 67108864      as by a restore with that limit\n"
    "  vmbsave verify peak.img --json\n",
    {{kOk, "a good image"}, {kFailed, "a restore would refuse it"}, {kBadInput, "it cannot be read"}}};

struct Verify {
  std::string file;
  std::uint64_t max_bytes = RestoreOptions{}.max_bytes;
  Output output;
};

// why: of an image that was refused. Without a size: it was not read.
nlohmann::ordered_json verify_json(const Verify& verify, const nlohmann::ordered_json& why) {
  return {{"schema", "vmbsave-verify-1"}, {"file", verify.file}, {"good", why.is_null()}, {"why", why},
          {"packets", nullptr},           {"bytes", nullptr},    {"check_ns", nullptr}};
}

int check(const Verify& verify, std::span<const std::byte> image) {
  const auto executor = make_executor();
  const RestoreReport report = restore::check_image(image, {.executor = executor.get(), .max_bytes = verify.max_bytes});
  if (report.status != Status::kSuccess) {
    const std::string why = bench::describe(report);
    nlohmann::ordered_json json = verify_json(verify, why);
    json["bytes"] = image.size();
    give(verify.output, json, fmt::format("{}: {}\n", bench::one_line(verify.file), why));
    return kFailed;
  }
  nlohmann::ordered_json json = verify_json(verify, nullptr);
  json["packets"] = report.packets;
  json["bytes"] = image.size();
  json["check_ns"] = report.restore_ns;
  give(verify.output, json,
       fmt::format("{}: good, {} packets, {} bytes, checked in {:.3f} ms\n", bench::one_line(verify.file),
                   report.packets, image.size(), static_cast<double>(report.restore_ns) / 1e6));
  return kOk;
}

int refused(const Verify& verify, const std::runtime_error& why) {
  give(verify.output, verify_json(verify, why.what()), bench::one_line(why.what()) + "\n");
  return kFailed;
}

int run_verify(const Verify& verify) {
  expect_usable(verify.output, {verify.file});
  try {
    return check(verify, read_image_file(verify.file, verify.max_bytes));
  } catch (const TooLarge& error) {  // a restore would refuse it before it looks at a byte
    return refused(verify, error);
  } catch (const NotAnImage& error) {
    return refused(verify, error);
  }
}

}  // namespace

void add_verify(CLI::App& app, Command& chosen) {
  CLI::App* const command = add_command(app, kVerifyHelp);
  const auto verify = std::make_shared<Verify>();
  command->add_option("IMAGE", verify->file, "the file")->required()->check(given());
  command->add_option("--max-bytes", verify->max_bytes, "bytes; a larger image is refused, as by a restore")
      ->type_name("N")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  add_output_options(*command, verify->output);
  command->callback([verify, &chosen] { chosen = [verify] { return run_verify(*verify); }; });
}

}  // namespace vmbsave::cli
