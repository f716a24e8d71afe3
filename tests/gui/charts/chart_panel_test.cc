#include "gui/charts/chart_panel.h"

#include <QApplication>
#include <QSignalSpy>
#include <QTest>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "gui/export/picture.h"
#include "tests/gui/paint/canvas.h"

namespace orrery::gui {
namespace {

ScatterChart Plans() {
  ScatterChart chart;
  chart.title = "Days against dollars";
  chart.x.title = "days";
  chart.y.title = "k$ a trillion tokens";
  chart.points = {{"base", 53.1, 351, std::pair(50.0, 56.0), std::pair(330.0, 372.0), 0, false},
                  {"EP32", 51.5, 340, {}, {}, 1, true},
                  {"1024 GPUs", 99.0, 328, {}, {}, 2, false}};
  return chart;
}

LineChart Course(int points) {
  LineChart chart;
  chart.title = "MaxVio of a batch through training";
  chart.x.title = "step";
  chart.y.title = "MaxVio";
  chart.y.logarithmic = true;
  ChartLine line;
  line.name = "auxiliary-loss-free";
  for (int i = 0; i < points; ++i)
    line.points.push_back({static_cast<double>(i), 0.06 + std::exp(-i / 50.0)});
  chart.lines = {line};
  chart.cursor = points / 2.0;
  chart.cursor_text = "step";
  return chart;
}

/// What takes the mouse: the view inside the panel.
QWidget* ViewOf(ChartPanel* panel) { return panel->childAt(panel->rect().center()); }

TEST(ChartPanel, AClickOnAPointSaysWhich) {
  ChartPanel panel(Theme::Light());
  panel.resize(500, 320);
  panel.Show(Plans());
  panel.show();
  QApplication::processEvents();
  QSignalSpy clicked(&panel, &ChartPanel::PointClicked);
  for (const auto& [index, x, y] : {std::tuple(1, 51.5, 340.0), std::tuple(2, 99.0, 328.0)}) {
    QTest::mouseClick(ViewOf(&panel), Qt::LeftButton, {}, panel.Place(x, y).toPoint());
    ASSERT_EQ(clicked.size(), index);
    EXPECT_EQ(clicked.back().at(1).toInt(), index);
  }
  QTest::mouseClick(ViewOf(&panel), Qt::LeftButton, {}, panel.Place(75, 360).toPoint());
  EXPECT_EQ(clicked.size(), 2);
}

TEST(ChartPanel, HoverIsSaidOnceAndTakenBack) {
  ChartPanel panel(Theme::Light());
  panel.resize(500, 320);
  panel.Show(Plans());
  panel.show();
  QApplication::processEvents();
  QSignalSpy hovered(&panel, &ChartPanel::PointHovered);
  QTest::mouseMove(ViewOf(&panel), panel.Place(99, 328).toPoint());
  QTest::mouseMove(ViewOf(&panel), panel.Place(99, 328).toPoint() + QPoint(1, 0));
  QTest::mouseMove(ViewOf(&panel), panel.Place(75, 360).toPoint());
  ASSERT_EQ(hovered.size(), 2);
  EXPECT_EQ(hovered[0].at(1).toInt(), 2);
  EXPECT_EQ(hovered[1].at(1).toInt(), -1);
}

TEST(ChartPanel, TheCursorIsDraggedInValues) {
  ChartPanel panel(Theme::Dark());
  panel.resize(600, 300);
  panel.Show(Course(4000));
  panel.show();
  QApplication::processEvents();
  QSignalSpy moved(&panel, &ChartPanel::CursorMoved);
  const QPoint at = panel.Place(1240, 0.6).toPoint();
  QTest::mousePress(ViewOf(&panel), Qt::LeftButton, {}, at);
  QTest::mouseMove(ViewOf(&panel), at + QPoint(40, 0));
  QTest::mouseRelease(ViewOf(&panel), Qt::LeftButton, {}, at + QPoint(40, 0));
  ASSERT_GE(moved.size(), 2);
  EXPECT_NEAR(moved[0].at(0).toDouble(), 1240, 10);
  EXPECT_GT(moved.back().at(0).toDouble(), 1400);
}

TEST(ChartPanel, ValuesStandWhereTheAxesSay) {
  ChartPanel panel(Theme::Light());
  panel.resize(600, 300);
  LineChart chart = Course(100);
  chart.y.limits = {0.01, 10};
  panel.Show(chart);
  panel.show();
  QApplication::processEvents();
  // A decade is as high wherever it stands.
  EXPECT_NEAR(panel.Place(0, 0.01).y() - panel.Place(0, 0.1).y(),
              panel.Place(0, 1).y() - panel.Place(0, 10).y(), 0.01);
  EXPECT_LT(panel.Place(0, 1).x(), panel.Place(50, 1).x());
}

TEST(ChartPanel, PaintsIntoPicturesTheSameWayTwice) {
  for (const bool dark : {false, true}) {
    const Theme theme = dark ? Theme::Dark() : Theme::Light();
    ChartPanel panel(theme);
    panel.Show(Plans());
    const auto paint = [&](QPainter& painter, const QRectF& area) { panel.Paint(painter, area); };
    const QByteArray once = PngOf(paint, {500, 320}, 1.5, theme.background);
    EXPECT_EQ(once, PngOf(paint, {500, 320}, 1.5, theme.background));
    const Canvas canvas({500, 320}, 1, paint, theme.background);
    EXPECT_GT(canvas.Count(QRectF(0, 0, 500, 320), theme.categories[0]), 20);
    EXPECT_GT(canvas.Count(QRectF(0, 0, 500, 320), theme.categories[2]), 20);
    EXPECT_TRUE(SvgOf(paint, {500, 320}, theme.background, "plans").contains("Days against dollars"));
  }
}

TEST(ChartPanel, WhatALogarithmicAxisCannotShowIsLeftOut) {
  ChartPanel panel(Theme::Light());
  panel.resize(400, 300);
  LineChart chart = Course(10);
  chart.lines[0].points[3].y = 0;
  chart.lines[0].points[4].y = -1;
  panel.Show(chart);
  panel.show();
  QApplication::processEvents();
  EXPECT_FALSE(panel.grab().isNull());
}

}  // namespace
}  // namespace orrery::gui
