#include "cli/unknown_words.hpp"

#include <fmt/format.h>

#include <utility>

#include "harness/suggestion.hpp"

namespace vmbsave::cli {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

// nullptr: there is none.
const CLI::App* command_named(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string told(const char* kind, const std::string& word, const std::vector<std::string>& known,
                 const std::string& path) {
  const std::string meant = bench::nearest(word, known);
  const std::string advice =
      meant.empty() ? fmt::format("see {} --help", path) : fmt::format("did you mean {}?", meant);
  return fmt::format("no {} '{}'; {}", kind, word, advice);
}

}  // namespace

std::string unknown_word(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string path = app.get_name();
  bool is_value = false;  // of the option before it
  for (const std::string& word : words) {
    if (word == "--") break;
    if (std::exchange(is_value, false)) continue;
    if (word.starts_with('-') && word.size() > 1) {
      const std::string name = word.substr(0, word.find('='));
      const CLI::Option* const option = at->get_option_no_throw(name);
      if (option == nullptr) return told("option", name, option_names(*at), path);
      is_value = option->get_type_size() != 0 && name == word;
      continue;
    }
    const CLI::App* const command = command_named(*at, word);
    if (command != nullptr) {
      at = command;
      path += " " + word;
    } else if (at == &app) {
      return told("command", word, command_names(app), path);
    }
  }
  return "";
}

}  // namespace vmbsave::cli
