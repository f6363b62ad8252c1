#include "cli/help.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "harness/exit_codes.hpp"
#include "harness/terminal.hpp"

namespace vmbsave::cli {
namespace {

unsigned help_columns() {
  constexpr unsigned kWidest = 110;  // longer lines are hard to read
  return std::min(bench::terminal_columns(STDOUT_FILENO, kWidest), kWidest);
}

// `text` behind `left`, in lines that begin at the same column; on a line of its own if `left` reaches into it.
std::string entry(const std::string& left, const std::string& text) {
  constexpr std::size_t kColumn = 30;
  const std::size_t columns = help_columns();
  std::string out = left;
  std::size_t at = left.size();
  const auto next_line = [&] {
    out += "\n" + std::string(kColumn, ' ');
    at = kColumn;
  };
  if (at + 1 > kColumn) {
    next_line();
  } else {
    out.append(kColumn - at, ' ');
    at = kColumn;
  }
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (at > kColumn && at + 1 + word.size() > columns) next_line();
    if (at > kColumn) out += ' ';
    out += word;
    at += word.size() + (at > kColumn ? 1 : 0);
  }
  return out + "\n";
}

std::string paragraph(const std::string& text) {
  const std::size_t columns = help_columns();
  std::string out;
  std::size_t at = 0;
  std::istringstream words(text);
  for (std::string word; words >> word; at += word.size()) {
    if (at != 0) {
      const bool is_full = at + 1 + word.size() > columns;
      out += is_full ? '\n' : ' ';
      at = is_full ? 0 : at + 1;
    }
    out += word;
  }
  return out + "\n";
}

class Formatter : public CLI::Formatter {
  // The first line of a description is the summary, which stands in the list too.
  std::string make_description(const CLI::App* app) const override {
    std::string out;
    std::istringstream lines(app->get_description());
    for (std::string line; std::getline(lines, line);) out += paragraph(line);
    return out + "\n";
  }

  std::string make_subcommand(const CLI::App* command) const override {
    const std::string description = command->get_description();
    return entry("  " + command->get_name(), description.substr(0, description.find('\n')));
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string left = "  " + option->get_name(is_positional, !is_positional);
    left = CLI::detail::find_and_replace(left, ",", ", ");
    if (!is_positional && option->get_type_size() != 0) left += " " + values(*option);
    if (option->get_expected_max() == CLI::detail::expected_max_vector_size) left += " ...";
    return entry(left, option->get_description() + notes(*option, is_positional));
  }

  // "N:1 to 64" is N, and "TEXT:{a,b}" is a|b.
  static std::string values(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const std::size_t colon = type.find(':');
    if (colon == std::string::npos) return type;
    const std::string rest = type.substr(colon + 1);
    if (!rest.starts_with('{')) return type.substr(0, colon);
    return CLI::detail::find_and_replace(rest.substr(1, rest.size() - 2), ",", "|");
  }

  static std::string notes(const CLI::Option& option, bool is_positional) {
    std::vector<std::string> notes;
    const std::string type = option.get_type_name();
    const std::size_t colon = type.find(':');
    if (colon != std::string::npos && type.find(" to ", colon) != std::string::npos) {
      notes.push_back(type.substr(colon + 1));
    }
    if (!option.get_default_str().empty()) notes.push_back("default: " + option.get_default_str());
    if (option.get_required() && !is_positional) notes.emplace_back("required");
    for (const CLI::Option* const needed : option.get_needs()) notes.push_back("with " + needed->get_name());
    return notes.empty() ? "" : fmt::format(" ({})", fmt::join(notes, "; "));
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<Formatter>(); }

std::string all_exit_codes() {
  std::string out = "Exit codes:\n";
  for (const bench::ExitCode& code : bench::kExitCodes) {
    out += entry(fmt::format("  {}", code.number), code.meaning);
  }
  return out;
}

CLI::App* add_command(CLI::App& app, const Help& help) {
  const std::string text = help.text;
  CLI::App* const command = app.add_subcommand(help.name, help.summary + (text.empty() ? "" : "\n" + text));
  command->group(help.group);
  command->get_help_ptr()->description("print this");
  std::string codes = "Exit codes:";
  for (const CodeMeaning& code : help.codes) codes += fmt::format(" {}: {};", code.code, code.meaning);
  codes += " 128+N: ended by signal N.";
  command->footer("Examples:\n" + std::string(help.examples) + "\n" + paragraph(codes));
  return command;
}

CLI::App* add_hidden_command(CLI::App& app, const char* name, const char* summary) {
  CLI::App* const command = app.add_subcommand(name, summary);
  command->group("");
  return command;
}

}  // namespace vmbsave::cli
