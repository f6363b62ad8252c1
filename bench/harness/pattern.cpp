#include "harness/pattern.hpp"

#include <fmt/format.h>
#include <regex.h>

#include <stdexcept>

namespace vmbsave::bench {

struct Pattern::Compiled {
  explicit Compiled(const std::string& expression) {
    if (regcomp(&regex, expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
      throw std::invalid_argument(fmt::format("'{}' is not a regular expression", expression));
    }
  }
  ~Compiled() { regfree(&regex); }
  Compiled(const Compiled&) = delete;

  regex_t regex;
};

Pattern::Pattern(const std::string& expression) : compiled_(std::make_shared<Compiled>(expression)) {}

bool Pattern::finds(const std::string& name) const {
  return regexec(&compiled_->regex, name.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace vmbsave::bench
