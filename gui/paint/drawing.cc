#include "gui/paint/drawing.h"

#include <QFontMetricsF>
#include <QPen>
#include <algorithm>
#include <cmath>

#include "gui/geometry/colour_scale.h"

namespace orrery::gui {

double TextWidth(const QFont& font, const QString& text) {
  return QFontMetricsF(font).horizontalAdvance(text);
}

double LineHeight(const QFont& font) { return std::ceil(QFontMetricsF(font).height()); }

void DrawText(QPainter& painter, const QRectF& box, Qt::Alignment alignment, const QString& text,
              const QFont& font, const QColor& colour) {
  if (text.isEmpty() || box.width() < 4 || box.height() < 1) return;
  // A hair of slack: a box as wide as its text must not shorten it.
  const QString shown = QFontMetricsF(font).elidedText(text, Qt::ElideRight, box.width() + 0.5);
  if (shown.size() < std::min<qsizetype>(2, text.size())) return;
  painter.setFont(font);
  painter.setPen(colour);
  painter.drawText(box, static_cast<int>(alignment) | Qt::TextSingleLine | Qt::TextDontClip, shown);
}

void DrawTextUpwards(QPainter& painter, const QRectF& box, const QString& text, const QFont& font,
                     const QColor& colour) {
  const PainterState state(painter);
  painter.translate(box.left(), box.bottom());
  painter.rotate(-90);
  DrawText(painter, QRectF(0, 0, box.height(), box.width()), Qt::AlignCenter, text, font, colour);
}

void DrawTextOnTop(QPainter& painter, const QRectF& box, Qt::Alignment alignment, const QString& text,
                   const QFont& font, const QColor& colour, const QColor& behind) {
  const double width = std::min(box.width(), TextWidth(font, text) + 4);
  QRectF plate(box.left(), box.top(), width, box.height());
  if (alignment & Qt::AlignRight) plate.moveRight(box.right());
  if (alignment & Qt::AlignHCenter) plate.moveLeft(box.center().x() - width / 2);
  QColor veil = behind;
  veil.setAlphaF(0.82F);
  painter.fillRect(plate, veil);
  DrawText(painter, plate.adjusted(2, 0, -2, 0), Qt::AlignLeft | Qt::AlignVCenter, text, font, colour);
}

QStringList Wrapped(const QString& text, const QFont& font, double width, int most) {
  const QFontMetricsF metrics(font);
  QStringList lines;
  QString line;
  const QStringList words = text.split(u' ', Qt::SkipEmptyParts);
  for (qsizetype i = 0; i < words.size(); ++i) {
    const QString longer = line.isEmpty() ? words[i] : line + u' ' + words[i];
    if (!line.isEmpty() && metrics.horizontalAdvance(longer) > width) {
      if (lines.size() + 1 == most) {
        lines.append(metrics.elidedText(line + u' ' + words.mid(i).join(u' '), Qt::ElideRight, width));
        return lines;
      }
      lines.append(line);
      line = words[i];
    } else {
      line = longer;
    }
  }
  if (!line.isEmpty()) lines.append(metrics.elidedText(line, Qt::ElideRight, width));
  return lines;
}

void FillTextured(QPainter& painter, const QRectF& box, const QColor& colour, Texture texture) {
  if (box.width() <= 0 || box.height() <= 0) return;
  if (texture == Texture::kSolid) {
    painter.fillRect(box, colour);
    return;
  }
  const PainterState state(painter);
  QColor wash = colour;
  wash.setAlphaF(texture == Texture::kHatched ? 0.3F : 0.12F);
  painter.fillRect(box, wash);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(colour, 1.3));
  painter.setRenderHint(QPainter::Antialiasing);
  if (texture == Texture::kHatched) {
    constexpr double kStep = 5;
    // Lines x + y = c, from where they enter the box to where they leave it; aligned to the page, not to the box.
    const double first = std::ceil((box.left() + box.top()) / kStep) * kStep;
    for (double c = first; c < box.right() + box.bottom(); c += kStep) {
      const double left = std::max(box.left(), c - box.bottom()),
                   right = std::min(box.right(), c - box.top());
      if (right > left) painter.drawLine(QPointF(left, c - left), QPointF(right, c - right));
    }
  }
  const double inset = std::min({0.65, box.width() / 2, box.height() / 2});
  painter.drawRect(box.adjusted(inset, inset, -inset, -inset));
}

QColor TextOn(const QColor& fill) {
  const Rgb dark{0x14, 0x14, 0x18}, light{0xff, 0xff, 0xff};
  return ToQt(Contrast(dark, FromQt(fill)) >= Contrast(light, FromQt(fill)) ? dark : light);
}

QColor Dimmed(const QColor& colour, const QColor& background, double share) {
  return ToQt(Mixed(FromQt(colour), FromQt(background), share));
}

void DrawHairline(QPainter& painter, const QPointF& from, const QPointF& to, const QColor& colour) {
  const PainterState state(painter);
  painter.setRenderHint(QPainter::Antialiasing, false);
  const bool level = from.y() == to.y();
  const QRectF line = level ? QRectF(from.x(), std::floor(from.y()), to.x() - from.x(), 1)
                            : QRectF(std::floor(from.x()), from.y(), 1, to.y() - from.y());
  painter.fillRect(line, colour);
}

void DrawRing(QPainter& painter, const QRectF& box, const QColor& colour, const QColor& halo, double width) {
  const PainterState state(painter);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setBrush(Qt::NoBrush);
  const auto ring = [&](double out, const QColor& with, double wide) {
    QPen pen(with, wide);
    pen.setJoinStyle(Qt::MiterJoin);
    painter.setPen(pen);
    painter.drawRect(box.adjusted(-out, -out, out, out));
  };
  ring(width / 2 + 1, halo, width + 2);
  ring(width / 2, colour, width);
}

double TitleHeight(const QString& title, const Theme& theme) {
  return title.isEmpty() ? 0 : LineHeight(theme.Font(true)) + 4;
}

QRectF DrawTitle(QPainter& painter, const QRectF& area, const QString& title, const Theme& theme) {
  const double height = TitleHeight(title, theme);
  DrawText(painter, QRectF(area.left(), area.top(), area.width(), height - 4),
           Qt::AlignLeft | Qt::AlignVCenter, title, theme.Font(true), theme.text);
  return area.adjusted(0, height, 0, 0);
}

double CaptionHeight(const QString& caption, double width, const Theme& theme) {
  const QStringList lines = Wrapped(caption, theme.Small(), width, 2);
  return lines.empty() ? 0 : static_cast<double>(lines.size()) * LineHeight(theme.Small()) + 4;
}

void DrawCaption(QPainter& painter, const QRectF& box, const QString& caption, const Theme& theme) {
  const double height = LineHeight(theme.Small());
  double top = box.top() + 4;
  for (const QString& line : Wrapped(caption, theme.Small(), box.width(), 2)) {
    DrawText(painter, QRectF(box.left(), top, box.width(), height), Qt::AlignLeft | Qt::AlignVCenter, line,
             theme.Small(), theme.faint);
    top += height;
  }
}

}  // namespace orrery::gui
