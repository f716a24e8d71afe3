// A panel's content from a figure and the function that paints it.
#pragma once

#include <memory>
#include <utility>

#include "gui/pages/panel.h"

namespace orrery::gui {

/// `absent` is shown where there is nothing to draw; `there` says whether there is.
template <class Figure>
PanelContent ContentOf(Figure figure, void (*paint)(QPainter&, const QRectF&, const Theme&, const Figure&),
                       bool there, const QString& absent, const QString& description,
                       std::shared_ptr<QAbstractItemModel> table = nullptr) {
  PanelContent content;
  content.title = figure.title;
  content.description = description;
  content.absent = absent;
  content.table = std::move(table);
  if (there) {
    content.paint = [figure = std::move(figure), paint](QPainter& painter, const QRectF& area,
                                                        const Theme& theme) {
      paint(painter, area, theme, figure);
    };
  }
  return content;
}

}  // namespace orrery::gui
