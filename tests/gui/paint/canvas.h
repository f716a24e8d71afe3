// An image to paint on at a device pixel ratio, whose pixels are asked for by logical places.
#pragma once

#include <QColor>
#include <QImage>
#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QSize>
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "gui/export/picture.h"

namespace orrery::gui {

class Canvas {
 public:
  Canvas(const QSize& size, double scale, const PaintFunction& paint, const QColor& background = Qt::white)
      : scale_(scale),
        image_(QImage::fromData(PngOf(paint, size, scale, background), "PNG")
                   .convertToFormat(QImage::Format_RGB32)) {}

  const QImage& image() const { return image_; }
  /// The colour of the device pixel that covers a logical place.
  QColor At(const QPointF& at) const {
    return image_.pixelColor(static_cast<int>(at.x() * scale_), static_cast<int>(at.y() * scale_));
  }
  /// Device pixels in a rectangle that differ from `colour`.
  int Inked(const QRectF& box, const QColor& colour) const {
    return CountIf(box, [rgb = colour.rgb()](QRgb at) { return at != rgb; });
  }
  /// Device pixels of a rectangle near to `colour`.
  int Count(const QRectF& box, const QColor& colour) const {
    return CountIf(box, [&colour](QRgb at) {
      return std::abs(qRed(at) - colour.red()) + std::abs(qGreen(at) - colour.green()) +
                 std::abs(qBlue(at) - colour.blue()) <
             12;
    });
  }

 private:
  template <class Wanted>
  int CountIf(const QRectF& box, const Wanted& wanted) const {
    const auto first = [this](double at) { return std::max(0, static_cast<int>(std::ceil(at * scale_))); };
    const int right = std::min(image_.width(), static_cast<int>(box.right() * scale_));
    const int bottom = std::min(image_.height(), static_cast<int>(box.bottom() * scale_));
    int count = 0;
    for (int y = first(box.top()); y < bottom; ++y) {
      const auto* line = reinterpret_cast<const QRgb*>(image_.constScanLine(y));
      for (int x = first(box.left()); x < right; ++x) count += wanted(line[x]) ? 1 : 0;
    }
    return count;
  }

  double scale_;
  QImage image_;
};

}  // namespace orrery::gui
