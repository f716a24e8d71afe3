// Stacked columns below a limit: the memory of each pipeline rank against what the device has.
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

struct StackPart {
  QString name;
  int category = 0;  ///< of Theme::categories
  Texture texture = Texture::kSolid;
};

struct StackColumn {
  QString label;              ///< "0", the pipeline rank
  std::vector<double> parts;  ///< one for each StackPart, from the bottom
};

struct StacksFigure {
  QString title, axis_title, column_title;  ///< "GB", "pipeline rank"
  std::vector<StackPart> parts;
  std::vector<StackColumn> columns;
  std::optional<double>
      limit;           ///< a line; what stands above it does not fit and is hatched in the hot colour
  QString limit_text;  ///< "84.9 GB of the device"
  int decimals = 1;    ///< of the values in the legend
  int selected = -1, hovered = -1;
  QString caption;  ///< "spare 18.9 GB on rank 1, which holds 4 MoE layers"
  bool pale = false;
};

struct StackHit {
  int column = 0;
  int part = -1;  ///< -1: above the stack
  bool operator==(const StackHit&) const = default;
};

void PaintStacks(QPainter& painter, const QRectF& area, const Theme& theme, const StacksFigure& figure);
std::optional<StackHit> HitStacks(const QRectF& area, const Theme& theme, const StacksFigure& figure,
                                  const QPointF& at);

/// The column whose parts the legend lists: the one pointed at, else the selected one, else the highest.
int ListedColumn(const StacksFigure& figure);

/// Eight parts as six categories allow: the last two are hatched.
StackPart PartOf(int index, const QString& name);

}  // namespace orrery::gui
