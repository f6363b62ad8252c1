#include "report/page/painter.hpp"

#include <fmt/format.h>

#include "report/page/gnuplot.hpp"
#include "report/page/script.hpp"
#include "report/page/svg.hpp"

namespace vmbsave::page {
namespace {

std::string drawn(const Drawing& drawing, Width width, const std::string& id, const std::string& label) {
  const Script script = script_of(drawing, width);
  return inline_svg(run_gnuplot(script.text), id, label, script.hovers);
}

}  // namespace

std::string Painter::picture(const Picture& picture, const std::string& id, const std::string& title) {
  const std::string label = picture.caption.empty() ? title : title + ": " + picture.caption;
  const std::string wide = drawn(picture.drawing, Width::kWide, id + "-wide", label);
  files_.push_back({id + ".svg", standalone_svg(wide)});
  const std::string caption =
      picture.caption.empty() ? "" : fmt::format("<figcaption>{}</figcaption>\n", escaped(picture.caption));
  return fmt::format("<figure>\n{}<div class=\"wide\">{}</div>\n<div class=\"narrow\">{}</div>\n</figure>\n", caption,
                     wide, drawn(picture.drawing, Width::kNarrow, id + "-narrow", label));
}

std::string Painter::html_of(const std::vector<Picture>& pictures, const std::string& id, const std::string& title) {
  if (pictures.empty()) return "";
  if (!has_gnuplot_) {
    left_out_.push_back(title);
    return paragraph(fmt::format("Figure \u201c{}\u201d is left out: gnuplot is not installed.", title), "warning");
  }
  std::string html;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    html += picture(pictures[i], i == 0 ? id : fmt::format("{}-{}", id, i + 1), title);
  }
  return html;
}

}  // namespace vmbsave::page
