#include "gui/charts/chart_panel.h"

#include <QAbstractAxis>
#include <QChart>
#include <QChartView>
#include <QGraphicsItem>
#include <QGraphicsLayout>
#include <QGraphicsScene>
#include <QLegend>
#include <QLineSeries>
#include <QLogValueAxis>
#include <QMouseEvent>
#include <QResizeEvent>
#include <QScatterSeries>
#include <QVBoxLayout>
#include <QValueAxis>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "gui/geometry/ticks.h"
#include "gui/paint/drawing.h"
#include "gui/paint/legend.h"

namespace orrery::gui {
namespace {

constexpr double kReach = 10;  // pixels from the pointer to a point that it means

QColor CategoryColour(int category, const Theme& theme) {
  return theme.categories[static_cast<std::size_t>(category) % theme.categories.size()];
}

/// Limits of an axis about values, at round numbers.
std::pair<double, double> LimitsOf(const ChartAxis& axis, std::vector<double> values) {
  if (axis.limits) return *axis.limits;
  std::erase_if(values, [&](double v) { return !std::isfinite(v) || (axis.logarithmic && v <= 0); });
  if (values.empty()) return axis.logarithmic ? std::pair(1.0, 10.0) : std::pair(0.0, 1.0);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  double low = *least, high = *most;
  if (axis.logarithmic) {
    const double slack = low < high ? std::pow(high / low, 0.04) : 2;
    return {low / slack, high * slack};
  }
  if (axis.from_zero) low = std::min(low, 0.0);
  const double slack = low < high ? (high - low) * 0.06 : std::max(1.0, std::abs(low)) * 0.1;
  return {axis.from_zero && low == 0 ? 0 : low - slack, high + slack};
}

/// Round ticks: Qt Charts places them by an anchor and an interval.
void SetTicks(QValueAxis* axis, const std::pair<double, double>& limits, double pixels, double each) {
  axis->setRange(limits.first, limits.second);
  const int most = std::clamp(static_cast<int>(pixels / each), 2, 9);
  const std::vector<Tick> ticks = Ticks(limits.first, limits.second, most);
  if (ticks.size() < 2) return;
  axis->setTickType(QValueAxis::TicksDynamic);
  axis->setTickAnchor(ticks[0].value);
  axis->setTickInterval(ticks[1].value - ticks[0].value);
  const std::string& text = ticks[1].text;
  const std::size_t point = text.find('.');
  axis->setLabelFormat(QStringLiteral("%.%1f").arg(
      point == std::string::npos ? 0 : static_cast<qulonglong>(text.size() - point - 1)));
}

QAbstractAxis* MakeAxis(const ChartAxis& axis, const std::pair<double, double>& limits, double pixels,
                        double each) {
  if (!axis.logarithmic) {
    auto* value = new QValueAxis;
    SetTicks(value, limits, pixels, each);
    return value;
  }
  auto* log = new QLogValueAxis;
  log->setBase(10);
  log->setRange(limits.first, limits.second);
  log->setLabelFormat(QStringLiteral("%g"));
  log->setMinorTickCount(-1);
  // Less than a decade has no power of ten to stand on.
  if (limits.second / limits.first < 20) log->setBase(2);
  return log;
}

void Dress(QAbstractAxis* axis, const QString& title, const Theme& theme) {
  axis->setTitleText(title);
  axis->setTitleFont(theme.Small());
  axis->setTitleBrush(theme.faint);
  axis->setLabelsFont(theme.Small());
  axis->setLabelsColor(theme.faint);
  axis->setLinePen(QPen(theme.axis, 1));
  axis->setGridLinePen(QPen(theme.grid, 1));
  axis->setMinorGridLinePen(QPen(Dimmed(theme.grid, theme.background, 0.6), 1));
}

/// Draws over the chart what Qt Charts has not: title, names at line ends, marks, intervals, selection.
class Overlay : public QGraphicsItem {
 public:
  Overlay(QGraphicsItem* parent, std::function<void(QPainter&)> paint)
      : QGraphicsItem(parent), paint_(std::move(paint)) {
    setZValue(1000);
  }
  QRectF boundingRect() const override { return parentItem()->boundingRect(); }
  void paint(QPainter* painter, const QStyleOptionGraphicsItem*, QWidget*) override {
    painter->setRenderHint(QPainter::Antialiasing);
    paint_(*painter);
  }

