// processes.hpp: tests that need a process of their own, to limit it or to know its threads.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

// In a process that starts anew, so that no thread of an earlier test is missing in it.
#define EXPECT_IN_A_FRESH_PROCESS(condition)                                   \
  do {                                                                         \
    GTEST_FLAG_SET(death_test_style, "threadsafe");                            \
    EXPECT_EXIT(_exit((condition) ? 0 : 1), ::testing::ExitedWithCode(0), ""); \
  } while (false)

namespace vmbsave::test {

// For limits that the sanitizers, which need something for themselves, do not stand.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

// Calls f in a child that has this process's memory and none of its other threads. What f returned, or -1.
template <class F>
int in_child(F&& f) {
  const pid_t child = fork();
  if (child == 0) _exit(f());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

}  // namespace vmbsave::test
