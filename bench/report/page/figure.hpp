// figure.hpp: the figures of a page: what each shows of a run, and how its data are made.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/page/drawing.hpp"
#include "report/page/html.hpp"
#include "report/page/run.hpp"

namespace vmbsave::page {

struct Picture {
  std::string caption;  // empty: the figure has one picture
  Drawing drawing;
};

// What a run has for a figure.
struct Content {
  std::string reading;  // what you see, in a sentence
  std::vector<Picture> pictures;
  std::vector<Table> tables;
  std::vector<std::string> notes = {};
};

using Results = std::vector<const report::NamedResult*>;

struct Figure {
  const char* id;
  const char* title;
  const char* about;                             // what is drawn against what, for who sees it for the first time
  const char* command;                           // which makes data for it where there are none
  std::optional<Content> (*of)(const Run& run);  // absent: the run does not hold the data
  Results (*from)(const Run& run);               // what it shows
};

// In the order of the page.
std::span<const Figure> figures();

// Each in a file of its own.
std::optional<Content> implementations_figure(const Run& run);
std::optional<Content> latency_figure(const Run& run);
std::optional<Content> percentiles_figure(const Run& run);
std::optional<Content> phases_figure(const Run& run);
std::optional<Content> threads_figure(const Run& run);
std::optional<Content> live_figure(const Run& run);
std::optional<Content> load_figure(const Run& run);
std::optional<Content> load_timeline_figure(const Run& run);
std::optional<Content> memory_figure(const Run& run);
std::optional<Content> state_size_figure(const Run& run);
std::optional<Content> roofline_figure(const Run& run);
std::optional<Content> transfers_figure(const Run& run);
std::optional<Content> host_figure(const Run& run);
std::optional<Content> replays_figure(const Run& run);
std::optional<Content> gate_figure(const Run& run);
std::optional<Content> machine_figure(const Run& run);

}  // namespace vmbsave::page
