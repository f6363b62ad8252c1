// short_names.hpp: names with many parts, told apart within a figure's margin.
#pragma once

#include <string>
#include <vector>

namespace vmbsave::page {

// Of names as "save/engine/channels:16/packets:4096": without the properties, such as "channels:16", that more than
// half of them have. A name that would then be another one's stays whole.
class ShortNames {
 public:
  explicit ShortNames(const std::vector<std::string>& names);

  std::string of(const std::string& name) const;
  const std::vector<std::string>& left_out() const { return left_out_; }  // "channels:16"

 private:
  std::vector<std::string> left_out_;
  std::vector<std::string> twice_;  // short ones of several names
};

// Those parts of a name that `other` does not have: "skew:90" of "a:1/skew:90" beside "a:1/b:2".
std::string own_parts(const std::string& name, const std::string& other);

}  // namespace vmbsave::page
