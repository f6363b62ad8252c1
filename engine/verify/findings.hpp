// findings.hpp: what was found so far, each check once.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "vmbsave/verify.hpp"

namespace vmbsave::verify {

class Findings {
 public:
  explicit Findings(std::function<void(const Finding&)> on_first) : on_first_(std::move(on_first)) {}

  void add(Check check, const Place& where, std::string detail);

  bool has(Check check) const noexcept;
  bool has_any(std::initializer_list<Check> checks) const noexcept;
  std::size_t count() const noexcept { return found_.size(); }
  std::vector<Finding> in_order() const;  // of numbers

 private:
  const std::function<void(const Finding&)> on_first_;
  std::vector<Finding> found_;
};

}  // namespace vmbsave::verify
