#include "gui/geometry/colour_scale.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace orrery::gui {
namespace {

constexpr Rgb Hex(std::uint32_t code) {
  return {static_cast<std::uint8_t>(code >> 16), static_cast<std::uint8_t>(code >> 8 & 0xff),
          static_cast<std::uint8_t>(code & 0xff)};
}

// ColorBrewer 2 (Brewer, Harrower; Apache-2.0), PuOr of eleven classes, turned so that orange is more.
constexpr std::array kPurpleOrange = {Hex(0x2d004b), Hex(0x542788), Hex(0x8073ac), Hex(0xb2abd2),
                                      Hex(0xd8daeb), Hex(0xf7f7f7), Hex(0xfee0b6), Hex(0xfdb863),
                                      Hex(0xe08214), Hex(0xb35806), Hex(0x7f3b08)};
// Ours: lightness grows to both ends, as it falls above. The tests hold how far its classes stay apart.
constexpr std::array kPurpleOrangeDark = {Hex(0xcdb6ff), Hex(0xa88cee), Hex(0x8165cc), Hex(0x5d45a0),
                                          Hex(0x3f3160), Hex(0x27272b), Hex(0x5c3b16), Hex(0x995a0e),
                                          Hex(0xd07d16), Hex(0xf7a93f), Hex(0xffd38a)};
// Seventeen of the published 256 colours, at equal steps.
constexpr std::array kViridis = {Hex(0x440154), Hex(0x48186a), Hex(0x472d7b), Hex(0x424086), Hex(0x3b528b),
                                 Hex(0x33638d), Hex(0x2c728e), Hex(0x26828e), Hex(0x21918c), Hex(0x1fa088),
                                 Hex(0x28ae80), Hex(0x3fbc73), Hex(0x5ec962), Hex(0x84d44b), Hex(0xaddc30),
                                 Hex(0xd8e219), Hex(0xfde725)};
constexpr std::array kCividis = {Hex(0x00224e), Hex(0x002e6a), Hex(0x1a386f), Hex(0x32436d), Hex(0x434e6c),
                                 Hex(0x535a6c), Hex(0x61656f), Hex(0x6f7073), Hex(0x7d7c78), Hex(0x8c8878),
                                 Hex(0x9b9476), Hex(0xaba174), Hex(0xbcae6c), Hex(0xcdbb62), Hex(0xdec958),
                                 Hex(0xf0d846), Hex(0xfee838)};
constexpr std::array<Rgb, 6> kCategories = {Hex(0x0072b2), Hex(0xe69f00), Hex(0x009e73),
                                            Hex(0x56b4e9), Hex(0xd55e00), Hex(0xf0e442)};

double Linear(std::uint8_t level) {
  const double share = level / 255.0;
  return share <= 0.04045 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
}

double Luminance(Rgb colour) {
  return 0.2126 * Linear(colour.r) + 0.7152 * Linear(colour.g) + 0.0722 * Linear(colour.b);
}

}  // namespace

double Contrast(Rgb a, Rgb b) {
  const auto [dark, light] = std::minmax({Luminance(a), Luminance(b)});
  return (light + 0.05) / (dark + 0.05);
}

Rgb Mixed(Rgb a, Rgb b, double share) {
  const auto level = [share](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + share * (to - from)));
  };
  return {level(a.r, b.r), level(a.g, b.g), level(a.b, b.b)};
}

std::span<const Rgb> Anchors(Palette palette) {
  switch (palette) {
    case Palette::kPurpleOrange:
      return kPurpleOrange;
    case Palette::kPurpleOrangeDark:
      return kPurpleOrangeDark;
    case Palette::kViridis:
      return kViridis;
    case Palette::kCividis:
      return kCividis;
  }
  return kPurpleOrange;
}

std::span<const Rgb, 6> Categories() { return kCategories; }

ColourScale::ColourScale(double low, double high, bool logarithmic, bool diverging, Palette palette)
    : low_(low),
      high_(high),
      from_(logarithmic ? std::log2(low) : low),
      per_value_(1 / ((logarithmic ? std::log2(high) : high) - from_)),
      logarithmic_(logarithmic),
      diverging_(diverging) {
  ORRERY_CHECK(std::isfinite(low) && std::isfinite(high) && low < high, "a colour scale needs two limits");
  const std::span<const Rgb> anchors = Anchors(palette);
  for (std::size_t i = 0; i < kEntries; ++i) {
    const double at = static_cast<double>(i) / (kEntries - 1) * static_cast<double>(anchors.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(at), anchors.size() - 2);
    table_[i] = Mixed(anchors[below], anchors[below + 1], at - static_cast<double>(below));
  }
}

ColourScale ColourScale::AboutOne(double factor, bool dark) {
  return {1 / factor, factor, true, true, dark ? Palette::kPurpleOrangeDark : Palette::kPurpleOrange};
}

ColourScale ColourScale::AboutZero(double most, bool dark) {
  return {-most, most, false, true, dark ? Palette::kPurpleOrangeDark : Palette::kPurpleOrange};
}

ColourScale ColourScale::Between(double low, double high, Palette palette) {
  return {low, high, false, false, palette};
}

double ColourScale::Position(double value) const {
  if (!(value > low_)) return 0;  // NaN too
  if (value >= high_) return 1;
  return std::clamp(((logarithmic_ ? std::log2(value) : value) - from_) * per_value_, 0.0, 1.0);
}

double ColourScale::ValueAt(double position) const {
  const double at = from_ + std::clamp(position, 0.0, 1.0) / per_value_;
  return logarithmic_ ? std::exp2(at) : at;
}

bool ColourScale::Clips(double value) const {
  // What is at a limit but for rounding is not outside it.
  const double slack = 1e-9 * (high_ - low_);
  return value < low_ - slack || value > high_ + slack;
}

std::size_t ColourScale::Entry(double value) const {
  return static_cast<std::size_t>(Position(value) * (kEntries - 1) + 0.5);
}

}  // namespace orrery::gui
