#include "gui/paint/tiles.h"

#include <algorithm>

#include "gui/paint/drawing.h"

namespace orrery::gui {
namespace {

constexpr double kLeastWidth = 130, kGap = 24;

double WidthOf(const Tile& tile, const Theme& theme) {
  const QFont large = theme.FontOf(theme.text_size * 1.9, true);
  const double value = TextWidth(large, tile.value) +
                       (tile.change.isEmpty() ? 0 : 8 + TextWidth(theme.Font(true), tile.change));
  return std::max(
      {kLeastWidth, value, TextWidth(theme.Font(), tile.caption), TextWidth(theme.Small(), tile.detail)});
}

void PaintTile(QPainter& painter, const QRectF& box, const Theme& theme, const Tile& tile, bool pale) {
  const QFont large = theme.FontOf(theme.text_size * 1.9, true);
  const QColor colour = pale ? theme.faint : tile.alarm ? theme.hot : theme.text;
  QRectF line(box.left(), box.top(), box.width(), LineHeight(large));
  DrawText(painter, line, Qt::AlignLeft | Qt::AlignVCenter, tile.value, large, colour);
  if (!tile.change.isEmpty()) {
    const double used = TextWidth(large, tile.value) + 8;
    DrawText(painter, line.adjusted(used, 0, 0, -3), Qt::AlignLeft | Qt::AlignBottom, tile.change,
             theme.Font(true), pale ? theme.faint : theme.text);
  }
  line = QRectF(box.left(), line.bottom(), box.width(), LineHeight(theme.Font()));
  DrawText(painter, line, Qt::AlignLeft | Qt::AlignVCenter, tile.caption, theme.Font(), theme.text);
  line = QRectF(box.left(), line.bottom(), box.width(), LineHeight(theme.Small()));
  DrawText(painter, line, Qt::AlignLeft | Qt::AlignVCenter, tile.detail, theme.Small(),
           tile.alarm ? theme.hot : theme.faint);
}

}  // namespace

void PaintTiles(QPainter& painter, const QRectF& area, const Theme& theme, const TilesFigure& figure) {
  double left = area.left() + 12;
  for (const Tile& tile : figure.tiles) {
    const double width = WidthOf(tile, theme);
    if (left + width > area.right() && left > area.left() + 12) break;
    PaintTile(painter, QRectF(left, area.top() + 8, std::min(width, area.right() - left), area.height() - 8),
              theme, tile, figure.pale);
    left += width + kGap;
  }
}

}  // namespace orrery::gui
