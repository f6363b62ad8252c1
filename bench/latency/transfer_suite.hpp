// transfer_suite.hpp: the rows of images on their way: saved into a file or a socket, checked, restored.
#pragma once

#include <string>
#include <vector>

#include "harness/executors.hpp"
#include "report/transfer_report.hpp"
#include "scenarios/image_transfer/transfer.hpp"

namespace vmbsave::bench {

struct TransferSpec {
  Journey journey = Journey::kToFile;
  unsigned threads = 1;
  std::uint32_t packets = 65'536;
  unsigned samples = 101;
  Point point = {};  // but for its packets
};

// Of a suite; most have none. point: what is saved, but for the packets.
std::vector<TransferSpec> transfer_specs(const std::string& suite, unsigned cpus, const Point& point = {});

// Rows without samples; one benchmark each adds to its own what it measures. Both outlive the run.
std::vector<report::TransferRow> transfer_rows(const std::vector<TransferSpec>& specs);
void register_transfers(const std::vector<TransferSpec>& specs, std::vector<report::TransferRow>& rows,
                        Executors& executors);

}  // namespace vmbsave::bench
