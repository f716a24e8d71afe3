#include "gui/paint/heat_map.h"

#include <QImage>
#include <QPaintEngine>
#include <QPainterPath>
#include <QTransform>
#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "gui/geometry/ticks.h"
#include "gui/paint/drawing.h"

namespace orrery::gui {
namespace {

constexpr int kMostShapes = 20'000;
constexpr double kGap = 6, kGradientWidth = 150, kGradientHeight = 10;

std::size_t Index(const HeatMapFigure& figure, int row, int column) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(figure.columns) +
         static_cast<std::size_t>(column);
}

QString LabelOf(const std::vector<QString>& labels, int index) {
  return labels.empty() ? QString::number(index) : labels[static_cast<std::size_t>(index)];
}

/// Of numbers only the longest matters; of names all do.
double WidestLabel(const std::vector<QString>& labels, int count, const QFont& font) {
  if (labels.empty()) return TextWidth(font, QString::number(count - 1));
  double widest = 0;
  for (const QString& label : labels) widest = std::max(widest, TextWidth(font, label));
  return widest;
}

double MarginLabelWidth(const HeatMapFigure& figure, const Theme& theme) {
  double widest = 0;
  for (const QString& label : figure.margin_labels)
    widest = std::max(widest, TextWidth(theme.Small(), label));
  return widest;
}

QString ClippedText(const HeatMapFigure& figure) {
  const std::size_t clipped = ClippedCells(figure);
  if (clipped == 0) return {};
  return clipped == 1 ? QStringLiteral("1 cell clipped")
                      : QStringLiteral("%1 cells clipped").arg(static_cast<qulonglong>(clipped));
}

/// What stands beside the gradient: how many cells are clipped, then the marks in use.
struct LegendNote {
  std::optional<CellMark> mark;
  QString text;
};

std::vector<LegendNote> LegendNotes(const HeatMapFigure& figure) {
  std::vector<LegendNote> notes;
  for (std::size_t kind = 0; kind < figure.mark_names.size(); ++kind) {
    const auto mark = static_cast<CellMark>(kind);
    if (std::any_of(figure.marks.begin(), figure.marks.end(),
                    [&](const MarkedCell& marked) { return marked.mark == mark; }))
      notes.push_back({mark, figure.mark_names[kind]});
  }
  if (const QString clipped = ClippedText(figure); !clipped.isEmpty())
    notes.push_back({std::nullopt, clipped});
  return notes;
}

double NotesWidth(const HeatMapFigure& figure, const Theme& theme) {
  double width = 0;
  for (const LegendNote& note : LegendNotes(figure))
    width += TextWidth(theme.Small(), note.text) + (note.mark ? 13 : 0) + 14;
  return width;
}

/// The widths of the words at both sides of the gradient, and of the gradient where there is `width` in all.
struct GradientPlace {
  double low_words, high_words, gradient;
  bool notes_below;
};

GradientPlace PlaceGradient(const HeatMapFigure& figure, const Theme& theme, double width) {
  const QFont small = theme.Small();
  GradientPlace place{figure.low_text.isEmpty() ? 0 : TextWidth(small, figure.low_text) + kGap,
                      figure.high_text.isEmpty() ? 0 : TextWidth(small, figure.high_text) + kGap, 0, false};
  if (width - place.low_words - place.high_words < 80)
    place.low_words = place.high_words = 0;  // the numbers stay
  place.gradient = std::min(kGradientWidth, width - place.low_words - place.high_words);
  place.notes_below =
      place.low_words + place.gradient + place.high_words + 2 * kGap + NotesWidth(figure, theme) > width;
  return place;
}

double LegendHeight(const HeatMapFigure& figure, const Theme& theme, double width) {
  const bool below = PlaceGradient(figure, theme, width).notes_below && !LegendNotes(figure).empty();
  return kGradientHeight + 6 + (below ? 2 : 1) * LineHeight(theme.Small());
}

/// Takes a strip off the bottom of `rest` if enough is left for the map.
QRectF TakeBottom(QRectF* rest, double height, double least) {
  if (height <= 0 || rest->height() - height < least) return {};
  const QRectF taken(rest->left(), rest->bottom() - height, rest->width(), height);
  rest->setBottom(taken.top());
  return taken;
}

class HeatMapPainter {
 public:
  HeatMapPainter(QPainter& painter, const QRectF& area, const Theme& theme, const HeatMapFigure& figure)
      : painter_(painter), theme_(theme), figure_(figure), layout_(LayOutHeatMap(area, theme, figure)) {}

