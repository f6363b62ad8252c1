// interrupts.hpp: Ctrl-C, SIGTERM and SIGHUP end a program at once, but never within a file.
#pragma once

#include <string>

namespace vmbsave::bench {

// From here on a signal ends the program with 128 and its number, after one line: "NAME: interrupted by SIGINT; KEPT".
// KEPT is the files that were written so far, "kept: a.img, b.img", or "nothing was written". Nothing else is done then,
// no destructor runs.
void end_on_interrupts(const char* name);

// What is said in place of that from here on; it lives as long as the program.
void say_when_interrupted(const char* kept);

// A file that is whole, and will stay.
void keep_when_interrupted(const std::string& path);

// A file of this program's own, in a temporary folder, goes too. One at a time.
void remove_when_interrupted(const char* path);

// A signal that comes while one lives ends the program when the last one is gone.
class HeldInterrupts {
 public:
  HeldInterrupts() noexcept;
  ~HeldInterrupts();
  HeldInterrupts(const HeldInterrupts&) = delete;
};

}  // namespace vmbsave::bench
