#include "gui/pages/timeline_page.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "gui/geometry/ticks.h"
#include "gui/pages/content.h"
#include "gui/pages/result_figures.h"
#include "gui/session/text.h"
#include "scenarios/training/block_kernels.h"
#include "scenarios/training/span_words.h"

namespace orrery::gui {
namespace {

constexpr double kZoomStep = 1.25;
constexpr int kFirstOfEach = -1;

QString Milliseconds(std::int64_t picoseconds) {
  return Text(Seconds(static_cast<double>(picoseconds) * 1e-12));
}

/// The span of a rank's stream that a cause names is the one whose `cause` it is; what it let start is looked for among the
/// spans that begin when it ends.
std::optional<SpanRef> EffectOf(const TimelineData& data, const SpanRef& cause) {
  const Timeline& timeline = data.timeline();
  const std::int64_t end = timeline.At(cause).end();
  for (int rank = 0; rank < timeline.ranks(); ++rank) {
    for (int stream = 0; stream < timeline.streams(); ++stream) {
      const std::vector<Span>& lane = timeline.Lane(rank, stream);
      auto at = std::lower_bound(lane.begin(), lane.end(), end,
                                 [](const Span& s, std::int64_t time) { return s.start() < time; });
      for (; at != lane.end() && at->start() <= end; ++at)
        if (at->cause() == cause) return SpanRef{rank, stream, static_cast<std::uint32_t>(at - lane.begin())};
    }
  }
  return std::nullopt;
}

}  // namespace

BlockKernelsModel::BlockKernelsModel(QObject* parent)
    : TableModel({{"kernel", {}, false, "kind, shape and SMs"},
                  {"time", "us", true, "alone, at the rows that reached this rank"},
                  {"operations", "GFLOP", true, {}},
                  {"moved", "MB", true, {}},
                  {"provenance", {}, false, "measured, derived, scaled or analytic"},
                  {"priced from", {}, false, {}}},
                 parent) {}

void BlockKernelsModel::Show(const TimelineData& data, const SpanRef& ref) {
  const scenarios::TrainingModel& model = *data.run->model;
  const Span& span = data.timeline().At(ref);
  const scenarios::SpanWork work = scenarios::SpanWorkOf(span, model.scenario().MicroBatches());
  std::vector<TableRow> rows;
  if (!work.message && data.run->outcome.prices && data.run->outcome.loads) {
    const std::int64_t reach = data.run->outcome.loads->At(span.instance(), 0, ref.rank % data.group).rows;
    for (const scenarios::BlockKernel& kernel :
         scenarios::KernelsOfBlock(model.cost(), data.run->outcome.prices->UnitKey(), work.unit, work.part,
                                   work.moe_layer >= 0 ? reach : 0)) {
      rows.push_back({{TextCell(Text(kernel.text)), NumberCell(kernel.seconds * 1e6, 2),
                       NumberCell(kernel.work.flops * 1e-9, 2), NumberCell(kernel.work.bytes * 1e-6, 2),
                       TextCell(Text(hw::Name(kernel.provenance))), TextCell(Text(kernel.table))},
                      {},
                      {}});
    }
  }
  SetRows(std::move(rows));
}

SpansModel::SpansModel(QObject* parent)
    : TableModel({{"GPU", {}, false, {}},
                  {"stream", {}, false, {}},
                  {"what", {}, false, "the first 500 spans in view"},
                  {"start", "ms", true, {}},
                  {"length", "ms", true, {}},
                  {"waited", "ms", true, "for its group, before it started"}},
                 parent) {}

void SpansModel::Show(const TimelineData& data, const std::vector<int>& ranks, std::int64_t from,
                      std::int64_t to) {
  constexpr double kMillisecond = 1e-9;  // of a picosecond
  std::vector<TableRow> rows;
  for (const int rank : ranks) {
    for (int stream = 0; stream < data.streams; ++stream) {
      const auto [first, last] = InView(data.lanes.Lane(data.Lane(rank, stream)), from, to);
      for (std::size_t i = first; i < last && rows.size() < kMost; ++i) {
        const SpanRef ref{rank, stream, static_cast<std::uint32_t>(i)};
        const Span& span = data.timeline().At(ref);
        TableRow row{
            {TextCell(data.RankText(rank)), TextCell(Text(scenarios::StreamName(stream))),
             TextCell(data.Text(ref)), NumberCell(static_cast<double>(span.start()) * kMillisecond, 4),
             NumberCell(static_cast<double>(span.end() - span.start()) * kMillisecond, 4),
             NumberCell(static_cast<double>(span.start() - span.ready()) * kMillisecond, 4)},
            {},
            {}};
        row.selects.span = ref;
        rows.push_back(std::move(row));
      }
    }
  }
  SetRows(std::move(rows));
}

TimelinePage::TimelinePage(Session* session, QWidget* parent)
    : Page("timeline", "3 Timeline", session, parent),
      overview_(AddPanel("all-gpus")),
      lanes_(AddPanel("lanes")),
      beside_(AddPanel("against")),
      kernels_(AddPanel("kernels")),
      worker_(new Background(this)),
      against_worker_(new Background(this)) {
  auto* column = new QVBoxLayout(this);
  column->addWidget(MakeControls());
  auto* parts = new QSplitter(Qt::Vertical, this);
  for (Panel* panel : {overview_, lanes_, beside_, kernels_}) parts->addWidget(panel);
  parts->setSizes({190, 420, 200, 140});
  parts->setStretchFactor(1, 1);
  column->addWidget(parts, 1);
  below_ = new QLabel(this);
  below_->hide();
  column->addWidget(below_);
  detail_ = new QLabel(this);
  detail_->setWordWrap(true);
  detail_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  detail_->setAccessibleName("The selected span");
  detail_->setMinimumHeight(2 * detail_->fontMetrics().height());
  column->addWidget(detail_);
  beside_->hide();
  connect(session, &Session::AnswerChanged, this, &TimelinePage::RefreshSoon);
  connect(session, &Session::ShownChanged, this, &TimelinePage::RefreshSoon);
  connect(session, &Session::VariantEdited, this, &TimelinePage::RefreshSoon);
  connect(session, &Session::SelectionChanged, this, [this] {
    if (isVisible()) Draw();
  });
  connect(lanes_, &Panel::Pressed, this, &TimelinePage::PressLanes);
  connect(lanes_, &Panel::Dragged, this, &TimelinePage::DragLanes);
  connect(lanes_, &Panel::Wheeled, this, &TimelinePage::WheelLanes);
  connect(lanes_, &Panel::Stepped, this, &TimelinePage::MoveInLane);
  connect(lanes_, &Panel::DoubleClicked, this, [this](const PanelPoint&) {
    if (const auto span = Selected()) {
      const Span& s = data_->timeline().At(*span);
      const std::int64_t margin = std::max<std::int64_t>(1000, s.end() - s.start());
      ShowTime(s.start() - margin, s.end() + margin);
    }
  });
  connect(lanes_, &Panel::Hovered, this, [this](const std::optional<PanelPoint>& point) {
    if (!data_ || !point) return;
    const auto hit = HitTimeline(point->canvas, theme(), LanesOf(*data_), point->at);
    lanes_->setToolTip(hit && hit->span ? data_->Text(data_->RefOf(*hit->span)) : QString());
  });
  const auto move_window = [this](const PanelPoint& point) {
    if (!data_) return;
    const auto hit = HitOverview(point.canvas, theme(), OverviewOf(*data_), point.at);
    if (!hit) return;
    const std::int64_t half = (axis_.to() - axis_.from()) / 2;
    ShowTime(hit->time - half, hit->time + half);
  };
  connect(overview_, &Panel::Pressed, this, move_window);
  connect(overview_, &Panel::Dragged, this,
          [move_window](const PanelPoint&, const PanelPoint& to) { move_window(to); });
  connect(overview_, &Panel::Wheeled, this,
          [this](const PanelPoint&, double notches) { ZoomBy(std::pow(kZoomStep, notches)); });
}

TimelinePage::~TimelinePage() = default;

QWidget* TimelinePage::MakeControls() {
  auto* bar = new QWidget(this);
  auto* line = new QHBoxLayout(bar);
  line->setContentsMargins(0, 0, 0, 0);
  line->addWidget(new QLabel("lanes of", bar));
  which_ = new QComboBox(bar);
  which_->setAccessibleName("GPUs whose lanes are shown");
  which_->addItem("the first GPU of each pipeline rank", kFirstOfEach);
  line->addWidget(which_);
  chain_ = new QCheckBox("critical chain", bar);
  line->addWidget(chain_);
  auto* fit = new QPushButton("Fit", bar);
  line->addWidget(fit);
  line->addStretch();
  find_ = new QLineEdit(bar);
  find_->setPlaceholderText("find: mlp(B), layer 31");
  find_->setAccessibleName("Find spans by their words");
  line->addWidget(find_);
  found_ = new QLabel(bar);
  line->addWidget(found_);
  auto* trace = new QPushButton("Trace for Perfetto…", bar);
  line->addWidget(trace);
  connect(which_, &QComboBox::activated, this, [this] {
    scroll_ = 0;
    Draw();
  });
  connect(chain_, &QCheckBox::toggled, this, &TimelinePage::Draw);
  connect(fit, &QPushButton::clicked, this, [this] {
    axis_.Fit();
    Draw();
  });
  connect(find_, &QLineEdit::returnPressed, this, [this] { FindNext(1); });
  connect(trace, &QPushButton::clicked, this, [this] {
    if (!data_) return;
    std::vector<int> ranks;
    for (const int rank : RanksShown(*data_))
      if (ranks.empty() || ranks.back() != rank / data_->group) ranks.push_back(rank / data_->group);
    Q_EMIT TraceAsked(ranks);
  });
  return bar;
}

QString TimelinePage::KeysHelp() const {
  return Page::KeysHelp() +
         "\nA, D: move, W, S: zoom (also + and -), F: the whole step\nLeft, Right: the span before and "
         "after, Up, Down: the "
         "lane above and below\nEnter: what made the span start, Shift+Enter: what it let start\nM: the "
         "critical chain\n"
         "[ and ]: the span before and after that has the words in Find\nShift and drag: totals of a range";
}

void TimelinePage::SetTheme(const Theme& theme) {
  Page::SetTheme(theme);
  if (data_) Draw();
}

void TimelinePage::Take(const std::shared_ptr<const scenarios::Run>& run,
                        std::shared_ptr<const TimelineData>* into, Background* worker) {
  worker->Run<std::shared_ptr<const TimelineData>>(
      [run](const RunControl& control) { return MakeTimelineData(run, control); },
      [this, into](std::shared_ptr<const TimelineData> made) {
        *into = std::move(made);
        if (into == &data_) {
          const int chosen = which_->currentData().toInt();
          which_->clear();
          which_->addItem("the first GPU of each pipeline rank", kFirstOfEach);
          for (int rank = 0; rank < data_->ranks / data_->group && data_->group > 1; ++rank)
            which_->addItem(QString("all of pipeline rank %1").arg(rank), rank);
          which_->setCurrentIndex(std::max(0, which_->findData(chosen)));
        }
        FitAxis();
        Draw();
      },
      [this](const QString& why) {
        data_.reset();
        lanes_->SetContent({"Lanes", "", {}, why, nullptr});
      });
}

void TimelinePage::FitAxis() {
  if (!data_) return;
  auto [from, to] = data_->rows.Limits();
  if (against_) {
    const auto [other_from, other_to] = against_->rows.Limits();
    from = std::min(from, other_from), to = std::max(to, other_to);
  }
  axis_ = TimeAxis(from, to, std::max(1.0, axis_.width()));
}

void TimelinePage::Refresh() {
  const ShownAnswers shown = AnswersOf(session());
  const auto run_of = [](const AnswerPtr& answer) -> std::shared_ptr<const scenarios::Run> {
    return answer && answer->run && answer->run->outcome.timeline.spans() > 0 ? answer->run : nullptr;
  };
  auto run = run_of(shown.answer);
  if (!run && session().Shown()) {  // the analysed answer may have let its own go
    for (const Sureness kind : {Sureness::kEveryGpu, Sureness::kOneGroup, Sureness::kFolded})
      if (!run) run = run_of(session().AnswerOf(session().shown(), kind));
  }
  stale_ = shown.stale;
  const auto other = run_of(shown.against);
  if (run != wanted_) {
    wanted_ = run;
    if (run) {
      Take(run, &data_, worker_);
    } else {
      data_.reset();
    }
  }
  if (other != wanted_against_) {
    wanted_against_ = other;
    against_.reset();
    if (other) {
      Take(other, &against_, against_worker_);
    } else {
      FitAxis();
    }
  }
  Draw();
}

void TimelinePage::Settle() {
  worker_->Wait();
  against_worker_->Wait();
}

std::vector<int> TimelinePage::RanksShown(const TimelineData& data) const {
  std::vector<int> ranks;
  const int chosen = which_->currentData().toInt();
  if (chosen != kFirstOfEach) {
    for (int place = 0; place < data.group; ++place) ranks.push_back(chosen * data.group + place);
    return ranks;
  }
  for (int rank = 0; rank < data.ranks; rank += data.group) ranks.push_back(rank);
  // The lanes of what is selected are there, whichever GPU it is of.
  const auto& place = session().selection();
  int wanted = -1;
  if (const auto selected = Selected()) {
    wanted = selected->rank;
  } else if (place.pipeline_rank && place.ep_rank && *place.ep_rank < data.group) {
    wanted = *place.pipeline_rank * data.group + *place.ep_rank;
  }
  if (wanted >= 0 && wanted < data.ranks && wanted % data.group != 0)
    ranks.insert(std::upper_bound(ranks.begin(), ranks.end(), wanted), wanted);
  return ranks;
}

std::optional<SpanRef> TimelinePage::Selected() const {
  const auto& span = session().selection().span;
  if (!data_ || !span || span->rank >= data_->ranks || span->stream >= data_->streams ||
      span->index >= data_->timeline().Lane(span->rank, span->stream).size())
    return std::nullopt;
  return span;
}

TimelineFigure TimelinePage::LanesOf(const TimelineData& data) const {
  TimelineFigure figure;
  figure.spans = &data.lanes;
  figure.names = &data.names;
  figure.axis = axis_;
  figure.colours = StepColours(theme());
  figure.legend = StepLegend(theme());
  figure.scroll = scroll_;
  figure.pale = stale_;
  for (const int rank : RanksShown(data)) {
    for (int stream = 0; stream < data.streams; ++stream) {
      if (data.lanes.Lane(data.Lane(rank, stream)).empty()) continue;
      figure.lanes.push_back({data.Lane(rank, stream), Text(scenarios::StreamName(stream)),
                              stream == 0 ? data.RankText(rank) : QString()});
    }
  }
  if (&data == data_.get()) {
    if (const auto selected = Selected()) figure.selected = data.RefOf(*selected);
    figure.range = range_;
  }
  if (chain_->isChecked())
    for (const SpanRef& span : data.chain) figure.lit.push_back(data.RefOf(span));
  return figure;
}

OverviewFigure TimelinePage::OverviewOf(const TimelineData& data) const {
  OverviewFigure figure;
  figure.title = data.run->result.folded
                     ? "One GPU a pipeline rank, at even loads"
                     : QString("All %1 GPUs of one exchange group of every pipeline rank").arg(data.ranks);
  figure.spans = &data.rows;
  figure.sums = data.sums.get();
  figure.row_of_lane = &data.row_of_lane;
  const auto [from, to] = data.rows.Limits();
  figure.axis = TimeAxis(from, to, 1000);
  figure.colours = StepColours(theme());
  figure.window = {{axis_.from(), axis_.to()}};
  figure.pale = stale_;
  for (int rank = 0; rank < data.ranks; rank += data.group)
    figure.groups.push_back({rank, QString("pipeline rank %1").arg(rank / data.group)});
  if (const auto& place = session().selection();
      place.pipeline_rank && place.ep_rank && *place.ep_rank < data.group)
    figure.selected = std::min(data.ranks - 1, *place.pipeline_rank * data.group + *place.ep_rank);
  return figure;
}

void TimelinePage::Draw() {
  const QString absent = worker_->Busy()     ? "Laying out the spans of the step…"
                         : session().Shown() ? "The timeline comes with the first simulated step"
                                             : "Open a scenario";
  if (!data_) {
    for (Panel* panel : {overview_, lanes_}) panel->SetContent({"Timeline", "", {}, absent, nullptr});
    kernels_->SetContent({});
    return;
  }
  // Figures are drawn from the data of the moment: what is painted later must still be there.
  const auto content = [this](const std::shared_ptr<const TimelineData>& data, const QString& title) {
    PanelContent lanes;
    lanes.title = title;
    lanes.description = detail_->text();
    lanes.paint = [this, data](QPainter& painter, const QRectF& area, const Theme& theme) {
      PaintTimeline(painter, area, theme, LanesOf(*data));
    };
    return lanes;
  };
  PanelContent overview;
  overview.title = OverviewOf(*data_).title;
  overview.description = overview.title;
  overview.paint = [this, data = data_](QPainter& painter, const QRectF& area, const Theme& theme) {
    PaintOverview(painter, area, theme, OverviewOf(*data));
  };
  const double plot = LayOutTimeline(QRectF(lanes_->canvas()->rect()), theme(), LanesOf(*data_)).plot.width();
  if (plot > 1 && plot != axis_.width()) axis_.Resize(plot);
  overview_->SetContent(std::move(overview));
  PanelContent own = content(data_, "Lanes");
  own.table = span_table_;
  own.list = [this] {
    if (data_) span_table_->Show(*data_, RanksShown(*data_), axis_.from(), axis_.to());
  };
  lanes_->SetContent(std::move(own));
  beside_->setVisible(against_ != nullptr);
  below_->setVisible(against_ != nullptr);
  if (against_ && session().Against())
    below_->setText("Above: " + QString::fromStdString(session().Shown()->name) +
                    ". Below, on the same axis: " + QString::fromStdString(session().Against()->name) + ".");
  if (against_) {
    PanelContent other = content(against_, "Lanes of the variant beside");
    beside_->SetContent(std::move(other));
  } else {
    beside_->SetContent({});
  }
  DrawDetail();
  const QString stale = stale_ ? "of the previous edit" : "";
  for (Panel* panel : {overview_, lanes_}) panel->SetStale(stale);
}

void TimelinePage::DrawDetail() {
  QStringList lines;
  const auto selected = Selected();
  if (selected) {
    const Span& span = data_->timeline().At(*selected);
    QString line = data_->Text(*selected) + " on " + data_->RankText(selected->rank) + ": " +
                   Milliseconds(span.end() - span.start());
    if (span.start() > span.ready())
      line += ", after waiting " + Milliseconds(span.start() - span.ready()) + " for its group";
    const SpanRef cause = span.cause();
    if (cause.rank >= 0)
      line +=
          "; started by " + data_->Text(cause) + " of " + data_->RankText(cause.rank) + " (Enter goes there)";
    lines += line;
    kernel_table_->Show(*data_, *selected);
  } else {
    kernel_table_->Clear();
    lines += "Click a span to see what it is, what made it start and which kernels it consists of.";
  }
  if (range_) {
    const RangeTotals totals = TotalsIn(*data_, RanksShown(*data_), range_->first, range_->second);
    constexpr std::array<const char*, 6> kNames = {
        "forward", "backward for inputs", "backward for weights", "embedding and heads",
        "",        "exposed exchanges"};
    QStringList parts;
    for (std::size_t c = 0; c < kNames.size(); ++c)
      if (totals.seconds[c] > 0 && *kNames[c] != '\0')
        parts += QString("%1 %2").arg(kNames[c], Text(Seconds(totals.seconds[c])));
    parts += "idle " + Text(Seconds(totals.idle_s));
    lines += QString("Range of %1, all GPUs shown: %2")
                 .arg(Milliseconds(range_->second - range_->first), parts.join(", "));
  }
  detail_->setText(lines.join("\n"));
  const bool any = kernel_table_->rowCount() > 0;
  PanelContent kernels;
  kernels.title = "Kernels of the selected block";
  kernels.absent = selected ? "No kernels: it moves data only"
                            : "Kernels of a block appear here when its span is selected";
  if (any) kernels.table = kernel_table_;
  kernels_->SetContent(std::move(kernels));
}

void TimelinePage::ShowTime(std::int64_t from, std::int64_t to) {
  axis_.Show(from, to);
  Draw();
}

void TimelinePage::GoTo(const SpanRef& span) {
  if (!data_) return;
  const Span& s = data_->timeline().At(span);
  const scenarios::SpanWork work = scenarios::SpanWorkOf(s, data_->run->model->scenario().MicroBatches());
  Selection selection = session().selection();
  selection.span = span;
  selection.pipeline_rank = span.rank / data_->group;
  selection.ep_rank.reset();
  if (data_->group > 1) selection.ep_rank = span.rank % data_->group;
  selection.layer.reset();
  if (work.moe_layer >= 0) selection.layer = work.moe_layer;
  selection.micro_batch = work.micro_batch;
  if (s.start() >= axis_.to() || s.end() <= axis_.from()) {
    const std::int64_t half = (axis_.to() - axis_.from()) / 2, middle = (s.start() + s.end()) / 2;
    axis_.Show(middle - half, middle + half);
  }
  session().Select(selection);
}

void TimelinePage::GoToCause() {
  if (const auto selected = Selected())
    if (const SpanRef cause = data_->timeline().At(*selected).cause(); cause.rank >= 0) GoTo(cause);
}

void TimelinePage::GoToEffect() {
  if (const auto selected = Selected())
    if (const auto effect = EffectOf(*data_, *selected)) GoTo(*effect);
}

void TimelinePage::FindNext(int direction) {
  const QString words = find_->text().trimmed();
  if (!data_ || words.isEmpty()) return;
  // In order of time over the lanes shown; a text is only made where the kind may match.
  const QString kind = words.section(',', 0, 0).trimmed();
  std::vector<SpanRef> hits;
  for (const int rank : RanksShown(*data_)) {
    for (int stream = 0; stream < data_->streams; ++stream) {
      const std::vector<Span>& lane = data_->timeline().Lane(rank, stream);
      for (std::size_t i = 0; i < lane.size(); ++i) {
        const SpanRef ref{rank, stream, static_cast<std::uint32_t>(i)};
        const bool may = data_->names[lane[i].price()].contains(kind) || words.startsWith("layer") ||
                         words.startsWith("micro");
        if (may && data_->Text(ref).contains(words)) hits.push_back(ref);
      }
    }
  }
  const auto start_of = [&](const SpanRef& ref) { return data_->timeline().At(ref).start(); };
  std::stable_sort(hits.begin(), hits.end(),
                   [&](const SpanRef& a, const SpanRef& b) { return start_of(a) < start_of(b); });
  if (hits.empty()) {
    found_->setText("0");
    return;
  }
  const auto selected = Selected();
  const auto now = selected ? std::find(hits.begin(), hits.end(), *selected) : hits.end();
  std::size_t next = 0;
  if (now != hits.end()) {
    const std::size_t count = hits.size(), place = static_cast<std::size_t>(now - hits.begin());
    next = direction > 0 ? (place + 1) % count : (place + count - 1) % count;
  } else {
    const auto after = std::find_if(hits.begin(), hits.end(),
                                    [&](const SpanRef& ref) { return start_of(ref) >= axis_.from(); });
    next = after == hits.end() ? 0 : static_cast<std::size_t>(after - hits.begin());
  }
  found_->setText(QString("%1 of %2").arg(next + 1).arg(hits.size()));
  GoTo(hits[next]);
}

void TimelinePage::PressLanes(const PanelPoint& point) {
  if (!data_) return;
  const TimelineFigure figure = LanesOf(*data_);
  const auto hit = HitTimeline(point.canvas, theme(), figure, point.at);
  if (point.modifiers & Qt::ShiftModifier) {
    if (hit) range_ = {{hit->time, hit->time + 1}};
    return Draw();
  }
  range_.reset();
  if (hit && hit->span) {
    GoTo(data_->RefOf(*hit->span));
  } else {
    Draw();
  }
}

void TimelinePage::ScrollBy(double pixels, const TimelineFigure& figure, const TimelineLayout& layout) {
  const double all = figure.lane_height * static_cast<double>(figure.lanes.size());
  scroll_ = std::clamp(scroll_ + pixels, 0.0, std::max(0.0, all - layout.plot.height()));
}

void TimelinePage::DragLanes(const PanelPoint& from, const PanelPoint& to) {
  if (!data_) return;
  const TimelineFigure figure = LanesOf(*data_);
  const TimelineLayout layout = LayOutTimeline(to.canvas, theme(), figure);
  if ((to.modifiers & Qt::ShiftModifier) && range_) {
    const std::int64_t time = axis_.Time(to.at.x() - layout.plot.left());
    range_->second = std::max(range_->first + 1, time);
    return Draw();
  }
  axis_.Pan(from.at.x() - to.at.x());
  ScrollBy(from.at.y() - to.at.y(), figure, layout);
  Draw();
}

void TimelinePage::WheelLanes(const PanelPoint& point, double notches) {
  if (!data_) return;
  const TimelineFigure figure = LanesOf(*data_);
  const TimelineLayout layout = LayOutTimeline(point.canvas, theme(), figure);
  if (point.modifiers & Qt::ControlModifier) {
    axis_.Zoom(point.at.x() - layout.plot.left(), std::pow(kZoomStep, notches));
  } else {
    ScrollBy(-48 * notches, figure, layout);
  }
  Draw();
}

void TimelinePage::ZoomBy(double factor) {
  axis_.Zoom(axis_.width() / 2, factor);
  Draw();
}

void TimelinePage::MoveInLane(int spans, int lanes) {
  if (!data_) return;
  const auto selected = Selected();
  if (!selected) {
    const TimelineFigure figure = LanesOf(*data_);
    if (figure.lanes.empty()) return;
    const auto [first, last] = InView(data_->lanes.Lane(figure.lanes.front().lane), axis_.from(), axis_.to());
    if (first < last)
      GoTo(data_->RefOf(LaneSpanRef{figure.lanes.front().lane, static_cast<std::uint32_t>(first)}));
    return;
  }
  if (spans != 0) {
    const auto count =
        static_cast<std::int64_t>(data_->timeline().Lane(selected->rank, selected->stream).size());
    const std::int64_t next =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(selected->index) + spans, 0, count - 1);
    return GoTo({selected->rank, selected->stream, static_cast<std::uint32_t>(next)});
  }
  const TimelineFigure figure = LanesOf(*data_);
  const int own = data_->Lane(selected->rank, selected->stream);
  for (std::size_t i = 0; i < figure.lanes.size(); ++i) {
    if (figure.lanes[i].lane != own) continue;
    const auto next = static_cast<std::int64_t>(i) + lanes;
    if (next < 0 || next >= static_cast<std::int64_t>(figure.lanes.size())) return;
    const int lane = figure.lanes[static_cast<std::size_t>(next)].lane;
    const auto found =
        SpanAt(data_->lanes.Lane(lane), data_->timeline().At(*selected).start(), std::int64_t{1} << 40);
    if (found) GoTo(data_->RefOf(LaneSpanRef{lane, *found}));
    return;
  }
}

void TimelinePage::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_W:
    case Qt::Key_Plus:
      return ZoomBy(kZoomStep);
    case Qt::Key_S:
    case Qt::Key_Minus:
      return ZoomBy(1 / kZoomStep);
    case Qt::Key_A:
      axis_.Pan(-100);
      return Draw();
    case Qt::Key_D:
      axis_.Pan(100);
      return Draw();
    case Qt::Key_F:
      axis_.Fit();
      return Draw();
    case Qt::Key_M:
      return chain_->toggle();
    case Qt::Key_BracketLeft:
      return FindNext(-1);
    case Qt::Key_BracketRight:
      return FindNext(1);
    case Qt::Key_Return:
    case Qt::Key_Enter:
      return event->modifiers() & Qt::ShiftModifier ? GoToEffect() : GoToCause();
    default:
      Page::keyPressEvent(event);
  }
}

}  // namespace orrery::gui