 private:
  std::function<void(QPainter&)> paint_;
};

}  // namespace

/// The chart, what it shows, and what the pointer does.
class ChartPanel::Parts : public QChartView {
 public:
  Parts(ChartPanel* panel, const Theme& theme) : panel_(panel), theme_(theme) {
    chart_ = new QChart;  // the view's, once it is set
    chart_->setBackgroundRoundness(0);
    chart_->layout()->setContentsMargins(0, 0, 0, 0);
    chart_->legend()->hide();
    chart_->setAnimationOptions(QChart::NoAnimation);
    setChart(chart_);
    setRenderHint(QPainter::Antialiasing);
    setFrameShape(QFrame::NoFrame);
    setMouseTracking(true);
    overlay_ = new Overlay(chart_, [this](QPainter& painter) { PaintOverlay(painter); });
  }

  void SetTheme(const Theme& theme) {
    theme_ = theme;
    Build();
  }
  void Set(LineChart lines) {
    lines_ = std::move(lines);
    scatter_.reset();
    Build();
  }
  void Set(ScatterChart scatter) {
    scatter_ = std::move(scatter);
    lines_.reset();
    Build();
  }
  void SelectPoint(int line, int point) {
    selected_ = {line, point};
    overlay_->update();
  }
  void SetCursor(double x) {
    if (lines_) lines_->cursor = x;
    overlay_->update();
  }
  QPointF PlaceOf(double x, double y) const {
    return anchor_ ? chart_->mapToPosition({x, y}, anchor_) : QPointF();
  }

  /// By a chart of its own of that size: Qt Charts lays one out anew only as events come in.
  void PaintInto(QPainter& painter, const QRectF& area) const {
    Parts other(nullptr, theme_);
    other.lines_ = lines_;
    other.scatter_ = scatter_;
    other.selected_ = selected_;
    other.chart_->resize(area.size());
    other.Build();
    other.chart_->layout()->activate();
    other.scene()->render(&painter, area, QRectF(QPointF(0, 0), area.size()), Qt::IgnoreAspectRatio);
  }

  void Build() {
    chart_->removeAllSeries();
    for (QAbstractAxis* axis : chart_->axes()) {
      chart_->removeAxis(axis);
      delete axis;
    }
    anchor_ = nullptr;
    chart_->setBackgroundBrush(theme_.background);
    setBackgroundBrush(theme_.background);
    if (!lines_ && !scatter_) return;
    names_below_ = lines_ && NamesWidth() > chart_->size().width() * 0.3;
    const double title = TitleHeight(Title(), theme_) +
                         (names_below_ ? LegendHeight(Names(), chart_->size().width(), theme_) : 0);
    const double caption = CaptionHeight(Caption(), chart_->size().width(), theme_);
    const double names = names_below_ ? 0 : NamesWidth();
    chart_->setMargins(
        QMargins(2, static_cast<int>(title) + 4, static_cast<int>(names) + 8, static_cast<int>(caption) + 2));
    AddAxes();
    if (lines_)
      AddLines();
    else
      AddScatter();
    overlay_->update();
  }

 protected:
  void mousePressEvent(QMouseEvent* event) override {
    if (event->button() != Qt::LeftButton) return QChartView::mousePressEvent(event);
    const QPointF at = mapToScene(event->pos());
    if (const auto [line, point] = Nearest(at); point >= 0) {
      Q_EMIT panel_->PointClicked(line, point);
    } else if (lines_ && lines_->cursor && chart_->plotArea().contains(at)) {
      dragging_ = true;
      Drag(at);
    }
  }
  void mouseMoveEvent(QMouseEvent* event) override {
    const QPointF at = mapToScene(event->pos());
    if (dragging_) return Drag(at);
    const std::pair<int, int> now = Nearest(at);
    if (now == hovered_) return;
    hovered_ = now;
    overlay_->update();
    Q_EMIT panel_->PointHovered(now.first, now.second);
  }
  void mouseReleaseEvent(QMouseEvent*) override { dragging_ = false; }
  void leaveEvent(QEvent*) override {
    if (hovered_.second < 0) return;
    hovered_ = {-1, -1};
    overlay_->update();
    Q_EMIT panel_->PointHovered(-1, -1);
  }

