#include "gui/paint/theme.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace orrery::gui {
namespace {

std::array<QColor, 6> CategoriesFor(bool dark) {
  std::array<QColor, 6> colours;
  for (std::size_t i = 0; i < colours.size(); ++i) colours[i] = ToQt(Categories()[i]);
  if (dark) colours[0] = QColor(0x2b8fd0);  // the blue is too near to a dark window
  return colours;
}

}  // namespace

QFont Theme::FontOf(double pixels, bool bold) const {
  QFont font(QStringLiteral("DejaVu Sans"));
  font.setPixelSize(std::max(6, static_cast<int>(std::lround(pixels))));
  font.setBold(bold);
  font.setKerning(false);  // digits stay in their columns
  font.setHintingPreference(QFont::PreferNoHinting);
  return font;
}

Theme Theme::Light() {
  Theme theme;
  theme.background = QColor(0xffffff);
  theme.panel = QColor(0xf6f6f8);
  theme.text = QColor(0x1c1c20);
  theme.faint = QColor(0x63636b);
  theme.grid = QColor(0xe3e3e7);
  theme.axis = QColor(0x55555d);
  theme.bar = QColor(0xb9b9c0);
  theme.accent = QColor(0x0b57d0);
  theme.hot = QColor(0xd55e00);
  theme.cool = QColor(0x0072b2);
  theme.categories = CategoriesFor(false);
  return theme;
}

Theme Theme::Dark() {
  Theme theme;
  theme.dark = true;
  theme.background = QColor(0x1c1c1f);
  theme.panel = QColor(0x28282d);
  theme.text = QColor(0xececf0);
  theme.faint = QColor(0xa2a2ac);
  theme.grid = QColor(0x37373d);
  theme.axis = QColor(0x9a9aa4);
  theme.bar = QColor(0x5f5f68);
  theme.accent = QColor(0x8ab4f8);
  theme.hot = QColor(0xff8a3d);
  theme.cool = QColor(0x56b4e9);
  theme.categories = CategoriesFor(true);
  return theme;
}

Theme Theme::Of(const QPalette& palette) {
  const QColor window = palette.color(QPalette::Window);
  return window.lightnessF() < palette.color(QPalette::WindowText).lightnessF() ? Dark() : Light();
}

QPalette PaletteOf(const Theme& theme) {
  const QColor button = theme.dark ? QColor(0x333338) : QColor(0xefeff2);
  QPalette palette(button, theme.dark ? QColor(0x232327) : QColor(0xf3f3f5));
  palette.setColor(QPalette::WindowText, theme.text);
  palette.setColor(QPalette::Base, theme.background);
  palette.setColor(QPalette::AlternateBase, theme.panel);
  palette.setColor(QPalette::Text, theme.text);
  palette.setColor(QPalette::ButtonText, theme.text);
  palette.setColor(QPalette::PlaceholderText, theme.faint);
  palette.setColor(QPalette::ToolTipBase, theme.panel);
  palette.setColor(QPalette::ToolTipText, theme.text);
  palette.setColor(QPalette::Highlight, theme.accent);
  palette.setColor(QPalette::HighlightedText, theme.background);
  palette.setColor(QPalette::Link, theme.accent);
  for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    palette.setColor(QPalette::Disabled, role, theme.dark ? QColor(0x6e6e76) : QColor(0x9a9aa2));
  return palette;
}

}  // namespace orrery::gui
