// stamps.hpp: what is written where, as the scenario "live" has it.
#pragma once

#include "scenarios/live/stamps.hpp"

namespace vmbsave::migration {

using bench::Block;
using bench::ConstBlock;
using bench::Generation;
using bench::kBlockBytes;
using bench::read_stamp;
using bench::spoil;
using bench::stamp;

}  // namespace vmbsave::migration