 private:
  const ChartAxis& XAxis() const { return lines_ ? lines_->x : scatter_->x; }
  const ChartAxis& YAxis() const { return lines_ ? lines_->y : scatter_->y; }
  const QString& Title() const { return lines_ ? lines_->title : scatter_->title; }
  const QString& Caption() const { return lines_ ? lines_->caption : scatter_->caption; }

  void Drag(const QPointF& at) {
    const QRectF plot = chart_->plotArea();
    const double x = chart_->mapToValue({std::clamp(at.x(), plot.left(), plot.right()), at.y()}, anchor_).x();
    SetCursor(x);
    Q_EMIT panel_->CursorMoved(x);
  }

  std::pair<std::vector<double>, std::vector<double>> Values() const {
    std::vector<double> x, y;
    if (lines_) {
      for (const ChartLine& line : lines_->lines)
        for (const CurvePoint& point : line.points) {
          x.push_back(point.x);
          y.push_back(point.y);
        }
      for (const ChartMark& mark : lines_->marks) (mark.vertical ? x : y).push_back(mark.at);
    } else {
      for (const ScatterPoint& point : scatter_->points) {
        x.push_back(point.x);
        y.push_back(point.y);
        for (const auto& [interval, values] :
             {std::pair(point.x_interval, &x), std::pair(point.y_interval, &y)})
          if (interval) values->insert(values->end(), {interval->first, interval->second});
      }
    }
    return {std::move(x), std::move(y)};
  }

  void AddAxes() {
    const auto [x_values, y_values] = Values();
    x_limits_ = LimitsOf(XAxis(), x_values);
    const std::pair<double, double> y_limits = LimitsOf(YAxis(), y_values);
    QAbstractAxis* x = MakeAxis(XAxis(), x_limits_, chart_->size().width() - 120, 75);
    QAbstractAxis* y = MakeAxis(YAxis(), y_limits, chart_->size().height() - 90, 42);
    Dress(x, XAxis().title, theme_);
    Dress(y, YAxis().title, theme_);
    chart_->addAxis(x, Qt::AlignBottom);
    chart_->addAxis(y, Qt::AlignLeft);
    // An empty series stands for the axes where values are asked for their places.
    auto* anchor = new QScatterSeries;
    chart_->addSeries(anchor);
    anchor->attachAxis(x);
    anchor->attachAxis(y);
    anchor_ = anchor;
  }

  void Attach(QXYSeries* series) {
    chart_->addSeries(series);
    for (QAbstractAxis* axis : chart_->axes()) series->attachAxis(axis);
  }

  bool Drawable(double x, double y) const {
    return std::isfinite(x) && std::isfinite(y) && (!XAxis().logarithmic || x > 0) &&
           (!YAxis().logarithmic || y > 0);
  }

  void AddLines() {
    constexpr std::array kDashes = {Qt::SolidLine, Qt::DashDotLine, Qt::DotLine, Qt::DashDotDotLine};
    const int columns = std::max(100, static_cast<int>(chart_->size().width()));
    for (std::size_t i = 0; i < lines_->lines.size(); ++i) {
      const ChartLine& line = lines_->lines[i];
      std::vector<CurvePoint> drawable;
      std::copy_if(line.points.begin(), line.points.end(), std::back_inserter(drawable),
                   [&](const CurvePoint& p) { return Drawable(p.x, p.y); });
      auto* series = new QLineSeries;
      QList<QPointF> points;
      for (const CurvePoint& p :
           MinMaxPerColumn(drawable, x_limits_.first, x_limits_.second, columns, XAxis().logarithmic))
        points.append({p.x, p.y});
      series->replace(points);
      // Dashes that only tell lines apart would be noise upon the noise of a dense one.
      const bool dense = points.size() > columns;
      const Qt::PenStyle told_apart = dense ? Qt::SolidLine : kDashes[i % kDashes.size()];
      const Qt::PenStyle style = line.dashed ? Qt::DashLine : told_apart;
      series->setPen(QPen(CategoryColour(line.category, theme_), 2, style, Qt::FlatCap, Qt::RoundJoin));
      Attach(series);
    }
  }

