// Colours of values, without Qt: a scale about balance, one-sided scales, and categories.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace orrery::gui {

struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};

/// WCAG 2 contrast of two colours, 1 to 21.
double Contrast(Rgb a, Rgb b);

/// `share` of the way from `a` to `b`, in sRGB.
Rgb Mixed(Rgb a, Rgb b, double share);

enum class Palette : std::uint8_t {
  kPurpleOrange,      ///< ColorBrewer's PuOr, eleven classes: purple fewer, orange more, white balanced
  kPurpleOrangeDark,  ///< the same hues about a dark centre, for dark windows
  kViridis,           ///< one-sided (van der Walt and Smith, CC0)
  kCividis,           ///< one-sided, alike for all eyes (Nunez, Anderton, Renslow 2018)
};

/// The colours of a palette at equal steps from its low end to its high end.
std::span<const Rgb> Anchors(Palette palette);

/// Six categories of Okabe and Ito (2008): blue, orange, green, sky blue, vermilion, yellow. No grey with pink,
/// which deuteranopia brings together.
std::span<const Rgb, 6> Categories();

/// Colour of a value. Limits are given, never fitted to the values shown: of two maps on one scale, equal colours
/// are equal values. The colours are a table of 255 entries, whose middle one is the palette's centre.
class ColourScale {
 public:
  static constexpr std::size_t kEntries = 255;

  /// Diverging about 1 = balanced: from 1 / `factor` to `factor` in log2. `factor` > 1.
  static ColourScale AboutOne(double factor, bool dark);
  /// Diverging about 0, in value: from -`most` to `most`. `most` > 0.
  static ColourScale AboutZero(double most, bool dark);
  /// One-sided, in value. `high` > `low`.
  static ColourScale Between(double low, double high, Palette palette = Palette::kViridis);

  /// Where a value stands between the limits, 0 to 1; outside them at the nearer end. NaN: 0.
  double Position(double value) const;
  /// The value at a position of 0 to 1.
  double ValueAt(double position) const;
  /// Whether the value lies outside the limits, so that its colour says only "at least" or "at most". A value at a
  /// limit does not, nor does NaN.
  bool Clips(double value) const;
  std::size_t Entry(double value) const;  ///< of table()
  Rgb operator()(double value) const { return table_[Entry(value)]; }
  const std::array<Rgb, kEntries>& table() const { return table_; }

  double low() const { return low_; }
  double high() const { return high_; }
  bool diverging() const { return diverging_; }
  bool logarithmic() const { return logarithmic_; }

 private:
  ColourScale(double low, double high, bool logarithmic, bool diverging, Palette palette);

  double low_, high_;
  double from_, per_value_;  ///< position = (log2 or value - from) * per_value
  bool logarithmic_, diverging_;
  std::array<Rgb, kEntries> table_;
};

}  // namespace orrery::gui
