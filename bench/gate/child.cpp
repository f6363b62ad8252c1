#include "gate/child.hpp"

#include <nlohmann/json.hpp>

#include "gate/side.hpp"

namespace vmbsave::gate {

nlohmann::ordered_json json_of(const ChildResult& result) {
  std::string text = result.out;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  try {
    return nlohmann::ordered_json::parse(text.substr(text.rfind('\n') + 1));
  } catch (const nlohmann::ordered_json::exception&) {
    throw SideFailed("a process of the gate did not print its result last");
  }
}

}  // namespace vmbsave::gate