  void AddScatter() {
    for (const ScatterPoint& point : scatter_->points) {
      if (!Drawable(point.x, point.y)) continue;
      auto* series = new QScatterSeries;
      series->setMarkerSize(11);
      const QColor colour = CategoryColour(point.category, theme_);
      series->setBrush(point.hollow ? theme_.background : colour);
      series->setPen(QPen(colour, 2));
      series->append(point.x, point.y);
      Attach(series);
    }
  }

  std::pair<int, int> Nearest(const QPointF& at) const {
    std::pair<int, int> best(-1, -1);
    double nearest = kReach;
    const auto try_point = [&](std::size_t line, std::size_t point, double x, double y) {
      if (!Drawable(x, y)) return;
      const QPointF away = PlaceOf(x, y) - at;
      const double distance = std::hypot(away.x(), away.y());
      if (distance > nearest) return;
      nearest = distance;
      best = {static_cast<int>(line), static_cast<int>(point)};
    };
    if (scatter_)
      for (std::size_t i = 0; i < scatter_->points.size(); ++i)
        try_point(0, i, scatter_->points[i].x, scatter_->points[i].y);
    if (!lines_ || !anchor_) return best;
    const double left = chart_->mapToValue(at - QPointF(kReach, 0), anchor_).x();
    const double right = chart_->mapToValue(at + QPointF(kReach, 0), anchor_).x();
    for (std::size_t i = 0; i < lines_->lines.size(); ++i) {
      const std::vector<CurvePoint>& points = lines_->lines[i].points;
      const auto first =
          std::partition_point(points.begin(), points.end(), [&](const CurvePoint& p) { return p.x < left; });
      for (auto point = first; point != points.end() && point->x <= right; ++point)
        try_point(i, static_cast<std::size_t>(point - points.begin()), point->x, point->y);
    }
    return best;
  }

  std::vector<LegendEntry> Names() const {
    std::vector<LegendEntry> names;
    for (const ChartLine& line : lines_->lines)
      if (!line.name.isEmpty())
        names.push_back({line.name, CategoryColour(line.category, theme_),
                         line.dashed ? Texture::kHatched : Texture::kSolid});
    return names;
  }

  double NamesWidth() const {
    double widest = 0;
    if (lines_)
      for (const ChartLine& line : lines_->lines)
        widest = std::max(widest, TextWidth(theme_.Small(), line.name));
    return widest > 0 ? widest + 16 : 0;
  }

  void PaintOverlay(QPainter& painter) {
    if (!lines_ && !scatter_) return;
    const QRectF area(QPointF(0, 0), chart_->size());
    const QRectF below = DrawTitle(painter, area, Title(), theme_);
    const double caption = CaptionHeight(Caption(), area.width(), theme_);
    if (caption > 0)
      DrawCaption(painter, QRectF(area.left() + 2, area.bottom() - caption, area.width() - 4, caption),
                  Caption(), theme_);
    if (lines_) {
      if (names_below_) DrawLegend(painter, below, Names(), theme_);
      PaintMarks(painter);
      PaintDots(painter);
      if (!names_below_) PaintNames(painter);
      PaintCursor(painter);
    } else {
      PaintIntervalBars(painter);
      PaintPointNames(painter);
    }
    PaintRing(painter, hovered_, theme_.accent);
    PaintRing(painter, selected_, theme_.text);
  }

  void PaintMarks(QPainter& painter) {
    const QRectF plot = chart_->plotArea();
    const double line = LineHeight(theme_.Small());
    std::vector<QRectF> taken;  // words that would run into others are left out
    const auto words = [&](const QRectF& box, const QString& text) {
      if (!plot.adjusted(-1, -1, 1, 1).contains(box) ||
          std::any_of(taken.begin(), taken.end(), [&](const QRectF& other) { return other.intersects(box); }))
        return;
      taken.push_back(box);
      DrawTextOnTop(painter, box, Qt::AlignLeft, text, theme_.Small(), theme_.text, theme_.background);
    };
    for (const ChartMark& mark : lines_->marks) {
      const QPointF at = mark.vertical ? PlaceOf(mark.at, 1) : PlaceOf(1, mark.at);
      if (mark.vertical ? at.x() < plot.left() || at.x() > plot.right()
                        : at.y() < plot.top() || at.y() > plot.bottom())
        continue;
      painter.setPen(QPen(theme_.axis, 1.2, Qt::DashLine));
      const double width = TextWidth(theme_.Small(), mark.text) + 4;
      if (mark.vertical) {
        painter.drawLine(QPointF(at.x(), plot.top()), QPointF(at.x(), plot.bottom()));
        const bool right = at.x() + width + 4 <= plot.right();
        words(QRectF(right ? at.x() + 3 : at.x() - 3 - width, plot.top() + 2, width, line), mark.text);
      } else {
        painter.drawLine(QPointF(plot.left(), at.y()), QPointF(plot.right(), at.y()));
        const double top = at.y() - line - 1 >= plot.top() ? at.y() - line - 1 : at.y() + 1;
        words(QRectF(plot.left() + 4, top, width, line), mark.text);
      }
    }
  }

