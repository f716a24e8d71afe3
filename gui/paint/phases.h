// Strips of phases on one axis: where a step goes, ours above the published one.
#pragma once

#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <optional>
#include <vector>

#include "gui/paint/drawing.h"
#include "gui/paint/theme.h"

namespace orrery::gui {

struct Phase {
  QString name;   ///< "1F1B"
  QString value;  ///< "11.9 s"
  double length = 0;
  int category = 0;  ///< of Theme::categories; BarPart::kPlain for a bubble
  Texture texture = Texture::kSolid;
};

struct PhaseStrip {
  QString label;  ///< "ours", "published"
  std::vector<Phase> phases;
  QString total;  ///< at the right end
};

struct PhasesFigure {
  QString title, axis_title;
  std::vector<PhaseStrip> strips;
  QString caption;
  int selected = -1, hovered = -1;  ///< a phase, in all strips
  bool pale = false;
};

struct PhaseHit {
  int strip = 0, phase = 0;
  bool operator==(const PhaseHit&) const = default;
};

void PaintPhases(QPainter& painter, const QRectF& area, const Theme& theme, const PhasesFigure& figure);
std::optional<PhaseHit> HitPhases(const QRectF& area, const Theme& theme, const PhasesFigure& figure,
                                  const QPointF& at);

}  // namespace orrery::gui