  void Paint() {
    DrawText(painter_, layout_.title, Qt::AlignLeft | Qt::AlignVCenter, figure_.title, theme_.Font(true),
             theme_.text);
    if (!layout_.map.isEmpty()) {
      PaintCells();
      PaintGroups();
      PaintMarks();
      PaintRowLabels();
      PaintColumnLabels();
      PaintMargin();
      PaintSelection();
    }
    if (!layout_.legend.isEmpty()) PaintLegend();
    if (!layout_.caption.isEmpty()) DrawCaption(painter_, layout_.caption, figure_.caption, theme_);
  }

 private:
  double CellWidth() const { return layout_.map.width() / figure_.columns; }
  double CellHeight() const { return layout_.map.height() / figure_.rows; }
  QRectF Rect(int row, int column) const { return CellRect(layout_, figure_, {row, column}); }

  QRgb ColourOf(float value) const {
    const Rgb colour = figure_.scale(static_cast<double>(value));
    const Rgb shown = figure_.pale ? Mixed(colour, FromQt(theme_.background), 0.6) : colour;
    return qRgb(shown.r, shown.g, shown.b);
  }

  void PaintCells() {
    FillTextured(
        painter_, layout_.map, theme_.grid,
        std::any_of(figure_.values.begin(), figure_.values.end(), [](float v) { return std::isnan(v); })
            ? Texture::kHatched
            : Texture::kOutlined);
    const bool shapes = painter_.paintEngine()->type() == QPaintEngine::SVG;
    if (shapes && figure_.rows * figure_.columns <= kMostShapes)
      PaintShapes();
    else
      PaintImage(shapes);
  }

  /// One path for each colour. Cells reach a hair under their neighbours, or viewers show seams between them.
  void PaintShapes() {
    std::map<QRgb, QPainterPath> paths;
    for (int row = 0; row < figure_.rows; ++row)
      for (int column = 0; column < figure_.columns; ++column) {
        const float value = figure_.values[Index(figure_, row, column)];
        if (std::isnan(value)) continue;
        paths[ColourOf(value)].addRect(
            Rect(row, column)
                .adjusted(0, 0, column + 1 < figure_.columns ? 0.2 : 0, row + 1 < figure_.rows ? 0.2 : 0));
      }
    for (const auto& [colour, path] : paths) painter_.fillPath(path, QColor(colour));
  }

  /// The cells that show on a grid of `wide` by `high` pixels, at most one for each.
  QImage Reduced(int wide, int high) const {
    QImage image(wide, high, QImage::Format_ARGB32_Premultiplied);
    std::vector<QRgb> table;
    for (const Rgb& entry : figure_.scale.table()) {
      const Rgb shown = figure_.pale ? Mixed(entry, FromQt(theme_.background), 0.6) : entry;
      table.push_back(qRgb(shown.r, shown.g, shown.b));
    }
    const double middle = figure_.scale.diverging() ? (ColourScale::kEntries - 1) / 2.0 : 0;
    std::vector<int> shown(static_cast<std::size_t>(wide));
    for (int y = 0; y < high; ++y) {
      std::fill(shown.begin(), shown.end(), -1);
      for (int row = y * figure_.rows / high;
           row < std::max((y + 1) * figure_.rows / high, y * figure_.rows / high + 1); ++row)
        for (int column = 0; column < figure_.columns; ++column) {
          const float value = figure_.values[Index(figure_, row, column)];
          if (std::isnan(value)) continue;
          const int entry = static_cast<int>(figure_.scale.Entry(static_cast<double>(value)));
          int& best = shown[static_cast<std::size_t>(column * wide / figure_.columns)];
          if (best < 0 || std::abs(entry - middle) > std::abs(best - middle)) best = entry;
        }
      auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
      for (const int entry : shown)
        *line++ = entry < 0 ? qRgba(0, 0, 0, 0) : table[static_cast<std::size_t>(entry)];
    }
    return image;
  }