  void PaintDots(QPainter& painter) {
    const QRectF plot = chart_->plotArea().adjusted(-1, -1, 1, 1);
    for (const ChartLine& line : lines_->lines) {
      if (!line.points_shown) continue;
      const QColor colour = CategoryColour(line.category, theme_);
      painter.setPen(QPen(colour, 1.6));
      for (std::size_t i = 0; i < line.points.size(); ++i) {
        if (!Drawable(line.points[i].x, line.points[i].y)) continue;
        const QPointF at = PlaceOf(line.points[i].x, line.points[i].y);
        if (!plot.contains(at)) continue;
        const bool hollow = i < line.hollow.size() && line.hollow[i];
        painter.setBrush(hollow ? theme_.background : colour);
        painter.drawEllipse(at, 3.2, 3.2);
      }
    }
  }

  /// At the right of the plot, at the height of each line's end; pushed apart where lines end together.
  void PaintNames(QPainter& painter) {
    struct Name {
      double y;
      const ChartLine* line;
    };
    const QRectF plot = chart_->plotArea();
    const double height = LineHeight(theme_.Small());
    std::vector<Name> names;
    for (const ChartLine& line : lines_->lines) {
      const auto last = std::find_if(line.points.rbegin(), line.points.rend(), [&](const CurvePoint& p) {
        return Drawable(p.x, p.y) && p.x <= x_limits_.second;
      });
      if (line.name.isEmpty() || last == line.points.rend()) continue;
      names.push_back({std::clamp(PlaceOf(last->x, last->y).y(), plot.top(), plot.bottom()), &line});
    }
    std::stable_sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.y < b.y; });
    for (std::size_t i = 1; i < names.size(); ++i) names[i].y = std::max(names[i].y, names[i - 1].y + height);
    double most = plot.bottom() + height / 2;
    for (std::size_t i = names.size(); i-- > 0; most = names[i].y - height)
      names[i].y = std::min(names[i].y, most);
    for (const Name& name : names) {
      painter.fillRect(QRectF(plot.right() + 4, name.y - 1.5, 8, 3),
                       CategoryColour(name.line->category, theme_));
      DrawText(
          painter,
          QRectF(plot.right() + 15, name.y - height / 2, chart_->size().width() - plot.right() - 15, height),
          Qt::AlignLeft | Qt::AlignVCenter, name.line->name, theme_.Small(), theme_.text);
    }
  }

  void PaintCursor(QPainter& painter) {
    if (!lines_->cursor) return;
    const QRectF plot = chart_->plotArea();
    const double x = std::clamp(PlaceOf(*lines_->cursor, 1).x(), plot.left(), plot.right());
    painter.setPen(QPen(theme_.text, 1.5));
    painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()));
    painter.setBrush(theme_.text);
    painter.setPen(Qt::NoPen);
    painter.drawPolygon(
        QPolygonF({QPointF(x - 5, plot.top()), QPointF(x + 5, plot.top()), QPointF(x, plot.top() + 7)}));
    const double width = TextWidth(theme_.Small(), lines_->cursor_text) + 4,
                 line = LineHeight(theme_.Small());
    const bool right = x + 8 + width <= plot.right();
    DrawTextOnTop(painter, QRectF(right ? x + 7 : x - 7 - width, plot.top() + 1, width, line), Qt::AlignLeft,
                  lines_->cursor_text, theme_.Small(), theme_.text, theme_.background);
  }

  void PaintIntervalBars(QPainter& painter) {
    for (const ScatterPoint& point : scatter_->points) {
      if (!Drawable(point.x, point.y)) continue;
      QColor colour = CategoryColour(point.category, theme_);
      colour.setAlphaF(0.75F);
      painter.setPen(QPen(colour, 1.5));
      const auto bar = [&](const QPointF& from, const QPointF& to, const QPointF& cap) {
        painter.drawLine(from, to);
        painter.drawLine(from - cap, from + cap);
        painter.drawLine(to - cap, to + cap);
      };
      if (point.x_interval)
        bar(PlaceOf(point.x_interval->first, point.y), PlaceOf(point.x_interval->second, point.y), {0, 4});
      if (point.y_interval)
        bar(PlaceOf(point.x, point.y_interval->first), PlaceOf(point.x, point.y_interval->second), {4, 0});
    }
  }

  /// Beside their points, at the first of four sides that is free.
  void PaintPointNames(QPainter& painter) {
    const QRectF plot = chart_->plotArea();
    const double line = LineHeight(theme_.Small());
    std::vector<QRectF> taken;
    for (const ScatterPoint& point : scatter_->points)
      if (Drawable(point.x, point.y))
        taken.push_back(QRectF(PlaceOf(point.x, point.y) - QPointF(6, 6), QSizeF(12, 12)));
    for (const ScatterPoint& point : scatter_->points) {
      if (!Drawable(point.x, point.y)) continue;
      const QPointF at = PlaceOf(point.x, point.y);
      const double width = TextWidth(theme_.Small(), point.name) + 2;
      for (const QPointF& corner :
           {QPointF(9, -line - 2), QPointF(9, 3), QPointF(-9 - width, -line - 2), QPointF(-9 - width, 3)}) {
        const QRectF box(at + corner, QSizeF(width, line));
        if (!plot.contains(box) || std::any_of(taken.begin(), taken.end(),
                                               [&](const QRectF& other) { return other.intersects(box); }))
          continue;
        DrawText(painter, box, Qt::AlignLeft | Qt::AlignVCenter, point.name, theme_.Small(), theme_.text);
        taken.push_back(box);
        break;
      }
    }
  }

  void PaintRing(QPainter& painter, const std::pair<int, int>& which, const QColor& colour) {
    const auto line = static_cast<std::size_t>(which.first), point = static_cast<std::size_t>(which.second);
    if (which.first < 0 || which.second < 0) return;
    std::optional<QPointF> at;
    if (scatter_ && point < scatter_->points.size())
      at = PlaceOf(scatter_->points[point].x, scatter_->points[point].y);
    if (lines_ && line < lines_->lines.size() && point < lines_->lines[line].points.size())
      at = PlaceOf(lines_->lines[line].points[point].x, lines_->lines[line].points[point].y);
    if (!at) return;
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(theme_.background, 4));
    painter.drawEllipse(*at, 9, 9);
    painter.setPen(QPen(colour, 2));
    painter.drawEllipse(*at, 9, 9);
  }

  ChartPanel* panel_;
  Theme theme_;
  QChart* chart_;
  QGraphicsItem* overlay_;
  std::optional<LineChart> lines_;
  std::optional<ScatterChart> scatter_;
  QXYSeries* anchor_ = nullptr;
  std::pair<double, double> x_limits_{0, 1};
  std::pair<int, int> selected_{-1, -1}, hovered_{-1, -1};
  bool names_below_ = false, dragging_ = false;
};

ChartPanel::ChartPanel(const Theme& theme, QWidget* parent)
    : QWidget(parent), parts_(std::make_unique<Parts>(this, theme)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(parts_.get());
}

ChartPanel::~ChartPanel() = default;

void ChartPanel::SetTheme(const Theme& theme) { parts_->SetTheme(theme); }
void ChartPanel::Show(const LineChart& chart) { parts_->Set(chart); }
void ChartPanel::Show(const ScatterChart& chart) { parts_->Set(chart); }
void ChartPanel::Select(int line, int point) { parts_->SelectPoint(line, point); }
void ChartPanel::MoveCursor(double x) { parts_->SetCursor(x); }
QPointF ChartPanel::Place(double x, double y) const { return parts_->PlaceOf(x, y); }
void ChartPanel::Paint(QPainter& painter, const QRectF& area) const { parts_->PaintInto(painter, area); }

void ChartPanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  // The view gives the chart its size only when it is laid out itself.
  layout()->activate();
  parts_->Build();
}

}  // namespace orrery::gui
