#include "gui/geometry/colour_scale.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/gui/geometry/colour_vision.h"

namespace orrery::gui {
namespace {

TEST(ColourScale, CentreIsBalancedAndLimitsAreMirroredInLog2) {
  const ColourScale scale = ColourScale::AboutOne(2, false);
  EXPECT_DOUBLE_EQ(scale.Position(1), 0.5);
  EXPECT_DOUBLE_EQ(scale.Position(2), 1);
  EXPECT_DOUBLE_EQ(scale.Position(0.5), 0);
  EXPECT_NEAR(scale.Position(std::sqrt(2)), 0.75, 1e-12);
  EXPECT_EQ(scale(1), (Rgb{0xf7, 0xf7, 0xf7}));
  EXPECT_EQ(scale(2), (Rgb{0x7f, 0x3b, 0x08}));
  EXPECT_EQ(scale(0.5), (Rgb{0x2d, 0x00, 0x4b}));
}

TEST(ColourScale, MoreIsOrangeInBothThemes) {
  for (const bool dark : {false, true}) {
    const ColourScale scale = ColourScale::AboutOne(1.32, dark);
    const Rgb more = scale(1.2), fewer = scale(1 / 1.2);
    EXPECT_GT(more.r, more.b) << dark;
    EXPECT_GT(fewer.b, fewer.g) << dark;
  }
}

TEST(ColourScale, WhatLiesOutsideIsClippedAndCounted) {
  const ColourScale scale = ColourScale::AboutOne(1.32, false);
  EXPECT_FALSE(scale.Clips(1.32));
  EXPECT_FALSE(scale.Clips(1 / 1.32));
  EXPECT_TRUE(scale.Clips(1.33));
  EXPECT_TRUE(scale.Clips(0));
  EXPECT_FALSE(scale.Clips(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(scale(1.33), scale(400));
  EXPECT_EQ(scale(0), scale(0.1));
}

TEST(ColourScale, ValueAtUndoesPosition) {
  for (const ColourScale& scale : {ColourScale::AboutOne(8, true), ColourScale::AboutZero(0.3, false),
                                   ColourScale::Between(2, 50, Palette::kCividis)})
    for (int i = 0; i <= 100; ++i)
      EXPECT_NEAR(scale.Position(scale.ValueAt(i / 100.0)), i / 100.0, 1e-12) << i;
}

TEST(ColourScale, OneSidedScalesGrowLighterAllTheWay) {
  for (const Palette palette : {Palette::kViridis, Palette::kCividis}) {
    const ColourScale scale = ColourScale::Between(0, 1, palette);
    for (int i = 1; i <= 50; ++i)
      EXPECT_GT(LabOf(scale(i / 50.0), kEyes[0])[0], LabOf(scale((i - 1) / 50.0), kEyes[0])[0]) << i;
  }
}

TEST(ColourScale, DivergingScalesTurnInLightnessAtTheCentreOnly) {
  for (const Palette palette : {Palette::kPurpleOrange, Palette::kPurpleOrangeDark}) {
    const auto anchors = Anchors(palette);
    const double sign = palette == Palette::kPurpleOrange ? 1 : -1;
    for (std::size_t i = 1; i < anchors.size(); ++i) {
      const double grows = sign * (LabOf(anchors[i], kEyes[0])[0] - LabOf(anchors[i - 1], kEyes[0])[0]);
      EXPECT_GT(i <= anchors.size() / 2 ? grows : -grows, 0) << i;
    }
  }
}

struct Apart {
  Palette palette;
  double neighbours, mirrored;
};

TEST(ColourScale, ClassesStayApartForEveryEye) {
  for (const Apart& wanted :
       {Apart{Palette::kPurpleOrange, 10, 18}, Apart{Palette::kPurpleOrangeDark, 7, 23}}) {
    const auto anchors = Anchors(wanted.palette);
    ASSERT_EQ(anchors.size(), 11U);
    for (std::size_t i = 0; i + 1 < anchors.size(); ++i)
      EXPECT_GE(WorstDistance(anchors[i], anchors[i + 1]), wanted.neighbours) << i;
    for (std::size_t i = 0; i < anchors.size() / 2; ++i)
      EXPECT_GE(WorstDistance(anchors[i], anchors[anchors.size() - 1 - i]), wanted.mirrored) << i;
  }
}

TEST(Categories, StayApartForEveryEye) {
  const auto categories = Categories();
  for (std::size_t i = 0; i < categories.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_GE(WorstDistance(categories[i], categories[j]), 16) << i << j;
  // The pair that was left out, and why.
  EXPECT_LT(WorstDistance({0xcc, 0x79, 0xa7}, {0x99, 0x99, 0x99}), 10);
}

TEST(Contrast, IsWcags) {
  EXPECT_NEAR(Contrast({255, 255, 255}, {0, 0, 0}), 21, 1e-9);
  EXPECT_NEAR(Contrast({0xe6, 0x9f, 0x00}, {255, 255, 255}), 2.3,
              0.1);  // orange text on white cannot be read
}

}  // namespace
}  // namespace orrery::gui
