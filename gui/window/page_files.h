// Draws the pages without a display: a file a panel, tables as CSV, and a page of HTML with all of them.
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "gui/pages/page.h"

namespace orrery::gui {

struct ExportOptions {
  std::filesystem::path folder;
  QStringList formats = {"png", "csv"};  ///< of png, svg, csv
  double scale = 1;                      ///< device pixels a logical one, of png
  std::string command;                   ///< that made it, for the page of HTML
};

/// "png", "svg" or "csv" of a panel as it is shown; empty where it has none.
std::string PanelFile(const Panel& panel, const QString& format, double scale);

/// The files of pages that are laid out and refreshed: what is to be written, with nothing written yet.
std::vector<Output> ExportedFiles(const std::vector<Page*>& pages, const QString& heading,
                                  const ExportOptions& options);

}  // namespace orrery::gui
