// Draws the pages of a scenario into a folder, as the window would show them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace orrery::gui {

struct DrawnOptions {
  std::filesystem::path folder;
  std::vector<std::string> pages;                     ///< by id; empty: all
  std::vector<std::string> formats = {"png", "csv"};  ///< of png, svg, csv
  std::string size = "1440x900";                      ///< of a page, logical pixels
  double scale = 1;
  std::string theme = "light";
  std::vector<std::string> select;  ///< "layer=60"
  std::string against;              ///< a scenario; empty: nothing beside
  std::string command;              ///< that made the pictures, written into the page of HTML
};

/// Answers the scenario to the last, then draws: nothing is written unless all of it can be. The same input gives the
/// same bytes. InputError with what is wrong in the scenario, the options or the folder.
void DrawPages(const std::string& scenario, const DrawnOptions& options);

}  // namespace orrery::gui