  void PaintImage(bool embedded) {
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter_.setRenderHint(QPainter::Antialiasing, false);
    // In an SVG all cells are kept: it may be enlarged.
    const QTransform to_device = painter_.deviceTransform();
    const auto limit = [&](int count, double pixels) {
      return embedded ? count : std::clamp(static_cast<int>(pixels), 1, count);
    };
    const QImage image = Reduced(limit(figure_.columns, layout_.map.width() * to_device.m11()),
                                 limit(figure_.rows, layout_.map.height() * to_device.m22()));
    painter_.drawImage(layout_.map, image);
  }

  void PaintGroups() {
    const QRectF& map = layout_.map;
    QColor line = theme_.text;
    line.setAlphaF(0.55F);
    for (const int column : figure_.column_groups)
      if (column > 0 && column < figure_.columns) {
        const double x = map.left() + column * CellWidth();
        DrawHairline(painter_, {x, map.top()}, {x, map.bottom()}, line);
      }
    for (const int row : figure_.row_groups)
      if (row > 0 && row < figure_.rows) {
        const double y = map.top() + row * CellHeight();
        DrawHairline(painter_, {map.left(), y}, {map.right(), y}, line);
      }
  }

  void PaintMarks() {
    for (const MarkedCell& marked : figure_.marks) {
      const float value = figure_.values[Index(figure_, marked.cell.row, marked.cell.column)];
      const QRectF cell = Rect(marked.cell.row, marked.cell.column);
      const double size = std::min({cell.width(), cell.height(), 12.0}) * 0.5;
      if (size < 1.5) continue;
      PaintMark(cell.center(), size, marked.mark, TextOn(QColor(ColourOf(value))));
    }
  }

  void PaintMark(const QPointF& at, double size, CellMark mark, const QColor& colour) {
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::Antialiasing);
    const double r = size / 2;
    painter_.setPen(QPen(colour, 1.2));
    painter_.setBrush(Qt::NoBrush);
    if (mark == CellMark::kCross) {
      painter_.drawLine(at + QPointF(-r, -r), at + QPointF(r, r));
      painter_.drawLine(at + QPointF(-r, r), at + QPointF(r, -r));
    } else if (mark == CellMark::kDot) {
      painter_.setPen(Qt::NoPen);
      painter_.setBrush(colour);
      painter_.drawEllipse(at, r, r);
    } else {
      painter_.drawPolygon(QPolygonF({at + QPointF(-r, r), at + QPointF(r, r), at + QPointF(0, -r)}));
    }
  }

  void PaintRowLabels() {
    if (layout_.rows.isEmpty()) return;
    const double line = LineHeight(theme_.Small());
    const int most = std::max(1, static_cast<int>(layout_.map.height() / (line * 1.15)));
    const int strong = figure_.selected ? figure_.selected->row : -1;
    const auto label = [&](int row, const QFont& font, const QColor& colour) {
      const double middle = layout_.map.top() + (row + 0.5) * CellHeight();
      DrawText(painter_, QRectF(layout_.rows.left(), middle - line / 2, layout_.rows.width(), line),
               Qt::AlignRight | Qt::AlignVCenter, LabelOf(figure_.row_labels, row), font, colour);
    };
    for (const int row : CountTicks(figure_.rows, most, false))
      if (strong < 0 || std::abs(row - strong) * CellHeight() >= line)
        label(row, theme_.Small(), theme_.faint);
    if (strong >= 0 && strong < figure_.rows)
      label(strong, theme_.FontOf(theme_.text_size - 1, true), theme_.text);
    if (!layout_.row_title.isEmpty())
      DrawTextUpwards(painter_, layout_.row_title, figure_.row_title, theme_.Small(), theme_.faint);
  }

