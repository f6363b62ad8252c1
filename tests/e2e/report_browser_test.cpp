// The page in a browser: drawn, readable, as wide as the screen, and alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/in_a_folder.hpp"
#include "e2e/program.hpp"
#include "e2e/report_results.hpp"
#include "e2e/webdriver.hpp"

namespace {

using nlohmann::json;
using vmbsave::tests::Browser;
using vmbsave::tests::Driver;
using vmbsave::tests::run;

constexpr int kPhone = 390;
constexpr int kDesk = 1280;
constexpr std::size_t kFigures = 19;

bool is_there(const char* program) {
  return run("command", "-v " + std::string(program) + " >/dev/null").exit_code == 0;
}

class ReportInBrowser : public vmbsave::tests::InAFolder {
 protected:
  void SetUp() override {
    for (const char* const program : {"gnuplot", "chromium", "chromedriver"}) {
      if (!is_there(program)) GTEST_SKIP() << "no " << program;
    }
    vmbsave::tests::fill_with_results(path("run"));
    ASSERT_EQ(run(VMBSAVE_TOOL, "report " + path("run") + " -o " + path("report.html")).exit_code, 0);
  }

  std::string url() const { return "file://" + path("report.html"); }

  const Driver& driver() {
    if (!driver_) driver_.emplace();
    return *driver_;
  }

 private:
  std::optional<Driver> driver_;
};

// Of each figure that is shown: its size, and how many texts with a size of their own stand in it.
constexpr const char* kShownFigures = R"(
  return [...document.querySelectorAll('figure')].map(figure => {
    const shown = [...figure.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > 0);
    return {shown: shown.length, width: shown.length && shown[0].getBoundingClientRect().width,
            height: shown.length && shown[0].getBoundingClientRect().height,
            texts: shown.length && [...shown[0].querySelectorAll('text')].filter(text => text.getBBox().width > 0).length,
            ink: shown.length && [...shown[0].querySelectorAll('path,use,polygon')].filter(mark => {
              const style = getComputedStyle(mark);
              return style.stroke.startsWith('rgb') || style.fill.startsWith('rgb'); }).length};
  });)";

// Texts of a figure that leave its picture.
constexpr const char* kCutTexts = R"(
  return [...document.querySelectorAll('svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    if (box.width === 0) return [];
    return [...svg.querySelectorAll('text')].filter(text => {
      const at = text.getBoundingClientRect();
      return at.left < box.left - 1 || at.right > box.right + 1 || at.top < box.top - 1 || at.bottom > box.bottom + 1;
    }).map(text => svg.getAttribute('aria-label') + ': ' + text.textContent);
  });)";

class AtWidth : public ReportInBrowser, public testing::WithParamInterface<int> {};

TEST_P(AtWidth, EveryFigureIsDrawnWithItsTexts) {
  const Browser browser(driver(), GetParam(), false);
  browser.open(url());
  const json figures = browser.evaluate(kShownFigures);
  EXPECT_EQ(figures.size(), kFigures);
  for (const json& figure : figures) {
    EXPECT_EQ(figure.at("shown"), 1) << figure;
    EXPECT_GT(figure.at("width"), 250) << figure;
    EXPECT_GT(figure.at("height"), 60) << figure;
    EXPECT_GT(figure.at("texts"), 3) << figure;
    EXPECT_GT(figure.at("ink"), 2) << figure;
  }
  EXPECT_EQ(browser.evaluate(kCutTexts), json::array());
}

TEST_P(AtWidth, APageOfTwoRunsIsDrawnWithItsTexts) {
  const std::string results = std::string(VMBSAVE_RESULTS) + "/";
  const std::string runs =
      results + "20261128T183702Z-amd-epyc-2cpu-ae3a68d " + results + "20261128T215642Z-amd-epyc-2cpu-371e280";
  ASSERT_EQ(run(VMBSAVE_TOOL, "report " + runs + " -o " + path("two.html")).exit_code, 0);
  const Browser browser(driver(), GetParam(), false);
  browser.open("file://" + path("two.html"));
  const json figures = browser.evaluate(kShownFigures);
  EXPECT_GT(figures.size(), 5u);
  for (const json& figure : figures) EXPECT_EQ(figure.at("shown"), 1) << figure;
  EXPECT_EQ(browser.evaluate(kCutTexts), json::array());
  EXPECT_EQ(browser.evaluate("return document.documentElement.scrollWidth"), GetParam());
}

TEST_P(AtWidth, ThePageNeverScrollsSideways) {
  const Browser browser(driver(), GetParam(), false);
  browser.open(url());
  (void)browser.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)");
  EXPECT_EQ(browser.evaluate("return window.innerWidth"), GetParam());
  EXPECT_EQ(browser.evaluate("return document.documentElement.scrollWidth"), GetParam());
}

TEST_P(AtWidth, NothingIsAskedForAndNothingIsComplainedOf) {
  const Browser browser(driver(), GetParam(), false);
  browser.open(url());
  EXPECT_EQ(browser.log("browser"), json::array());
  std::vector<std::string> asked;
  for (const json& entry : browser.log("performance")) {
    const json message = json::parse(entry.at("message").get<std::string>()).at("message");
    if (message.at("method") != "Network.requestWillBeSent") continue;
    asked.push_back(message.at("params").at("request").at("url"));
  }
  std::erase(asked, "data:,");  // the icon, which it has
  EXPECT_EQ(asked, std::vector<std::string>{url()});
}

INSTANTIATE_TEST_SUITE_P(Widths, AtWidth, testing::Values(kPhone, kDesk),
                         [](const auto& of) { return of.param == kPhone ? "Phone" : "Desk"; });

// Perceived lightness of a colour "rgb(r, g, b)" between 0 and 1, and the contrast that readers need.
constexpr const char* kContrasts = R"(
  const light = text => { const [r, g, b] = text.match(/[\d.]+/g).map(Number).map(c => (c /= 255) <= 0.03928 ? c / 12.92
      : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const contrast = color => { const of = light(color); return (Math.max(of, ground) + 0.05) / (Math.min(of, ground) + 0.05); };
  return [...document.querySelectorAll('svg text')].map(text => contrast(getComputedStyle(text).fill))
      .concat([contrast(getComputedStyle(document.body).color)]).reduce((a, b) => Math.min(a, b));)";

TEST_F(ReportInBrowser, TextsOfFiguresCanBeReadInLightAndInDark) {
  for (const bool dark : {false, true}) {
    const Browser browser(driver(), kDesk, dark);
    browser.open(url());
    EXPECT_EQ(browser.evaluate("return matchMedia('(prefers-color-scheme:dark)').matches"), dark);
    EXPECT_GT(browser.evaluate(kContrasts), 3.0) << (dark ? "dark" : "light");
  }
}

TEST_F(ReportInBrowser, APageThatAsksForSomethingIsNoticed) {
  vmbsave::tests::write(path("asks.html"), "<img src='missing.png'><div style='width:2000px'>wide</div>");
  const Browser browser(driver(), kPhone, false);
  browser.open("file://" + path("asks.html"));
  EXPECT_NE(browser.log("browser"), json::array());
  EXPECT_GT(browser.evaluate("return document.documentElement.scrollWidth"), kPhone);
}

}  // namespace
