#include "gui/pages/experts_page.h"

#include <QComboBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QShortcut>
#include <QSignalBlocker>
#include <QSlider>
#include <QSpinBox>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <exception>
#include <utility>

#include "core/config/fields.h"
#include "gui/geometry/ticks.h"
#include "gui/pages/content.h"
#include "gui/pages/load_figures.h"
#include "gui/pages/result_figures.h"
#include "gui/paint/tiles.h"
#include "gui/session/text.h"
#include "scenarios/schema/kinds.h"

namespace orrery::gui {
namespace {

constexpr int kPlayMilliseconds = 100;

std::vector<std::string> Strategies() {
  for (const scenarios::ScenarioKind& kind : scenarios::ScenarioKinds())
    for (const KeyLine& line : KeyLines(kind.fields, "routing.strategy"))
      if (line.path == "routing.strategy") return line.info.type.choices;
  return {};
}

template <class Value>
QComboBox* Choice(QWidget* parent, const QString& name,
                  const std::vector<std::pair<QString, Value>>& choices) {
  auto* box = new QComboBox(parent);
  box->setAccessibleName(name);
  box->setObjectName(name);
  for (const auto& [text, value] : choices) box->addItem(text, static_cast<int>(value));
  return box;
}

}  // namespace

ExpertsPage::ExpertsPage(Session* session, QWidget* parent)
    : Page("experts", "2 Experts", session, parent),
      maps_{AddPanel("ranks"), AddPanel("beside-1"), AddPanel("beside-2"), AddPanel("beside-3")},
      difference_(AddPanel("difference")),
      strips_(AddPanel("layer")),
      cost_(AddPanel("cost")),
      player_(new QTimer(this)),
      step_means_(new Background(this)) {
  auto* column = new QVBoxLayout(this);
  column->addWidget(MakeControls());
  auto* middle = new QGridLayout;
  for (int i = 0; i < kMostMaps; ++i) middle->addWidget(maps_[i], i / 2, i % 2);
  middle->addWidget(difference_, 0, 2);
  auto* line = new QHBoxLayout;
  line->addLayout(middle, 3);
  line->addWidget(strips_, 2);
  column->addLayout(line, 1);
  column->addWidget(cost_);
  cost_->setFixedHeight(84);
  for (Panel* panel : {maps_[1], maps_[2], maps_[3], difference_}) panel->hide();
  for (int i = 0; i < kMostMaps; ++i) map_tables_.push_back(std::make_shared<LoadsModel>());
  player_->setInterval(kPlayMilliseconds);
  Connect();
}

ExpertsPage::~ExpertsPage() = default;

QString ExpertsPage::KeysHelp() const {
  return Page::KeysHelp() +
         "\nArrows: the layer and the rank or expert that is selected\nSpace: play over micro-batches, and "
         "stop\n"
         "S: ranks, experts in order, sorted, slots";
}

QWidget* ExpertsPage::MakeControls() {
  auto* bar = new QWidget(this);
  auto* rows = new QVBoxLayout(bar);
  rows->setContentsMargins(0, 0, 0, 0);
  auto* line = new QHBoxLayout;
  rows->addLayout(line);
  const auto label = [&](const QString& text) { line->addWidget(new QLabel(text, bar)); };
  label("count");
  count_ = Choice<LoadCount>(bar, "count",
                             {{"one micro-batch", LoadCount::kMicroBatch},
                              {"mean of a step", LoadCount::kStep},
                              {"whole mix", LoadCount::kMix},
                              {"one domain", LoadCount::kDomain}});
  line->addWidget(count_);
  domain_ = new QComboBox(bar);
  domain_->setAccessibleName("domain");
  line->addWidget(domain_);
  label("show");
  columns_ = Choice<LoadColumns>(bar, "show",
                                 {{"EP ranks", LoadColumns::kRanks},
                                  {"experts", LoadColumns::kExperts},
                                  {"sorted", LoadColumns::kSorted},
                                  {"slots", LoadColumns::kSlots}});
  line->addWidget(columns_);
  label("group");
  group_ = new QSpinBox(bar);
  group_->setAccessibleName("exchange group");
  line->addWidget(group_);
  play_ = new QPushButton("Play", bar);
  play_->setCheckable(true);
  play_->setToolTip("Ten micro-batches a second (Space)");
  line->addWidget(play_);
  micro_batch_ = new QSlider(Qt::Horizontal, bar);
  micro_batch_->setAccessibleName("micro-batch");
  micro_batch_->setObjectName("micro-batch");
  micro_batch_->setMinimumWidth(120);
  line->addWidget(micro_batch_, 1);
  micro_batch_text_ = new QLabel(bar);
  line->addWidget(micro_batch_text_);
  line = new QHBoxLayout;
  rows->addLayout(line);
  label("strips: EPLB with");
  redundant_ = new QSpinBox(bar);
  redundant_->setAccessibleName("redundant experts");
  redundant_->setRange(0, 512);
  redundant_->setValue(64);
  redundant_->setSuffix(" more slots");
  line->addWidget(redundant_);
  label("on");
  ranks_ = new QComboBox(bar);
  ranks_->setAccessibleName("EP ranks of the strips");
  line->addWidget(ranks_);
  label("from");
  planned_from_ = new QSpinBox(bar);
  planned_from_->setAccessibleName("micro-batches that EPLB plans on");
  planned_from_->setRange(1, 1024);
  planned_from_->setValue(64);
  planned_from_->setSuffix(" before");
  line->addWidget(planned_from_);
  line->addStretch();
  add_ = new QPushButton("Add strategy", bar);
  line->addWidget(add_);
  simulate_ = new QPushButton("Simulate a step with these", bar);
  simulate_->hide();
  line->addWidget(simulate_);
  drop_recorded_ = new QPushButton("Back to the variant", bar);
  drop_recorded_->hide();
  line->addWidget(drop_recorded_);
  return bar;
}

void ExpertsPage::Connect() {
  Session* s = &session();
  connect(s, &Session::AnswerChanged, this, &ExpertsPage::RefreshSoon);
  connect(s, &Session::ShownChanged, this, &ExpertsPage::RefreshSoon);
  connect(s, &Session::VariantsChanged, this, &ExpertsPage::RefreshSoon);
  connect(s, &Session::VariantEdited, this, &ExpertsPage::RefreshSoon);
  connect(s, &Session::SelectionChanged, this, [this] {
    if (!isVisible()) return;
    DrawMaps();
    RefreshStrips();
    RefreshCost();
  });
  connect(s, &Session::HoverChanged, this, [this] {
    if (isVisible()) DrawMaps();
  });
  const auto remake = [this] {
    RefreshControls();
    RefreshMaps();
  };
  for (QComboBox* box : {count_, columns_, domain_}) connect(box, &QComboBox::activated, this, remake);
  connect(group_, &QSpinBox::valueChanged, this, remake);
  connect(micro_batch_, &QSlider::valueChanged, this, remake);
  connect(redundant_, &QSpinBox::valueChanged, this, &ExpertsPage::RefreshStrips);
  connect(planned_from_, &QSpinBox::valueChanged, this, &ExpertsPage::RefreshStrips);
  connect(ranks_, &QComboBox::activated, this, [this] {
    ranks_chosen_ = true;
    RefreshStrips();
  });
  connect(play_, &QPushButton::toggled, this, &ExpertsPage::SetPlaying);
  connect(player_, &QTimer::timeout, this, [this] {
    micro_batch_->setValue(micro_batch_->value() >= micro_batch_->maximum() ? 0 : micro_batch_->value() + 1);
  });
  auto* space = new QShortcut(QKeySequence(Qt::Key_Space), this);
  connect(space, &QShortcut::activated, this, [this] { SetPlaying(!playing()); });
  auto* show = new QShortcut(QKeySequence("S"), this);
  connect(show, &QShortcut::activated, this, [this, remake] {
    columns_->setCurrentIndex((columns_->currentIndex() + 1) % columns_->count());
    remake();
  });
  auto* menu = new QMenu(add_);
  for (const std::string& strategy : Strategies()) {
    const QString name = QString::fromStdString(strategy);
    connect(menu->addAction(name), &QAction::triggered, this, [this, name] {
      failed_ = AddStrategy(name);
      Refresh();
    });
  }
  add_->setMenu(menu);
  connect(simulate_, &QPushButton::clicked, this, &ExpertsPage::SimulateRecorded);
  connect(drop_recorded_, &QPushButton::clicked, this, [this] {
    recorded_.reset();
    Refresh();
  });
  for (int i = 0; i < kMostMaps; ++i) {
    connect(maps_[i], &Panel::Pressed, this, [this, i](const PanelPoint& point) { PressMap(i, point); });
    connect(maps_[i], &Panel::Hovered, this,
            [this, i](const std::optional<PanelPoint>& point) { HoverMap(i, point); });
    connect(maps_[i], &Panel::Stepped, this, &ExpertsPage::Step);
  }
}

bool ExpertsPage::playing() const { return player_->isActive(); }

void ExpertsPage::SetPlaying(bool playing) {
  const QSignalBlocker quiet(play_);
  play_->setChecked(playing);
  play_->setText(playing ? "Stop" : "Play");
  if (playing) {
    player_->start();
  } else {
    player_->stop();
  }
}

LoadRequest ExpertsPage::RequestNow() const {
  LoadRequest request;
  request.count = static_cast<LoadCount>(count_->currentData().toInt());
  request.columns = static_cast<LoadColumns>(columns_->currentData().toInt());
  request.group = group_->value();
  request.micro_batch = micro_batch_->value();
  request.micro_batches = micro_batch_->maximum() + 1;
  request.domain = std::max(0, domain_->currentIndex());
  return request;
}

ExpertsPage::Source ExpertsPage::SourceOf(const VariantPtr& variant) const {
  Source source;
  source.variant = variant->id;
  source.name = QString::fromStdString(variant->name);
  const AnswerPtr answer = session().Latest(variant->id);
  if (variant->plan->training() == nullptr || !variant->plan->training()->model.moe) {
    source.why_not = "This model has no routed experts";
    return source;
  }
  source.layer_names = MoeLayerNames(variant->plan->training()->model);
  if (!answer || !answer->run || answer->kind == Sureness::kFolded || !answer->run->model->loads()) {
    source.why_not = "Comes with an answer that draws loads (◐ or ●)";
    return source;
  }
  source.run = answer->run;
  source.loads = answer->run->model->loads();
  source.layers = answer->run->model->MoeLayers();
  const QString mark = Text(Mark(answer->kind));
  source.name += QString(": step %1 s %2").arg(answer->result->step_s, 0, 'f', 2).arg(mark);
  return source;
}

ExpertsPage::Source ExpertsPage::RecordedSource() const {
  Source source;
  source.name = QString::fromStdString(recorded_file_.filename().string());
  source.layers = recorded_->layers();
  for (int l = 0; l < source.layers; ++l) source.layer_names.push_back(std::to_string(l));
  return source;
}

std::vector<ExpertsPage::Source> ExpertsPage::WantedSources() const {
  std::vector<Source> sources;
  if (recorded_) sources.push_back(RecordedSource());
  std::vector<int> ids;
  if (session().shown() >= 0 && !recorded_) ids.push_back(session().shown());
  if (session().against() >= 0) ids.push_back(session().against());
  ids.insert(ids.end(), beside_.begin(), beside_.end());
  for (const int id : ids) {
    const VariantPtr variant = session().Find(id);
    const auto there = [&](const Source& s) { return s.variant == id; };
    if (!variant || sources.size() == kMostMaps || std::any_of(sources.begin(), sources.end(), there))
      continue;
    sources.push_back(SourceOf(variant));
  }
  return sources;
}

void ExpertsPage::View(Source* source, const LoadRequest& request) {
  if (!source->why_not.isEmpty()) return;
  try {
    if (source->variant < 0) {
      LoadRequest of_record = request;
      if (request.count != LoadCount::kDomain) of_record.count = LoadCount::kMix;
      const int ranks = ranks_->currentData().toInt();
      if (request.columns == LoadColumns::kSlots ||
          (request.columns == LoadColumns::kRanks && (ranks < 1 || recorded_->experts % ranks != 0)))
        of_record.columns = LoadColumns::kExperts;
      source->view = ViewRecorded(*recorded_, ranks, of_record);
    } else {
      source->view = ViewLoads(*source->loads, source->layers, request);
    }
  } catch (const std::exception& e) {
    source->why_not = QString::fromStdString(e.what());
  }
}

void ExpertsPage::RefreshControls() {
  const LoadCount count = static_cast<LoadCount>(count_->currentData().toInt());
  const bool sampled = count == LoadCount::kMicroBatch || count == LoadCount::kStep;
  const Source* first = sources_.empty() ? nullptr : &sources_.front();
  const scenarios::Scenario* scenario = first && first->run ? &first->run->model->scenario() : nullptr;
  {
    const QSignalBlocker quiet_slider(micro_batch_), quiet_group(group_), quiet_domain(domain_),
        quiet_ranks(ranks_);
    micro_batch_->setMaximum(scenario ? std::max(0, scenario->MicroBatches() - 1) : 0);
    group_->setMaximum(scenario ? std::max(0, scenario->parallelism.data / scenario->parallelism.expert - 1)
                                : 0);
    const int domain = std::max(0, domain_->currentIndex());
    domain_->clear();
    if (recorded_) {
      for (const std::string& name : recorded_->domains) domain_->addItem(QString::fromStdString(name));
    } else if (first && first->loads) {
      const auto shares = first->loads->DomainShares();
      for (std::size_t d = 0; d < shares.size(); ++d)
        domain_->addItem(QString("domain %1, %2 % of the text").arg(d).arg(100 * shares[d], 0, 'f', 1));
    }
    domain_->setCurrentIndex(std::min(domain, domain_->count() - 1));
    const int own = scenario ? scenario->parallelism.expert : recorded_ ? 8 : 0;
    const int chosen = ranks_chosen_ ? ranks_->currentData().toInt() : own;
    ranks_->clear();
    for (const int ranks : {8, 16, 32, 64, 72, 128, 144, 320})
      ranks_->addItem(QString("EP%1").arg(ranks), ranks);
    if (own > 0 && ranks_->findData(own) < 0) ranks_->addItem(QString("EP%1").arg(own), own);
    ranks_->setCurrentIndex(std::max(0, ranks_->findData(ranks_->findData(chosen) >= 0 ? chosen : own)));
  }
  domain_->setVisible(count == LoadCount::kDomain);
  micro_batch_->setEnabled(sampled && count != LoadCount::kStep);
  play_->setEnabled(count == LoadCount::kMicroBatch && micro_batch_->maximum() > 0);
  group_->setEnabled(sampled && group_->maximum() > 0);
  micro_batch_text_->setText(
      QString("micro-batch %1 of %2").arg(micro_batch_->value()).arg(micro_batch_->maximum() + 1));
  add_->setEnabled(static_cast<int>(WantedSources().size()) < kMostMaps && session().Shown());
  drop_recorded_->setVisible(recorded_.has_value());
  simulate_->setVisible(recorded_.has_value());
  if (recorded_) {
    const VariantPtr shown = session().Shown();
    const auto* training = shown ? shown->plan->training() : nullptr;
    const int experts = training && training->model.moe ? training->model.moe->routed_experts : 0;
    simulate_->setEnabled(experts == recorded_->experts);
    simulate_->setToolTip(experts == recorded_->experts ? "Makes a variant with these loads"
                          : training                    ? QString("%1 experts in the file, %2 in %3")
                                           .arg(recorded_->experts)
                                           .arg(experts)
                                           .arg(QString::fromStdString(training->model.name))
                                     : QString("Open a scenario first"));
  }
}

void ExpertsPage::Refresh() {
  std::erase_if(beside_, [this](int id) { return session().Find(id) == nullptr; });
  sources_ = WantedSources();
  RefreshControls();
  RefreshMaps();
}

void ExpertsPage::RefreshMaps() {
  const LoadRequest request = RequestNow();
  step_means_->Stop();
  if (request.count != LoadCount::kStep) {
    for (Source& source : sources_) View(&source, request);
    DrawMaps();
    RefreshStrips();
    RefreshCost();
    return;
  }
  // A tenth of a second each: not on the thread that draws. What was shown stays until they are there.
  auto wanted = sources_;
  step_means_->Run<std::vector<Source>>(
      [wanted, request](const RunControl& control) mutable {
        for (Source& source : wanted)
          if (source.why_not.isEmpty() && source.loads != nullptr)
            source.view = ViewLoads(*source.loads, source.layers, request, control);
        return wanted;
      },
      [this, request](std::vector<Source> sources) {
        sources_ = std::move(sources);
        for (Source& source : sources_)
          if (source.variant < 0) View(&source, request);
        DrawMaps();
        RefreshStrips();
        RefreshCost();
      },
      [this](const QString& why) {
        failed_ = why;
        DrawMaps();
      });
}

void ExpertsPage::Settle() { step_means_->Wait(); }

HeatMapCell ExpertsPage::CellOf(const Source& source, const Selection& selection) const {
  HeatMapCell cell{selection.layer.value_or(-1), -1};
  if (source.view.request.columns == LoadColumns::kRanks) {
    cell.column = selection.ep_rank.value_or(-1);
  } else if (source.view.request.columns == LoadColumns::kSlots && selection.slot) {
    cell.column = *selection.slot;
  } else if (selection.expert && cell.row >= 0 && cell.row < source.view.layers) {
    for (int c = 0; c < source.view.columns; ++c)
      if (source.view.ExpertAt(cell.row, c) == *selection.expert) cell.column = c;
  }
  if (cell.row >= source.view.layers) cell.row = -1;
  if (cell.column >= source.view.columns) cell.column = -1;
  return cell;
}

Selection ExpertsPage::SelectionAt(const Source& source, HeatMapCell cell) const {
  Selection selection;
  selection.layer = cell.row;
  if (cell.column < 0) return selection;
  if (source.view.request.columns == LoadColumns::kRanks) {
    selection.ep_rank = cell.column;
    return selection;
  }
  if (source.view.request.columns == LoadColumns::kSlots) selection.slot = cell.column;
  selection.expert = source.view.ExpertAt(cell.row, cell.column);
  const int ranks = source.loads ? source.loads->shape().ranks : 0;
  if (ranks > 0 && source.view.request.columns == LoadColumns::kExperts && source.view.columns % ranks == 0)
    selection.ep_rank = cell.column / (source.view.columns / ranks);
  return selection;
}

HeatMapFigure ExpertsPage::FigureOf(const Source& source) const {
  HeatMapFigure figure = LoadMapOf(source.view, source.layer_names, theme().dark);
  if (sources_.size() > 1 || recorded_) figure.title = source.name;
  if (sources_.size() > 2) figure.caption.clear();
  const auto marked = [&](const Selection& selection) -> std::optional<HeatMapCell> {
    const HeatMapCell cell = CellOf(source, selection);
    if (cell.row < 0) return std::nullopt;
    return cell;
  };
  figure.selected = marked(session().selection());
  figure.hovered = marked(session().hover());
  return figure;
}

void ExpertsPage::DrawMaps() {
  for (std::size_t i = 0; i < kMostMaps; ++i) {
    Panel* panel = maps_[i];
    panel->setVisible(i == 0 || i < sources_.size());
    if (i >= sources_.size()) {
      panel->SetContent({"Expert load",
                         "",
                         {},
                         failed_.isEmpty() ? "Open a scenario or drop recorded loads" : failed_,
                         nullptr});
      continue;
    }
    const Source& source = sources_[i];
    const bool there = source.why_not.isEmpty() && source.view.layers > 0;
    HeatMapFigure figure;
    if (there) figure = FigureOf(source);
    const QString description = there ? figure.title + ". " + figure.caption : source.why_not;
    PanelContent content =
        ContentOf(std::move(figure), &PaintHeatMap, there, source.name + "\n" + source.why_not, description,
                  there ? map_tables_[i] : nullptr);
    content.list = [this, i] {
      if (i < sources_.size()) map_tables_[i]->Show(sources_[i].view, sources_[i].layer_names);
    };
    panel->SetContent(std::move(content));
    const VariantPtr variant = session().Find(source.variant);
    const AnswerPtr answer = variant ? session().Latest(source.variant) : nullptr;
    panel->SetStale(answer && !session().IsCurrent(*answer) ? "of the previous edit" : "");
  }
  const bool two = sources_.size() == 2 && sources_[0].why_not.isEmpty() && sources_[1].why_not.isEmpty();
  auto difference =
      two ? LoadDifferenceOf(sources_[0].view, sources_[1].view, sources_[0].layer_names, theme().dark)
          : std::nullopt;
  difference_->setVisible(difference.has_value());
  if (difference)
    difference_->SetContent(
        ContentOf(std::move(*difference), &PaintHeatMap, true, {}, "the first map over the second"));
  else
    difference_->SetContent({});
}

int ExpertsPage::LayerShown() const {
  if (sources_.empty() || !sources_.front().why_not.isEmpty() || sources_.front().view.layers == 0) return -1;
  const LoadView& view = sources_.front().view;
  if (const auto layer = session().selection().layer; layer && *layer < view.layers) return *layer;
  const auto hottest = std::max_element(
      view.rows.begin(), view.rows.end(),
      [](const LayerLoad& a, const LayerLoad& b) { return a.hottest_excess < b.hottest_excess; });
  return static_cast<int>(hottest - view.rows.begin());
}

void ExpertsPage::RefreshStrips() {
  const int layer = LayerShown();
  const Source* source = layer < 0 ? nullptr : &sources_.front();
  if (source == nullptr || source->loads == nullptr) {
    strips_->SetContent({"One layer",
                         "",
                         {},
                         layer < 0 ? (sources_.empty() ? QString() : sources_.front().why_not)
                                   : "Recorded loads have no micro-batches: there is nothing to plan on",
                         nullptr});
    return;
  }
  StripRequest request;
  request.layer = layer;
  request.micro_batch = micro_batch_->value();
  request.group = group_->value();
  request.ranks = ranks_->currentData().toInt();
  request.redundant = redundant_->value();
  request.planned_from = planned_from_->value();
  StemsFigure figure;
  QString why;
  try {
    const std::vector<RankStrip> strips = StripsOf(*source->loads, request);
    figure = StripsFigureOf(strips, request.planned_from);
    strips_table_->Show(strips, layer);
  } catch (const std::exception& e) {
    why = QString::fromStdString(e.what());
  }
  figure.title = "Layer " + QString::fromStdString(source->layer_names[static_cast<std::size_t>(layer)]) +
                 QString(", micro-batch %1: rows of each rank over the mean").arg(request.micro_batch);
  figure.selected = session().selection().ep_rank.value_or(-1);
  const bool there = !figure.strips.empty();
  QStringList words;
  for (const StemStrip& strip : figure.strips) {
    const auto hottest = std::max_element(strip.values.begin(), strip.values.end());
    words += strip.title + ": rank " + QString::number(hottest - strip.values.begin()) + " at " +
             Percent(*hottest - 1);
  }
  strips_->SetContent(ContentOf(std::move(figure), &PaintStems, there, why, words.join("; "), strips_table_));
}

void ExpertsPage::RefreshCost() {
  TilesFigure figure;
  bool has_waits = false;
  const int layer = LayerShown();
  if (layer >= 0 && sources_.front().run) {
    const Source& source = sources_.front();
    const LayerLoad& row = source.view.rows[static_cast<std::size_t>(layer)];
    const QString name = QString::fromStdString(source.layer_names[static_cast<std::size_t>(layer)]);
    const AnswerPtr answer = session().Latest(source.variant);
    const scenarios::TrainingResult* result = answer ? answer->result.get() : nullptr;
    // What it costs first, then who it is, then what others waited: most of that is hidden and costs nothing.
    if (result && result->imbalance.cost) {
      const scenarios::ImbalanceCost& cost = *result->imbalance.cost;
      figure.tiles.push_back({QString("%1 s").arg(cost.step_s, 0, 'f', 3),
                              "uneven experts cost the step",
                              QString("%1 %, %2 k$ a trillion tokens")
                                  .arg(100 * cost.step_share, 0, 'f', 1)
                                  .arg(1e-3 * cost.dollars_per_trillion_tokens, 0, 'f', 1),
                              {},
                              false});
    } else {
      figure.tiles.push_back({"…", "uneven experts cost the step", "comes with the analysis ◉", {}, false});
    }
    const auto& chosen = session().selection().ep_rank;
    const bool ranks = source.view.request.columns == LoadColumns::kRanks;
    const int rank = ranks && chosen && *chosen < source.view.columns ? *chosen : row.hottest_rank;
    const double excess = ranks && rank >= 0 ? source.view.At(layer, rank) - 1 : row.hottest_excess;
    figure.tiles.push_back(
        {Percent(excess),
         QString("rows of rank %1 in layer %2").arg(rank).arg(name),
         rank == row.hottest_rank ? "the hottest of its layer, as counted above" : "as counted above",
         {},
         false});
    if (result && answer->waits) {
      const double step = result->step_s,
                   dollars = session().RunOf(source.variant, *answer).dollars_per_trillion;
      waits_table_->Show(*answer->waits, step, dollars, source.layer_names);
      has_waits = true;
      const Lateness of_layer = LatenessOfLayer(*answer->waits, layer, step, dollars);
      const Lateness of_all = LatenessOfAll(*answer->waits, step, dollars);
      figure.tiles.push_back({QString("%1 ms").arg(1e3 * of_layer.step_s, 0, 'f', 0),
                              "waited at layer " + name + " in a step, a GPU",
                              "hidden behind compute or not",
                              {},
                              false});
      figure.tiles.push_back(
          {QString("%1 s").arg(of_all.step_s, 0, 'f', 2),
           "waited at all layers in a step, a GPU",
           QString("of it %1 s with compute idle").arg(result->communication.straggler_s, 0, 'f', 2),
           {},
           false});
      if (const auto last = MostOftenLast(*answer->waits))
        figure.tiles.push_back({QString("EP rank %1").arg(last->ep_rank),
                                QString("came last most often: %1 times a step").arg(last->times_last),
                                QString("on pipeline rank %1").arg(last->pipeline_rank),
                                {},
                                false});
    }
  }
  QStringList words;
  for (const Tile& tile : figure.tiles) words += tile.value + " " + tile.caption + ", " + tile.detail;
  PanelContent content;
  content.title = "What it costs";
  content.description = words.join("; ");
  if (has_waits) content.table = waits_table_;
  content.absent = sources_.empty() || sources_.front().why_not.isEmpty()
                       ? "What imbalance costs comes with a simulated step"
                       : "";
  if (!figure.tiles.empty())
    content.paint = [figure](QPainter& painter, const QRectF& area, const Theme& theme) {
      PaintTiles(painter, area, theme, figure);
    };
  cost_->SetContent(std::move(content));
}

void ExpertsPage::PressMap(int map, const PanelPoint& point) {
  if (map >= static_cast<int>(sources_.size())) return;
  const Source& source = sources_[static_cast<std::size_t>(map)];
  if (!source.why_not.isEmpty()) return;
  const auto cell = HitHeatMap(point.canvas, theme(), FigureOf(source), point.at);
  if (cell) session().Select(Over(session().selection(), SelectionAt(source, *cell)));
}

void ExpertsPage::HoverMap(int map, const std::optional<PanelPoint>& point) {
  if (map >= static_cast<int>(sources_.size())) return;
  const Source& source = sources_[static_cast<std::size_t>(map)];
  if (!source.why_not.isEmpty()) return;
  const auto cell = point ? HitHeatMap(point->canvas, theme(), FigureOf(source), point->at) : std::nullopt;
  session().Hover(cell ? SelectionAt(source, *cell) : Selection{});
  if (!cell) return;
  QString text = "layer " + QString::fromStdString(source.layer_names[static_cast<std::size_t>(cell->row)]);
  if (cell->column >= 0) {
    const int expert = source.view.ExpertAt(cell->row, cell->column);
    text += (expert < 0 ? QString(", rank %1").arg(cell->column) : QString(", expert %1").arg(expert)) +
            ": " + Percent(source.view.At(cell->row, cell->column) - 1);
  }
  maps_[map]->setToolTip(text);
}

void ExpertsPage::Step(int columns, int rows) {
  if (sources_.empty() || !sources_.front().why_not.isEmpty()) return;
  const Source& source = sources_.front();
  HeatMapCell cell = CellOf(source, session().selection());
  cell.row = std::clamp(cell.row < 0 ? LayerShown() : cell.row + rows, 0, source.view.layers - 1);
  cell.column = std::clamp(cell.column < 0 ? 0 : cell.column + columns, 0, source.view.columns - 1);
  session().Select(Over(session().selection(), SelectionAt(source, cell)));
}

QString ExpertsPage::ShowRecorded(const std::filesystem::path& file) {
  try {
    recorded_ = models::ReadExpertLoads(file);
  } catch (const std::exception& e) {
    return QString::fromStdString(e.what());
  }
  recorded_file_ = file;
  SetPlaying(false);
  const QSignalBlocker quiet(count_);
  count_->setCurrentIndex(count_->findData(static_cast<int>(LoadCount::kMix)));
  Refresh();
  return {};
}

void ExpertsPage::SimulateRecorded() {
  const VariantPtr shown = session().Shown();
  if (!shown || !recorded_) return;
  const std::string file = std::filesystem::absolute(recorded_file_).string();
  const Change copy = session().Pin(shown->id, QString::fromStdString(recorded_file_.filename().string()));
  const Change edit = copy.ok() ? session().Edit(copy.id, {"routing={loads: \"" + file + "\"}"}) : copy;
  if (!edit.ok()) {
    if (copy.ok()) session().Remove(copy.id);
    failed_ = edit.error;
    return DrawMaps();
  }
  recorded_.reset();
  session().Show(copy.id);
  session().ShowAgainst(shown->id);
}

QString ExpertsPage::AddStrategy(const QString& strategy) {
  const VariantPtr shown = session().Shown();
  if (!shown) return "Open a scenario first";
  const Change copy = session().Pin(shown->id, strategy);
  if (!copy.ok()) return copy.error;
  const Change edit = session().Edit(copy.id, {"routing={strategy: " + strategy.toStdString() + "}"});
  if (!edit.ok()) {
    session().Remove(copy.id);
    return edit.error;
  }
  beside_.push_back(copy.id);
  session().Show(shown->id);
  return {};
}

}  // namespace orrery::gui