  void PaintColumnLabels() {
    if (layout_.columns.isEmpty()) return;
    const double widest = WidestLabel(figure_.column_labels, figure_.columns, theme_.Small());
    const int most = std::max(1, static_cast<int>(layout_.map.width() / (widest + 14)));
    const int strong = figure_.selected ? figure_.selected->column : -1;
    const auto label = [&](int column, const QFont& font, const QColor& colour) {
      const QString text = LabelOf(figure_.column_labels, column);
      const double width = TextWidth(font, text) + 2;
      const double middle = layout_.map.left() + (column + 0.5) * CellWidth();
      const double left = std::clamp(middle - width / 2, layout_.columns.left(),
                                     std::max(layout_.columns.left(), layout_.columns.right() - width));
      DrawText(painter_, QRectF(left, layout_.columns.top(), width, layout_.columns.height()),
               Qt::AlignHCenter | Qt::AlignVCenter, text, font, colour);
    };
    for (const int column : CountTicks(figure_.columns, most, figure_.columns % 8 == 0))
      if (strong < 0 || std::abs(column - strong) * CellWidth() >= widest + 6)
        label(column, theme_.Small(), theme_.faint);
    if (strong >= 0 && strong < figure_.columns)
      label(strong, theme_.FontOf(theme_.text_size - 1, true), theme_.text);
    DrawText(painter_, layout_.column_title, Qt::AlignHCenter | Qt::AlignVCenter, figure_.column_title,
             theme_.Small(), theme_.faint);
  }

  void PaintMargin() {
    if (layout_.margin.isEmpty()) return;
    const QRectF& box = layout_.margin;
    const double line = LineHeight(theme_.Small());
    DrawText(painter_, QRectF(box.left(), box.top() - line - 3, box.width(), line),
             Qt::AlignLeft | Qt::AlignVCenter, figure_.margin_title, theme_.Small(), theme_.faint);
    const auto hottest =
        std::max_element(figure_.margin.begin(), figure_.margin.end()) - figure_.margin.begin();
    const double most = static_cast<double>(figure_.margin[static_cast<std::size_t>(hottest)]);
    if (!(most > 0)) return;
    const double room =
        box.width() - (figure_.margin_labels.empty() ? 0 : MarginLabelWidth(figure_, theme_) + 5);
    const bool all_labels = CellHeight() >= line;
    const double gap = CellHeight() >= 4 ? 1 : 0;
    double free_from = -1e9;  // labels above this line would run into one another
    const auto bar = [&](int row, bool labelled) {
      const double value = static_cast<double>(figure_.margin[static_cast<std::size_t>(row)]);
      const QRectF cell = CellRect(layout_, figure_, {row, -1});
      const QRectF at(box.left(), cell.top(), std::max(0.0, value) / most * room, cell.height() - gap);
      painter_.fillRect(at, row == hottest ? theme_.hot : theme_.bar);
      if (!labelled || figure_.margin_labels.empty()) return;
      // Near the bottom of a low map the label moves up, not out.
      const double middle = std::clamp(cell.center().y(), box.top() + line / 2, box.bottom() - line / 2 + 2);
      DrawText(painter_, QRectF(at.right() + 4, middle - line / 2, box.right() - at.right() - 4 + 1, line),
               Qt::AlignLeft | Qt::AlignVCenter, figure_.margin_labels[static_cast<std::size_t>(row)],
               theme_.Small(), theme_.text);
      free_from = middle;
    };
    for (int row = 0; row < figure_.rows; ++row) bar(row, all_labels);
    if (all_labels) return;
    bar(static_cast<int>(hottest), true);
    const int selected = figure_.selected ? figure_.selected->row : -1;
    if (selected >= 0 && selected < figure_.rows &&
        std::abs(CellRect(layout_, figure_, {selected, -1}).center().y() - free_from) >= line)
      bar(selected, true);
  }

  void PaintSelection() {
    const auto ring = [&](const HeatMapCell& cell, const QColor& colour, double width) {
      if (cell.row >= figure_.rows || cell.column >= figure_.columns || cell.row < 0) return;
      DrawRing(painter_, CellRect(layout_, figure_, cell), colour, theme_.background, width);
    };
    if (figure_.selected) {
      if (figure_.selected->column >= 0) {  // a row about the cell leads the eye to the labels
        QColor line = theme_.text;
        line.setAlphaF(0.7F);
        const QRectF row = CellRect(layout_, figure_, {figure_.selected->row, -1});
        DrawHairline(painter_, {row.left(), row.top() - 1}, {row.right(), row.top() - 1}, line);
        DrawHairline(painter_, {row.left(), row.bottom()}, {row.right(), row.bottom()}, line);
        ring(*figure_.selected, theme_.text, 2);
      } else {
        ring(*figure_.selected, theme_.text, 1.5);
      }
    }
    if (figure_.hovered) ring(*figure_.hovered, theme_.accent, 1.5);
  }

  QString LimitText(double value) const {
    if (!figure_.as_percent) return QString::fromStdString(Short(value));
    return QString::fromStdString(SignedPercent(figure_.scale.logarithmic() ? value - 1 : value, 0));
  }

