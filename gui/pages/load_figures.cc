#include "gui/pages/load_figures.h"

#include <algorithm>

#include "gui/geometry/ticks.h"

namespace orrery::gui {
namespace {

QString TitleOf(const LoadRequest& request) {
  const char* what = request.columns == LoadColumns::kRanks     ? "Rows of each EP rank over the mean"
                     : request.columns == LoadColumns::kExperts ? "Rows of each expert over the mean"
                     : request.columns == LoadColumns::kSorted  ? "Experts of each layer, the fullest first"
                                                                : "Rows of each slot over the mean";
  const QString over = request.count == LoadCount::kMicroBatch
                           ? QString("micro-batch %1").arg(request.micro_batch)
                       : request.count == LoadCount::kStep ? QString("mean of a step")
                       : request.count == LoadCount::kMix  ? QString("the whole mix")
                                                           : QString("domain %1").arg(request.domain);
  return QString(what) + ", " + over;
}

QString ColumnTitle(LoadColumns columns) {
  switch (columns) {
    case LoadColumns::kRanks:
      return "EP rank";
    case LoadColumns::kExperts:
      return "expert";
    case LoadColumns::kSorted:
      return "experts, fullest first";
    case LoadColumns::kSlots:
      return "expert slot";
  }
  return {};
}

/// Experts that get hardly any rows and those that get more than twice the mean.
void AddMarks(const LoadView& view, HeatMapFigure* figure) {
  if (view.request.columns == LoadColumns::kRanks || view.request.columns == LoadColumns::kSorted) return;
  figure->mark_names = {"dead: below 0.04", "above 2", ""};
  for (int l = 0; l < view.layers; ++l) {
    for (int c = 0; c < view.columns; ++c) {
      const double x = view.At(l, c);
      if (x < 0.04) figure->marks.push_back({{l, c}, CellMark::kCross});
      if (x > 2) figure->marks.push_back({{l, c}, CellMark::kDot});
    }
  }
}

void Label(const LoadView& view, const std::vector<std::string>& layers, HeatMapFigure* figure) {
  figure->rows = view.layers;
  figure->columns = view.columns;
  figure->row_title = "layer";
  figure->column_title = ColumnTitle(view.request.columns);
  figure->as_percent = true;
  figure->low_text = "fewer";
  figure->high_text = "more";
  for (const std::string& name : layers) figure->row_labels.push_back(QString::fromStdString(name));
  figure->row_labels.resize(static_cast<std::size_t>(view.layers));
}

QString StripTitle(const RankStrip& strip, int planned_from) {
  switch (strip.kind) {
    case RankStrip::Kind::kInOrder:
      return "experts in order";
    case RankStrip::Kind::kScenario:
      return QString("as the scenario places them, %1 slots").arg(strip.slots);
    case RankStrip::Kind::kPlanned:
      return QString("EPLB, %1 slots, planned on the %2 before").arg(strip.slots).arg(planned_from);
    case RankStrip::Kind::kBest:
      return QString("EPLB, %1 slots, planned on this micro-batch (the best)").arg(strip.slots);
  }
  return {};
}

}  // namespace

QString Percent(double share) { return QString::fromStdString(SignedPercent(share, 1)); }

HeatMapFigure LoadMapOf(const LoadView& view, const std::vector<std::string>& layers, bool dark) {
  HeatMapFigure figure;
  figure.title = TitleOf(view.request);
  figure.scale = ColourScale::AboutOne(ScaleLimit(view.request), dark);
  Label(view, layers, &figure);
  figure.centre_text = "1 = balanced";
  figure.values.assign(view.values.begin(), view.values.end());
  figure.margin_title = "hottest";
  for (const LayerLoad& row : view.rows) {
    figure.margin.push_back(
        static_cast<float>(row.hottest_rank < 0 ? row.balance.max_vio : row.hottest_excess));
    figure.margin_labels.push_back(Percent(figure.margin.back()));
  }
  AddMarks(view, &figure);
  figure.caption = QString("MaxVio of experts %1, CV %2, Gini %3 (means over layers).")
                       .arg(view.mean.max_vio, 0, 'f', 2)
                       .arg(view.mean.cv, 0, 'f', 2)
                       .arg(view.mean.gini, 0, 'f', 2);
  if (view.request.count == LoadCount::kMix && view.mean.max_vio < 0.3)
    figure.caption += " Balanced over the mix is not balanced in a micro-batch.";
  return figure;
}

std::optional<HeatMapFigure> LoadDifferenceOf(const LoadView& view, const LoadView& base,
                                              const std::vector<std::string>& layers, bool dark) {
  if (view.layers != base.layers || view.columns != base.columns) return std::nullopt;
  HeatMapFigure figure;
  figure.title = "Difference: one over the other";
  figure.scale = ColourScale::AboutOne(ScaleLimit(view.request), dark);
  Label(view, layers, &figure);
  figure.centre_text = "the same";
  for (std::size_t i = 0; i < view.values.size(); ++i)
    figure.values.push_back(base.values[i] > 0 ? static_cast<float>(view.values[i] / base.values[i]) : 1.0F);
  return figure;
}

StemsFigure StripsFigureOf(const std::vector<RankStrip>& strips, int planned_from) {
  StemsFigure figure;
  figure.index_title = "EP rank";
  figure.index_word = "rank";
  // Fixed steps, so that the axis does not move from one micro-batch to the next.
  double low = 0.75, high = 1.5;
  for (const RankStrip& strip : strips)
    for (const double value : strip.ranks) {
      while (value < low) low -= 0.25;
      while (value > high) high += 0.5;
    }
  figure.limits = {{low, high}};
  QStringList missing;
  for (const RankStrip& strip : strips) {
    if (!strip.why_not.empty()) {
      if (strip.kind != RankStrip::Kind::kScenario) missing += QString::fromStdString(strip.why_not);
      continue;
    }
    StemStrip stem;
    stem.title = StripTitle(strip, planned_from);
    stem.values.assign(strip.ranks.begin(), strip.ranks.end());
    stem.category = strip.kind == RankStrip::Kind::kInOrder ? 0
                    : strip.kind == RankStrip::Kind::kBest  ? 3
                                                            : 2;
    figure.strips.push_back(std::move(stem));
  }
  missing.removeDuplicates();
  figure.caption = missing.join("; ");
  return figure;
}

}  // namespace orrery::gui
