// A legend in words: a swatch with its texture and what it means, in as many lines as the width asks for.
#pragma once

#include <QColor>
#include <QPainter>
#include <QRectF>
#include <QString>
#include <vector>

#include "gui/paint/drawing.h"
#include "gui/paint/theme.h"

namespace orrery::gui {

struct LegendEntry {
  QString text;
  QColor colour;
  Texture texture = Texture::kSolid;
};

double LegendHeight(const std::vector<LegendEntry>& entries, double width, const Theme& theme);
void DrawLegend(QPainter& painter, const QRectF& box, const std::vector<LegendEntry>& entries,
                const Theme& theme);

/// Of figures whose textures say where time is priced from: measured solid, scaled hatched, analytic outlined.
std::vector<LegendEntry> ProvenanceLegend(const Theme& theme);

}  // namespace orrery::gui
