// What every painter shares: colours for light and dark windows, fonts, and how colours of the geometry layer
// become Qt's.
#pragma once

#include <QColor>
#include <QFont>
#include <QPalette>
#include <array>
#include <cstdint>

#include "gui/geometry/colour_scale.h"

namespace orrery::gui {

inline QColor ToQt(Rgb colour) { return {colour.r, colour.g, colour.b}; }
inline Rgb FromQt(const QColor& colour) {
  return {static_cast<std::uint8_t>(colour.red()), static_cast<std::uint8_t>(colour.green()),
          static_cast<std::uint8_t>(colour.blue())};
}

/// Sizes are logical pixels: a painter's device pixel ratio makes them device pixels.
struct Theme {
  bool dark = false;
  QColor background;  ///< behind a figure
  QColor panel;       ///< behind what stands out from it: legends, labels on top of a figure
  QColor text;
  QColor faint;   ///< text of second rank: captions, axis titles; contrast to the background at least 4.5
  QColor grid;    ///< lines that help reading
  QColor axis;    ///< lines that mean something: balance, zero
  QColor bar;     ///< bars that need no category
  QColor accent;  ///< what is selected
  QColor hot;     ///< stragglers, exposed time, what does not fit
  QColor cool;    ///< the good end: idle ports, gains
  std::array<QColor, 6> categories;
  double text_size = 12;

  QFont Font(bool bold = false) const { return FontOf(text_size, bold); }
  QFont Small() const { return FontOf(text_size - 1, false); }
  QFont FontOf(double pixels, bool bold) const;

  static Theme Light();
  static Theme Dark();
  /// Light or dark, judged by the lightness of the palette's window and text.
  static Theme Of(const QPalette& palette);
};

/// The palette of a window with this theme: for a program that switches between light and dark by itself.
QPalette PaletteOf(const Theme& theme);

}  // namespace orrery::gui
