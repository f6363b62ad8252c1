// exit_codes.hpp: the exit codes of every program and subcommand. README.md shows the same table.
#pragma once

namespace vmbsave::bench {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadInput = 2;
inline constexpr int kInconclusive = 3;
inline constexpr int kSelftestFailed = 4;
inline constexpr int kSignalled = 128;  // and the signal's number

struct ExitCode {
  int code;
  const char* number;  // as it is shown
  const char* meaning;
};

inline constexpr ExitCode kExitCodes[] = {
    {kOk, "0", "what was asked for was done, and all that was checked holds"},
    {kFailed, "1",
     "something does not hold: a difference, a damaged image, a finding, a row that failed, a regression"},
    {kBadInput, "2", "input, command line or machine are of no use for it; one line says what, and what to do"},
    {kInconclusive, "3", "gate alone: it could not tell within its budget"},
    {kSelftestFailed, "4", "gate selftest alone: the gate judged what is known wrongly"},
    {kSignalled, "128+N", "ended by signal N, 130 by Ctrl-C and 143 by SIGTERM; no half file is left"},
};

}  // namespace vmbsave::bench
