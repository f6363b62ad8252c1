// concurrency_exam.hpp: SavePacket of several packets at once: of one channel where the VSP allows it, of different
// ones in any case.
#pragma once

#include <span>

#include "verify/course.hpp"
#include "verify/save_exam.hpp"

namespace vmbsave::verify {

// Every sound packet again, by several threads, none of which has the same packet as another one: each must save what
// it saved alone. `packets` by channel.
void examine_concurrency(Course& course, std::span<const Examined> packets);

// Threads that Options ask for.
unsigned threads_of(const Options& options) noexcept;

}  // namespace vmbsave::verify