  void PaintGradient(const QRectF& box) {
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::SmoothPixmapTransform, false);
    QImage image(static_cast<int>(ColourScale::kEntries), 1, QImage::Format_RGB32);
    for (std::size_t i = 0; i < ColourScale::kEntries; ++i) {
      const Rgb colour = figure_.scale.table()[i];
      image.setPixel(static_cast<int>(i), 0, qRgb(colour.r, colour.g, colour.b));
    }
    painter_.drawImage(box, image);
    painter_.setPen(QPen(theme_.axis, 1));
    painter_.setBrush(Qt::NoBrush);
    painter_.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5));
  }

  void PaintLegend() {
    const QRectF& box = layout_.legend;
    const QFont small = theme_.Small();
    const double line = LineHeight(small);
    const GradientPlace place = PlaceGradient(figure_, theme_, box.width());
    if (place.gradient < 40) return;
    const double middle = box.top() + kGradientHeight / 2 + 4;
    const QRectF gradient(box.left() + place.low_words, box.top() + 4, place.gradient, kGradientHeight);
    PaintGradient(gradient);
    DrawText(painter_, QRectF(box.left(), middle - line / 2, place.low_words, line),
             Qt::AlignLeft | Qt::AlignVCenter, figure_.low_text, small, theme_.text);
    DrawText(painter_, QRectF(gradient.right() + kGap, middle - line / 2, place.high_words, line),
             Qt::AlignLeft | Qt::AlignVCenter, figure_.high_text, small, theme_.text);
    PaintLegendNumbers(gradient);
    const double left = gradient.right() + place.high_words + 2 * kGap;
    PaintLegendNotes(place.notes_below ? QRectF(box.left(), box.bottom() - line, box.width(), line)
                                       : QRectF(left, middle - line / 2, box.right() - left, line));
  }

  void PaintLegendNumbers(const QRectF& gradient) {
    const QFont small = theme_.Small();
    const double line = LineHeight(small), top = gradient.bottom() + 2;
    const QString low = LimitText(figure_.scale.low()), high = LimitText(figure_.scale.high());
    if (gradient.width() < TextWidth(small, low) + TextWidth(small, high) + 4) return;
    DrawText(painter_, QRectF(gradient.left(), top, TextWidth(small, low) + 2, line), Qt::AlignLeft, low,
             small, theme_.faint);
    DrawText(painter_,
             QRectF(gradient.right() - TextWidth(small, high), top, TextWidth(small, high) + 2, line),
             Qt::AlignLeft, high, small, theme_.faint);
    if (!figure_.scale.diverging()) return;
    const double x = gradient.center().x();
    DrawHairline(painter_, {x, gradient.top()}, {x, gradient.bottom() + 2}, theme_.axis);
    const double room = gradient.width() - TextWidth(small, low) - TextWidth(small, high) - 12;
    if (TextWidth(small, figure_.centre_text) <= room)
      DrawText(painter_, QRectF(x - room / 2, top, room, line), Qt::AlignHCenter, figure_.centre_text, small,
               theme_.faint);
  }

  void PaintLegendNotes(QRectF rest) {
    for (const LegendNote& note : LegendNotes(figure_)) {
      if (TextWidth(theme_.Small(), note.text) + (note.mark ? 13 : 0) > rest.width()) return;
      if (note.mark) {
        PaintMark({rest.left() + 5, rest.center().y()}, 7, *note.mark, theme_.text);
        rest.setLeft(rest.left() + 13);
      }
      DrawText(painter_, rest, Qt::AlignLeft | Qt::AlignVCenter, note.text, theme_.Small(), theme_.text);
      rest.setLeft(rest.left() + TextWidth(theme_.Small(), note.text) + 14);
    }
  }

  QPainter& painter_;
  const Theme& theme_;
  const HeatMapFigure& figure_;
  const HeatMapLayout layout_;
};

}  // namespace

