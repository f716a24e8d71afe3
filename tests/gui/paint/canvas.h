// An image to paint on at a device pixel ratio, whose pixels are asked for by logical places.
#pragma once

#include <QColor>
#include <QImage>
#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QSize>
#include <cmath>

#include "gui/export/picture.h"

namespace orrery::gui {

class Canvas {
 public:
  Canvas(const QSize& size, double scale, const PaintFunction& paint, const QColor& background = Qt::white)
      : scale_(scale), image_(QImage::fromData(PngOf(paint, size, scale, background), "PNG")) {}

  const QImage& image() const { return image_; }
  /// The colour of the device pixel that covers a logical place.
  QColor At(const QPointF& at) const {
    return image_.pixelColor(static_cast<int>(at.x() * scale_), static_cast<int>(at.y() * scale_));
  }
  /// Device pixels in a rectangle that differ from `colour`.
  int Inked(const QRectF& box, const QColor& colour) const {
    int count = 0;
    for (int y = static_cast<int>(std::ceil(box.top() * scale_)); y < static_cast<int>(box.bottom() * scale_);
         ++y)
      for (int x = static_cast<int>(std::ceil(box.left() * scale_));
           x < static_cast<int>(box.right() * scale_); ++x)
        if (image_.rect().contains(x, y) && image_.pixelColor(x, y) != colour) ++count;
    return count;
  }
  /// Device pixels of a rectangle near to `colour`.
  int Count(const QRectF& box, const QColor& colour) const {
    int count = 0;
    for (int y = static_cast<int>(std::ceil(box.top() * scale_)); y < static_cast<int>(box.bottom() * scale_);
         ++y)
      for (int x = static_cast<int>(std::ceil(box.left() * scale_));
           x < static_cast<int>(box.right() * scale_); ++x) {
        if (!image_.rect().contains(x, y)) continue;
        const QColor at = image_.pixelColor(x, y);
        if (std::abs(at.red() - colour.red()) + std::abs(at.green() - colour.green()) +
                std::abs(at.blue() - colour.blue()) <
            12)
          ++count;
      }
    return count;
  }

 private:
  double scale_;
  QImage image_;
};

}  // namespace orrery::gui
