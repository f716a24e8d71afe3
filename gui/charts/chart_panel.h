// Line and scatter charts with axes: the only door to Qt Charts, which is not seen through it. Value axes only; dense
// lines are reduced to what pixels can show.
#pragma once

#include <QPainter>
#include <QRectF>
#include <QString>
#include <QWidget>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gui/geometry/reduce.h"
#include "gui/paint/theme.h"

namespace orrery::gui {

struct ChartAxis {
  QString title;  ///< with its unit
  bool logarithmic = false;
  std::optional<std::pair<double, double>> limits;  ///< else round values about the data
  bool from_zero = false;                           ///< where limits are not given
};

struct ChartLine {
  QString name;                    ///< written at its end
  std::vector<CurvePoint> points;  ///< ascending x; of a logarithmic axis only what is above zero is drawn
  int category = 0;                ///< of Theme::categories
  bool dashed = false;             ///< of the other variant, or not final
  bool points_shown = false;       ///< dots, where there are few
  std::vector<bool> hollow;        ///< one a point, or empty: dots that do not fit
};

/// A straight line across the plot with its meaning beside it: the device's memory, a crossover.
struct ChartMark {
  double at = 0;
  bool vertical = false;
  QString text;
};

struct LineChart {
  QString title, caption;
  ChartAxis x, y;
  std::vector<ChartLine> lines;
  std::vector<ChartMark> marks;
  std::optional<double> cursor;  ///< a vertical line that can be dragged
  QString cursor_text;
};

struct ScatterPoint {
  QString name;
  double x = 0, y = 0;
  std::optional<std::pair<double, double>> x_interval, y_interval;  ///< drawn as bars
  int category = 0;
  bool hollow = false;  ///< does not fit, or is not final
};

struct ScatterChart {
  QString title, caption;
  ChartAxis x, y;
  std::vector<ScatterPoint> points;
};

class ChartPanel : public QWidget {
  Q_OBJECT

 public:
  explicit ChartPanel(const Theme& theme, QWidget* parent = nullptr);
  ~ChartPanel() override;

  void SetTheme(const Theme& theme);
  void Show(const LineChart& chart);
  void Show(const ScatterChart& chart);
  /// A ring about a point; -1: none. Of a scatter `line` is 0.
  void Select(int line, int point);
  void MoveCursor(double x);
  /// Where a value stands in the widget.
  QPointF Place(double x, double y) const;

  /// The same picture in any rectangle, for pictures to export; in logical pixels.
  void Paint(QPainter& painter, const QRectF& area) const;

  QSize sizeHint() const override { return {480, 300}; }
  QSize minimumSizeHint() const override { return {160, 120}; }

 Q_SIGNALS:
  void PointClicked(int line, int point);
  void PointHovered(int line, int point);  ///< -1, -1: none
  void CursorMoved(double x);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace orrery::gui
