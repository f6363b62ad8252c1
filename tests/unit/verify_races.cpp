// Examines the wrong VSP with the fault of that name, for the thread sanitizer to look on. Exit code 0: nothing was
// found.
#include <cstdio>

#include "unit/wrong_vsp.hpp"
#include "vmbsave/verify.hpp"

int main(int argc, char** argv) {
  using namespace vmbsave;
  if (argc != 2) return 2;
  verify::Options options;
  options.packets = 64;
  options.threads = 2;
  const verify::Report report = verify::examine(*test::wrong_vsp(test::fault_named(argv[1])), options);
  for (const verify::Finding& finding : report.findings) {
    std::printf("%s: %s\n", verify::check_info(finding.check).number, finding.detail.c_str());
  }
  return report.not_checked.empty() && report.findings.empty() ? 0 : 1;
}
