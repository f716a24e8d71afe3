#include "gui/geometry/time_axis.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace orrery::gui {
namespace {

constexpr std::int64_t kStep = 19'397'000'000'000;  // picoseconds

TEST(TimeAxis, TimeAndPixelUndoEachOtherAtEveryZoom) {
  for (const double width : {1.0, 640.0, 1600.0, 3199.5})
    for (double zoom = 1; zoom < 1e12; zoom *= 7.3) {
      TimeAxis axis(-5'000'000, kStep, width);
      axis.Zoom(width / 3, zoom);
      for (int i = 0; i <= 10; ++i) {
        const double pixel = width * i / 10;
        const std::int64_t time = axis.Time(pixel);
        EXPECT_NEAR(axis.Pixel(time), pixel, 1 / axis.per_pixel() + 1e-6) << zoom;
        EXPECT_LE(std::llabs(axis.Time(axis.Pixel(time) + 1e-9) - time),
                  1 + static_cast<std::int64_t>(1e-8 * axis.per_pixel()));
      }
    }
}

TEST(TimeAxis, WhatIsBelowThePointerStaysThere) {
  TimeAxis axis(0, kStep, 1600);
  axis.Zoom(700, 40);
  const std::int64_t below = axis.Time(700);
  for (int i = 0; i < 30; ++i) axis.Zoom(700, 1.3);
  EXPECT_NEAR(axis.Pixel(below), 700, 1 / axis.per_pixel() * 40 + 1);
}

TEST(TimeAxis, NeverLeavesItsLimits) {
  TimeAxis axis(100, kStep, 1600);
  axis.Zoom(0, 0.01);
  EXPECT_EQ(axis.from(), 100);
  EXPECT_NEAR(static_cast<double>(axis.to()), static_cast<double>(kStep), 1);
  axis.Zoom(800, 10);
  axis.Pan(1e9);
  EXPECT_LE(axis.to(), kStep + 1);
  axis.Pan(-1e9);
  EXPECT_EQ(axis.from(), 100);
  axis.Zoom(800, 1e30);
  EXPECT_NEAR(static_cast<double>(axis.to() - axis.from()), 1000, 2);
  axis.Fit();
  EXPECT_EQ(axis.from(), 100);
  axis.Show(kStep / 2, kStep / 2 + 1'000'000);
  EXPECT_EQ(axis.from(), kStep / 2);
  axis.Resize(800);
  EXPECT_NEAR(axis.Pixel(kStep / 2 + 1'000'000), 800, 1e-6);
}

TEST(TimeTicks, AreInViewRoundAndNoMoreThanAskedFor) {
  for (double zoom = 1; zoom < 1e10; zoom *= 3.7) {
    TimeAxis axis(0, kStep, 1600);
    axis.Zoom(910, zoom);
    const TimeTicks ticks = TicksOf(axis, 10);
    EXPECT_LE(ticks.ticks.size(), 10U);
    EXPECT_GE(ticks.ticks.size(), 3U) << zoom;
    for (std::size_t i = 0; i < ticks.ticks.size(); ++i) {
      EXPECT_GE(ticks.ticks[i].time, axis.from());
      EXPECT_LE(ticks.ticks[i].time, axis.to());
      EXPECT_LE(ticks.ticks[i].text.size(), 12U) << ticks.ticks[i].text;
      if (i > 0) {
        EXPECT_NE(ticks.ticks[i].text, ticks.ticks[i - 1].text) << zoom;
      }
    }
  }
}

TEST(TimeTicks, SpeakInTheUnitOfTheView) {
  TimeAxis axis(0, kStep, 1600);
  EXPECT_EQ(TicksOf(axis, 10).ticks[1].text, "2 s");
  axis.Show(9'412'000'000'000, 9'442'000'000'000);
  EXPECT_EQ(TicksOf(axis, 10).ticks[0].text, "9.415 s");
  axis.Show(9'412'000'500'000, 9'412'000'600'000);
  EXPECT_EQ(TicksOf(axis, 10).ticks[0].text, "+500 ns");
  EXPECT_EQ(TicksOf(axis, 10).base_text, "9.412 s");
}

}  // namespace
}  // namespace orrery::gui
