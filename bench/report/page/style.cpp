#include "report/page/style.hpp"

#include "report/page/ink.hpp"

namespace vmbsave::page {
namespace {

constexpr const char* kRules = R"css(
:root{color-scheme:light;--ground:#fff;--text:#1c2024;--soft:#5a6270;--line:#d9dde3;--card:#f5f7fa;--link:#0b5cad;--warn:#fff3d6;--warn-line:#e0a800}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;--ground:#14171a;--text:#e6e8eb;--soft:#a3abb8;--line:#343a42;--card:#1d2227;--link:#7ab8ff;--warn:#3a3015;--warn-line:#b98a00}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
main{max-width:65rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:.3em 0 .6em}
h2{font-size:1.45rem;line-height:1.25;margin:2.6em 0 .6em;padding-top:.7em;border-top:1px solid var(--line)}
h3{font-size:1.15rem;line-height:1.3;margin:2.4em 0 .4em}
p{margin:.5em 0}
a{color:var(--link)}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
ul.command{margin:.3rem 0;padding-left:1.2rem}
code span{display:inline-block;max-width:100%}
nav ol{columns:2;column-gap:2rem;padding-left:1.4rem}
nav li{break-inside:avoid;padding:.12rem 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.8rem;margin:1.2rem 0;padding:0;list-style:none}
.cards li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem}
.cards b{display:block;font-size:1.55rem;line-height:1.25;font-variant-numeric:tabular-nums}
.cards span{color:var(--soft);font-size:.9rem}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1rem 0}
dl.facts dt{color:var(--soft)}
dl.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
dl.words dt{font-weight:600;margin-top:.6em}
dl.words dd{margin:0 0 0 1rem}
.reading{font-size:1.06rem}
.about,.note,.command{color:var(--soft);font-size:.92rem}
.warning{background:var(--warn);border-left:4px solid var(--warn-line);padding:.5rem .8rem}
figure{margin:.9rem 0}
figcaption{font-weight:600;font-size:.95rem;margin:.4rem 0}
svg{display:block;width:100%;height:auto;max-width:52.5rem;color:var(--ink-axis);font-family:inherit}
.narrow{display:none}
.scroll{overflow-x:auto;max-width:100%;margin:.6rem 0;border:1px solid var(--line);border-radius:.4rem}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;width:100%}
caption{caption-side:top;text-align:left;padding:.5rem .6rem;color:var(--soft)}
th,td{padding:.32rem .6rem;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}
th:first-child,.prose th,.prose td{text-align:left}
.prose td{white-space:normal;min-width:9rem;vertical-align:top}
.prose th{vertical-align:top}
thead th{background:var(--card);border-top:0;vertical-align:bottom;white-space:normal}
tbody th{font-weight:400}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--link)}
footer{margin-top:3rem;color:var(--soft);font-size:.9rem}
@media (max-width:700px){
 .wide{display:none}.narrow{display:block}
 main{padding:1rem .9rem 3rem}
 nav ol{columns:1}
 h1{font-size:1.5rem}
 dl.facts{grid-template-columns:1fr;gap:0}
 dl.facts dd{margin-bottom:.4rem}
}
@media print{
 body{font-size:11pt}
 main{max-width:none;padding:0}
 .wide{display:block}.narrow{display:none}
 .scroll{overflow:visible;border:0}
 table{font-size:7.5pt}
 th,td{white-space:normal;padding:.15rem .3rem}
 figure,tr{break-inside:avoid}
 h2,h3{break-after:avoid}
 a{color:inherit;text-decoration:none}
 details::details-content{content-visibility:visible;height:auto}
 summary{display:none}
}
)css";

}  // namespace

std::string page_css() { return ink_css() + kRules; }

}  // namespace vmbsave::page
