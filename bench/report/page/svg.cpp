#include "report/page/svg.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "report/page/html.hpp"
#include "report/page/ink.hpp"

namespace vmbsave::page {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Each stretch from `begin` to the first `end` behind it, both included, becomes what `replacement` makes of what lies
// between.
template <class Replacement>
void replace_each(std::string& text, std::string_view begin, std::string_view end, Replacement&& replacement) {
  std::size_t at = 0;
  while ((at = text.find(begin, at)) != std::string::npos) {
    const std::size_t inner = at + begin.size();
    const std::size_t close = text.find(end, inner);
    if (close == std::string::npos) return;
    const std::string by = replacement(text.substr(inner, close - inner));
    text.replace(at, close + end.size() - at, by);
    at += by.size();
  }
}

std::string nothing(const std::string&) { return ""; }

// The element's inside, and its view box.
struct Parts {
  std::string inside;
  std::string view_box;
};

Parts parts_of(std::string_view gnuplot) {
  constexpr std::string_view kViewBox = "viewBox=\"";
  const std::size_t begin = gnuplot.find("<svg");
  const std::size_t head_end = gnuplot.find('>', begin);
  const std::size_t end = gnuplot.find("</svg>", begin);
  const std::size_t box = gnuplot.find(kViewBox, begin);
  if (end == std::string_view::npos || box == std::string_view::npos || box > head_end || head_end > end) {
    throw std::runtime_error("gnuplot wrote no SVG");
  }
  const std::size_t from = box + kViewBox.size();
  return {std::string(gnuplot.substr(head_end + 1, end - head_end - 1)),
          std::string(gnuplot.substr(from, gnuplot.find('"', from) - from))};
}

// Empty groups, which gnuplot leaves in numbers.
void drop_empty_groups(std::string& text) {
  replace_each(text, "<g fill=\"none\" color=\"", "</g>\n", [](const std::string& inner) {
    const std::size_t close = inner.find(">\n");
    return close + 2 == inner.size() ? std::string() : "<g fill=\"none\" color=\"" + inner + "</g>\n";
  });
}

// The marks that no point has. Some are made of others, so that there are more of these after the first time.
void drop_unused_marks(std::string& text) {
  for (int turn = 0; turn < 3; ++turn) {
    for (const char* const element : {"<path", "<use", "<rect", "<circle"}) {
      replace_each(text, fmt::format("\t{} ", element), "/>\n", [&, whole = text](const std::string& inner) {
        const std::size_t at = inner.find("id='");
        const bool is_used =
            at == std::string::npos ||
            whole.find("href='#" + inner.substr(at + 4, inner.find('\'', at + 4) - at - 3)) != std::string::npos;
        return is_used ? fmt::format("\t{} {}/>\n", element, inner) : "";
      });
    }
  }
}

// Plots say what they are, and so does each point that gnuplot would have shown by a script.
void name_parts(std::string& text, const std::vector<std::string>& hovers) {
  std::size_t plot = 0;
  replace_each(text, "<g id=\"gnuplot_plot_", "</title>", [&](const std::string&) {
    const std::string hover = plot < hovers.size() ? hovers[plot] : "";
    ++plot;
    return hover.empty() ? "<g>" : fmt::format("<g><title>{}</title>", escaped(hover));
  });
  replace_each(text, "<g onmousemove=\"gnuplot_svg.showHypertext(evt,'", "</title>", [](const std::string& inner) {
    return fmt::format("<g><title>{}</title>", inner.substr(0, inner.find("')\"")));
  });
}

void set_colors(std::string& text) {
  for (unsigned i = 0; i < kInks; ++i) {
    const Ink ink = static_cast<Ink>(i);
    for (const std::string& written : ink_written(ink)) replace_all(text, written, ink_variable(ink));
  }
  for (const char* const quote : {"'", "\""}) {
    for (const char* const what : {"stroke=", "fill=", "color="}) {
      replace_all(text, fmt::format("{0}{1}black{1}", what, quote), fmt::format("{0}{1}currentColor{1}", what, quote));
    }
  }
  replace_all(text, " color=\"currentColor\"", "");  // it would be a circle
}

void prefix_ids(std::string& text, const std::string& id) {
  replace_all(text, " id='", fmt::format(" id='{}-", id));
  replace_all(text, "xlink:href='#", fmt::format("href='#{}-", id));
}

}  // namespace

std::string inline_svg(std::string_view gnuplot, const std::string& id, const std::string& label,
                       const std::vector<std::string>& hovers) {
  auto [text, view_box] = parts_of(gnuplot);
  replace_all(text, "<title>Gnuplot</title>\n", "");
  replace_each(text, "<desc>", "</desc>\n", nothing);
  replace_each(text, "<filter", "</filter>\n", nothing);
  replace_each(text, " font-family=\"", "\"", nothing);
  replace_all(text, "<g id=\"gnuplot_canvas\">", "<g>");
  drop_unused_marks(text);
  drop_empty_groups(text);
  name_parts(text, hovers);
  set_colors(text);
  prefix_ids(text, id);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{}\" role=\"img\" aria-label=\"{}\">{}</svg>\n", view_box,
      escaped(label), text);
}

std::string standalone_svg(std::string_view svg) {
  const std::size_t inside = svg.find('>') + 1;
  return fmt::format("{}\n<style>{}svg{{color:var(--ink-axis);font-family:system-ui,sans-serif}}</style>{}",
                     svg.substr(0, inside), ink_css(), svg.substr(inside));
}

}  // namespace vmbsave::page
