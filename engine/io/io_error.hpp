// io_error.hpp: what an errno means to the caller of a sink or source.
#pragma once

#include <cstdint>

#include "vmbsave/io.hpp"

namespace vmbsave::io {

Status status_of(int error) noexcept;

// A step that failed with `error`, after `offset` bytes.
IoError failure(IoStep step, int error, std::uint64_t offset = 0) noexcept;

// Notes a call out of order, if nothing failed before; the status of the first failure either way.
Status out_of_order(IoError& first, std::uint64_t offset) noexcept;

}  // namespace vmbsave::io
