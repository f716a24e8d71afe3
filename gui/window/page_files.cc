#include "gui/window/page_files.h"

#include <utility>

#include "gui/export/picture.h"
#include "gui/itemmodels/csv.h"

namespace orrery::gui {
namespace {

std::string Html(const QString& text) { return text.toHtmlEscaped().toStdString(); }

/// One panel's part of the page of HTML: its picture, or why there is none, and links to its other files.
std::string Section(const Panel& panel, const std::vector<std::string>& files) {
  std::string text = "<section>\n<h3>" + Html(panel.content().title) + "</h3>\n";
  std::string links;
  bool pictured = false;
  for (const std::string& file : files) {
    if (!pictured && !file.ends_with(".csv")) {
      text += "<img src=\"" + file + "\" alt=\"" + Html(panel.content().description) + "\">\n";
      pictured = true;
    }
    links += (links.empty() ? "" : ", ") + ("<a href=\"" + file + "\">" + file + "</a>");
  }
  if (!pictured && !panel.content().absent.isEmpty()) text += "<p>" + Html(panel.content().absent) + "</p>\n";
  return text + (links.empty() ? "" : "<p>" + links + "</p>\n") + "</section>\n";
}

constexpr const char* kHead =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n"
    "<style>body{font:14px "
    "sans-serif;margin:2em;max-width:110em}img{max-width:100%}</style>\n</head>\n<body>\n";

}  // namespace

std::string PanelFile(const Panel& panel, const QString& format, double scale) {
  const PanelContent& content = panel.content();
  if (format == "csv") {
    const QAbstractItemModel* table = panel.FilledTable();
    return table != nullptr ? CsvText(*table).toStdString() : std::string();
  }
  if (!content.paint) return {};
  const auto paint = [&](QPainter& painter, const QRectF& area) {
    content.paint(painter, area, panel.theme());
  };
  const QByteArray bytes = format == "svg"
                               ? SvgOf(paint, panel.size(), panel.theme().background, content.title)
                               : PngOf(paint, panel.size(), scale, panel.theme().background);
  return bytes.toStdString();
}

std::vector<Output> ExportedFiles(const std::vector<Page*>& pages, const QString& heading,
                                  const ExportOptions& options) {
  std::vector<Output> outputs;
  std::string body =
      "<h1>" + Html(heading) + "</h1>\n<pre>" + Html(QString::fromStdString(options.command)) + "</pre>\n";
  for (const Page* page : pages) {
    body += "<h2>" + Html(page->title()) + "</h2>\n";
    for (const Panel* panel : page->panels()) {
      std::vector<std::string> files;
      for (const QString& format : options.formats) {
        std::string bytes = PanelFile(*panel, format, options.scale);
        if (bytes.empty()) continue;
        files.push_back((panel->id() + "." + format).toStdString());
        outputs.push_back({(options.folder / files.back()).string(), std::move(bytes)});
      }
      body += Section(*panel, files);
    }
  }
  std::string head = kHead;
  head.replace(head.find("{}"), 2, Html(heading));
  outputs.push_back({(options.folder / "index.html").string(), head + body + "</body>\n</html>\n"});
  return outputs;
}

}  // namespace orrery::gui