HeatMapLayout LayOutHeatMap(const QRectF& area, const Theme& theme, const HeatMapFigure& figure) {
  constexpr double kLeastMap = 40, kMarginBars = 56;
  HeatMapLayout layout;
  const QFont small = theme.Small();
  const double line = LineHeight(small);
  QRectF rest = area;
  const double title = std::max(TitleHeight(figure.title, theme), figure.margin.empty() ? 0.0 : line + 4);
  if (rest.height() - title >= kLeastMap) {
    layout.title = QRectF(rest.left(), rest.top(), rest.width(), std::max(0.0, title - 4));
    rest.setTop(rest.top() + title);
  }
  if (figure.rows <= 0 || figure.columns <= 0) return layout;
  layout.caption = TakeBottom(&rest, CaptionHeight(figure.caption, area.width(), theme), 2.5 * kLeastMap);
  if (figure.legend)
    layout.legend = TakeBottom(&rest, LegendHeight(figure, theme, area.width()), 2 * kLeastMap);
  if (!figure.column_title.isEmpty()) layout.column_title = TakeBottom(&rest, line, 2 * kLeastMap);
  layout.columns = TakeBottom(&rest, line + 2, kLeastMap);

  const double labels =
      WidestLabel(figure.row_labels, figure.rows, theme.FontOf(theme.text_size - 1, true)) + 6;
  if (rest.width() - labels >= 2 * kLeastMap) {
    if (!figure.row_title.isEmpty() && rest.width() - labels - line >= 4 * kLeastMap) {
      layout.row_title = QRectF(rest.left(), rest.top(), line, rest.height());
      rest.setLeft(rest.left() + line);
    }
    layout.rows = QRectF(rest.left(), rest.top(), labels - 6, rest.height());
    rest.setLeft(rest.left() + labels);
  }
  if (!figure.margin.empty()) {
    const double width = kMarginBars + MarginLabelWidth(figure, theme) + 6;
    if (rest.width() - width - 8 >= 3 * kLeastMap) {
      layout.margin = QRectF(rest.right() - width, rest.top(), width, rest.height());
      rest.setRight(rest.right() - width - 8);
      layout.title.setRight(rest.right());
    }
  }
  layout.map = rest;
  for (QRectF* below : {&layout.columns, &layout.column_title})
    if (!below->isEmpty()) *below = QRectF(rest.left(), below->top(), rest.width(), below->height());
  if (!layout.columns.isEmpty()) layout.columns.setTop(layout.columns.top() + 2);
  return layout;
}

QRectF CellRect(const HeatMapLayout& layout, const HeatMapFigure& figure, HeatMapCell cell) {
  const double width = layout.map.width() / figure.columns, height = layout.map.height() / figure.rows;
  const double top = layout.map.top() + cell.row * height;
  if (cell.column < 0) return {layout.map.left(), top, layout.map.width(), height};
  return {layout.map.left() + cell.column * width, top, width, height};
}

std::size_t ClippedCells(const HeatMapFigure& figure) {
  return static_cast<std::size_t>(std::count_if(figure.values.begin(), figure.values.end(), [&](float value) {
    return figure.scale.Clips(static_cast<double>(value));
  }));
}

void PaintHeatMap(QPainter& painter, const QRectF& area, const Theme& theme, const HeatMapFigure& figure) {
  ORRERY_CHECK(figure.values.size() ==
                   static_cast<std::size_t>(figure.rows) * static_cast<std::size_t>(figure.columns),
               "a heat map wants a value for each cell");
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  HeatMapPainter(painter, area, theme, figure).Paint();
}

std::optional<HeatMapCell> HitHeatMap(const QRectF& area, const Theme& theme, const HeatMapFigure& figure,
                                      const QPointF& at) {
  const HeatMapLayout layout = LayOutHeatMap(area, theme, figure);
  if (layout.map.isEmpty() || at.y() < layout.map.top() || at.y() >= layout.map.bottom()) return std::nullopt;
  const int row = std::min(figure.rows - 1,
                           static_cast<int>((at.y() - layout.map.top()) / layout.map.height() * figure.rows));
  if (at.x() >= layout.map.left() && at.x() < layout.map.right())
    return HeatMapCell{
        row, std::min(figure.columns - 1,
                      static_cast<int>((at.x() - layout.map.left()) / layout.map.width() * figure.columns))};
  const auto beside = [&](const QRectF& box) {
    return !box.isEmpty() && at.x() >= box.left() && at.x() < box.right();
  };
  if (beside(layout.margin) || beside(layout.rows)) return HeatMapCell{row, -1};
  return std::nullopt;
}

}  // namespace orrery::gui
