// Rank strips: for each rank a stem from balance to its share, the straggler by name. Strips stand above one another
// on one scale, so that strategies and placements can be compared.
#pragma once

#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <optional>
#include <utility>
#include <vector>

#include "gui/paint/theme.h"

namespace orrery::gui {

struct StemStrip {
  QString title;              ///< "experts in order", "EPLB, 320 slots, planned on 64 earlier micro-batches"
  std::vector<float> values;  ///< over the mean: 1 is balanced
  int category = 0;           ///< of Theme::categories
  QString note;               ///< at the right of the title: "step 19.40 s"
};

struct StemHit {
  int strip = 0, index = 0;
  bool operator==(const StemHit&) const = default;
};

struct StemsFigure {
  QString title;
  std::vector<StemStrip> strips;
  QString index_title;  ///< "EP rank"
  QString index_word;   ///< before the straggler's number: "rank"
  std::optional<std::pair<double, double>>
      limits;                       ///< of the shared axis, over the mean; else from the values
  int selected = -1, hovered = -1;  ///< of all strips: the same rank
  QString caption;
  bool pale = false;  ///< the content is of an older answer
};

/// The limits of the shared axis: what is given, or round values about all strips and balance.
std::pair<double, double> StemLimits(const StemsFigure& figure);

/// Where each strip is drawn; strips for which there is no room are empty.
std::vector<QRectF> LayOutStems(const QRectF& area, const Theme& theme, const StemsFigure& figure);

void PaintStems(QPainter& painter, const QRectF& area, const Theme& theme, const StemsFigure& figure);

std::optional<StemHit> HitStems(const QRectF& area, const Theme& theme, const StemsFigure& figure,
                                const QPointF& at);

}  // namespace orrery::gui
