// A row of figures in large digits, each with what it is: the headline of a page.
#pragma once

#include <QPainter>
#include <QRectF>
#include <QString>
#include <vector>

#include "gui/paint/theme.h"

namespace orrery::gui {

struct Tile {
  QString value;       ///< "19.40 s"
  QString caption;     ///< "an optimizer step"
  QString detail;      ///< "18.34 to 20.46 s (90 %)"; may be empty
  QString change;      ///< against another variant: "-3.0 %"; empty: none
  bool alarm = false;  ///< something does not fit; said in the detail too
};

struct TilesFigure {
  std::vector<Tile> tiles;
  bool pale = false;  ///< direction only, or of an older answer
};

/// Draws within `area`, side by side, as many as fit at a readable size; those at the end are left out first.
void PaintTiles(QPainter& painter, const QRectF& area, const Theme& theme, const TilesFigure& figure);

}  // namespace orrery::gui
