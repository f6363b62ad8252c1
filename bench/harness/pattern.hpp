// pattern.hpp: a regular expression (POSIX, extended) that finds names.
#pragma once

#include <memory>
#include <string>

namespace vmbsave::bench {

class Pattern {
 public:
  // "" finds every name. Throws std::invalid_argument: it is none.
  explicit Pattern(const std::string& expression);

  bool finds(const std::string& name) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace vmbsave::bench
