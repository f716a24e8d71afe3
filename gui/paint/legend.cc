#include "gui/paint/legend.h"

#include <cstddef>

namespace orrery::gui {
namespace {

constexpr double kSwatch = 12, kSpace = 18;

/// Where each entry begins; the last point is below all of them.
std::vector<QPointF> Places(const std::vector<LegendEntry>& entries, double width, const Theme& theme) {
  const double line = LineHeight(theme.Small()) + 3;
  std::vector<QPointF> places;
  QPointF at(0, 0);
  for (const LegendEntry& entry : entries) {
    const double wide = kSwatch + 5 + TextWidth(theme.Small(), entry.text);
    if (at.x() > 0 && at.x() + wide > width) at = QPointF(0, at.y() + line);
    places.push_back(at);
    at.rx() += wide + kSpace;
  }
  places.emplace_back(0, entries.empty() ? 0 : at.y() + line);
  return places;
}

}  // namespace

double LegendHeight(const std::vector<LegendEntry>& entries, double width, const Theme& theme) {
  return entries.empty() ? 0 : Places(entries, width, theme).back().y() + 4;
}

void DrawLegend(QPainter& painter, const QRectF& box, const std::vector<LegendEntry>& entries,
                const Theme& theme) {
  const std::vector<QPointF> places = Places(entries, box.width(), theme);
  const double line = LineHeight(theme.Small());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const QPointF at = box.topLeft() + places[i] + QPointF(0, 4);
    if (at.y() + line > box.bottom() + 1) return;
    FillTextured(painter, QRectF(at.x(), at.y() + (line - 10) / 2, kSwatch, 10), entries[i].colour,
                 entries[i].texture);
    DrawText(painter, QRectF(at.x() + kSwatch + 5, at.y(), box.right() - at.x() - kSwatch - 5, line),
             Qt::AlignLeft | Qt::AlignVCenter, entries[i].text, theme.Small(), theme.text);
  }
}

std::vector<LegendEntry> ProvenanceLegend(const Theme& theme) {
  return {{QStringLiteral("measured"), theme.categories[0], Texture::kSolid},
          {QStringLiteral("scaled from another device"), theme.categories[0], Texture::kHatched},
          {QStringLiteral("analytic"), theme.categories[0], Texture::kOutlined}};
}

}  // namespace orrery::gui
