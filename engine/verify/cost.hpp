// cost.hpp: what the callbacks of each packet cost, in time and in memory.
#pragma once

#include <span>
#include <vector>

#include "verify/course.hpp"
#include "verify/save_exam.hpp"

namespace vmbsave::verify {

// Calls SavePacket for every sound packet in rounds, as a save does. Shortens the packets' times.
void time_saves(Course& course, std::span<Examined> packets, Report& report);

// Packets whose shortest call takes longer than it may.
void compare_with_budget(Course& course, std::span<const Examined> packets);

// The same rounds, and whether each leaves memory behind.
void look_for_leaks(Course& course, std::span<const Examined> packets);

}  // namespace vmbsave::verify
