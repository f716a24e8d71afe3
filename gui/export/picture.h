// Pictures of any paint function, without a display: the same input gives the same bytes.
#pragma once

#include <QByteArray>
#include <QColor>
#include <QPainter>
#include <QRectF>
#include <QSize>
#include <QString>
#include <functional>

namespace orrery::gui {

/// Draws within a rectangle in logical pixels.
using PaintFunction = std::function<void(QPainter&, const QRectF&)>;

/// A PNG of `size` logical pixels, each `scale` device pixels wide, on `background`.
QByteArray PngOf(const PaintFunction& paint, const QSize& size, double scale, const QColor& background);

/// The same as shapes and text; text names DejaVu Sans and stays text. `title` is what a screen reader says.
QByteArray SvgOf(const PaintFunction& paint, const QSize& size, const QColor& background,
                 const QString& title);

}  // namespace orrery::gui
