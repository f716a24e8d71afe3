#include "gui/export/picture.h"

#include <QBuffer>
#include <QImage>
#include <QImageWriter>
#include <QSvgGenerator>
#include <cmath>

#include "core/base/error.h"

namespace orrery::gui {

QByteArray PngOf(const PaintFunction& paint, const QSize& size, double scale, const QColor& background) {
  ORRERY_CHECK(scale > 0 && !size.isEmpty(), "a picture without pixels");
  QImage image(static_cast<int>(std::lround(size.width() * scale)),
               static_cast<int>(std::lround(size.height() * scale)), QImage::Format_RGB32);
  image.setDevicePixelRatio(scale);
  image.fill(background);
  {
    QPainter painter(&image);
    painter.setRenderHint(QPainter::TextAntialiasing);
    paint(painter, QRectF(QPointF(0, 0), QSizeF(size)));
  }
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  QImageWriter writer(&buffer, "png");
  writer.setCompression(60);
  ORRERY_CHECK(writer.write(image), "a picture that cannot be written to memory");
  return bytes;
}

QByteArray SvgOf(const PaintFunction& paint, const QSize& size, const QColor& background,
                 const QString& title) {
  ORRERY_CHECK(!size.isEmpty(), "a picture without pixels");
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  QSvgGenerator generator;
  generator.setOutputDevice(&buffer);
  generator.setResolution(96);  // or it is that of the display, and so are the sizes of fonts
  generator.setSize(size);
  generator.setViewBox(QRect(QPoint(0, 0), size));
  generator.setTitle(title);
  {
    QPainter painter(&generator);
    painter.fillRect(QRect(QPoint(0, 0), size), background);
    paint(painter, QRectF(QPointF(0, 0), QSizeF(size)));
  }
  return bytes;
}

}  // namespace orrery::gui
