// Small pieces that the painters share: text that is never cut, textures, lines on whole pixels.
#pragma once

#include <QColor>
#include <QFont>
#include <QPainter>
#include <QRectF>
#include <QString>
#include <QStringList>
#include <cstdint>

#include "gui/paint/theme.h"

namespace orrery::gui {

double TextWidth(const QFont& font, const QString& text);
double LineHeight(const QFont& font);

/// One line of text in a box; shortened with "…" where it is wider than the box, left out where not even that fits.
void DrawText(QPainter& painter, const QRectF& box, Qt::Alignment alignment, const QString& text,
              const QFont& font, const QColor& colour);

/// The same, from bottom to top.
void DrawTextUpwards(QPainter& painter, const QRectF& box, const QString& text, const QFont& font,
                     const QColor& colour);

/// Text on top of a drawing, with the background behind it, so that lines do not run through the letters.
void DrawTextOnTop(QPainter& painter, const QRectF& box, Qt::Alignment alignment, const QString& text,
                   const QFont& font, const QColor& colour, const QColor& behind);

/// `text` broken between words into lines of at most `width`, at most `most` of them; the last is shortened.
QStringList Wrapped(const QString& text, const QFont& font, double width, int most);

/// How a bar says where its figure is from.
enum class Texture : std::uint8_t { kSolid, kHatched, kOutlined };

/// A rectangle with a texture. Lines are drawn one by one: patterns of brushes are lost in SVG.
void FillTextured(QPainter& painter, const QRectF& box, const QColor& colour, Texture texture);

/// Text that is read on this colour: nearly black or white.
QColor TextOn(const QColor& fill);

/// `colour` mixed into `background`: what is dimmed.
QColor Dimmed(const QColor& colour, const QColor& background, double share = 0.65);

/// A straight line of one logical pixel, horizontal or vertical, without blur.
void DrawHairline(QPainter& painter, const QPointF& from, const QPointF& to, const QColor& colour);

/// A ring about a box that can be told from any colour below it.
void DrawRing(QPainter& painter, const QRectF& box, const QColor& colour, const QColor& halo, double width);

/// Title in bold at the top of a figure; what is left below it. An empty title takes no room.
QRectF DrawTitle(QPainter& painter, const QRectF& area, const QString& title, const Theme& theme);
double TitleHeight(const QString& title, const Theme& theme);

/// Caption at the bottom of a figure, wrapped to its width.
void DrawCaption(QPainter& painter, const QRectF& box, const QString& caption, const Theme& theme);
/// The height it takes, of at most two lines.
double CaptionHeight(const QString& caption, double width, const Theme& theme);

/// Saves a painter's state and restores it at the end of the scope.
class PainterState {
 public:
  explicit PainterState(QPainter& painter) : painter_(painter) { painter_.save(); }
  ~PainterState() { painter_.restore(); }
  PainterState(const PainterState&) = delete;
  PainterState& operator=(const PainterState&) = delete;

 private:
  QPainter& painter_;
};

}  // namespace orrery::gui
