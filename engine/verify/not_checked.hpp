// not_checked.hpp: why nothing can be examined.
#pragma once

#include <stdexcept>

namespace vmbsave::verify {

// what(): one line.
class NotChecked : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace vmbsave::verify
