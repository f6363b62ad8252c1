#include <fmt/format.h>

#include <memory>
#include <span>

#include "cli/commands.hpp"
#include "cli/image_file.hpp"
#include "harness/one_line.hpp"
#include "harness/option_checks.hpp"
#include "restore/image_restore.hpp"
#include "scenarios/vm/restore_text.hpp"
#include "vmbsave/executor.hpp"

namespace vmbsave::cli {
namespace {

struct Verify {
  std::string file;
  std::uint64_t max_bytes = RestoreOptions{}.max_bytes;
};

int check(const Verify& verify, std::span<const std::byte> image) {
  const auto executor = make_executor();
  const RestoreReport report = restore::check_image(image, {.executor = executor.get(), .max_bytes = verify.max_bytes});
  if (report.status != Status::kSuccess) {
    fmt::print("{}: {}\n", bench::one_line(verify.file), bench::describe(report));
    return kFailed;
  }
  fmt::print("{}: good, {} packets, {} bytes, checked in {:.3f} ms\n", bench::one_line(verify.file), report.packets,
             image.size(), static_cast<double>(report.restore_ns) / 1e6);
  return kOk;
}

int refused(const std::runtime_error& why) {
  fmt::print("{}\n", bench::one_line(why.what()));
  return kFailed;
}

int run_verify(const Verify& verify) {
  try {
    return check(verify, read_image_file(verify.file, verify.max_bytes));
  } catch (const TooLarge& error) {  // a restore would refuse it before it looks at a byte
    return refused(error);
  } catch (const NotAnImage& error) {
    return refused(error);
  }
}

}  // namespace

void add_verify(CLI::App& app, Command& chosen) {
  CLI::App* const command = app.add_subcommand(
      "verify",
      "Checks an image as a restore would, without a virtual machine. Exits 0 if it is good, 1 if a restore would "
      "refuse it, 2 if it cannot be read.");
  const auto verify = std::make_shared<Verify>();
  command->add_option("IMAGE", verify->file, "the file")->required()->check(given());
  command->add_option("--max-bytes", verify->max_bytes, "a larger image is refused, as by a restore")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  command->callback([verify, &chosen] { chosen = [verify] { return run_verify(*verify); }; });
}

}  // namespace vmbsave::cli
