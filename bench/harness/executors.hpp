// executors.hpp: the executors that rows share: one a number of threads, kept for the whole run.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "vmbsave/executor.hpp"

namespace vmbsave::bench {

class Executors {
 public:
  // What production uses for so many threads.
  Executor& with_threads(unsigned threads);

  // "serial", "onetbb" or "threads".
  static std::string name_of(unsigned threads);

 private:
  std::map<unsigned, std::unique_ptr<Executor>> executors_;
};

}  // namespace vmbsave::bench
