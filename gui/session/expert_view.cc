#include "gui/session/expert_view.h"

#include <algorithm>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "core/base/error.h"
#include "models/routing/placement.h"
#include "models/routing/sampling/load_table.h"
#include "scenarios/studies/routing_report.h"

namespace orrery::gui {
namespace {

using models::ExpertPlacement;

/// Rows of one layer: of its slots, and which expert stands in each.
struct SlotRows {
  std::vector<double> rows;
  std::vector<int> expert;
  std::vector<double>
      expert_rows;  ///< where slots held other experts on the way; else it follows from `rows`
  int experts = 0;  ///< routed; numbers beyond are shared ones
  int ranks = 0;    ///< 0: not on ranks
};

std::size_t At(int i) { return static_cast<std::size_t>(i); }

int FullestOf(const std::vector<double>& values) {
  return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
}

std::vector<double> OfExperts(const SlotRows& slots) {
  if (!slots.expert_rows.empty()) return slots.expert_rows;
  std::vector<double> rows(At(slots.experts));
  for (std::size_t s = 0; s < slots.rows.size(); ++s)
    if (slots.expert[s] < slots.experts) rows[At(slots.expert[s])] += slots.rows[s];
  return rows;
}

std::vector<double> OfRanks(const SlotRows& slots) {
  std::vector<double> rows(At(slots.ranks));
  if (slots.ranks == 0) return rows;
  const std::size_t each = slots.rows.size() / rows.size();
  for (std::size_t s = 0; s < each * rows.size(); ++s) rows[s / each] += slots.rows[s];
  return rows;
}

std::vector<int> FullestFirst(const std::vector<double>& rows) {
  std::vector<int> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return rows[At(a)] > rows[At(b)]; });
  return order;
}

LayerLoad Summary(const std::vector<double>& experts, const std::vector<double>& ranks) {
  LayerLoad row;
  const std::vector<double> relative = models::Relative(experts);
  row.balance = models::Balance(relative);
  row.dead = static_cast<int>(row.balance.dead * static_cast<double>(experts.size()) + 0.5);
  row.above_two = static_cast<int>(row.balance.hot * static_cast<double>(experts.size()) + 0.5);
  if (ranks.empty()) return row;
  row.hottest_rank = FullestOf(ranks);
  row.hottest_excess = row.mean_excess = models::Balance(ranks).max_vio;
  return row;
}

/// Adds a layer to the view, as its request asks.
void AddLayer(const SlotRows& slots, LoadView* view) {
  const std::vector<double> experts = OfExperts(slots), ranks = OfRanks(slots);
  std::vector<double> values;
  std::vector<int> who;
  switch (view->request.columns) {
    case LoadColumns::kRanks:
      values = ranks;
      break;
    case LoadColumns::kSlots:
      values = slots.rows;
      who = slots.expert;
      break;
    case LoadColumns::kExperts:
      values = experts;
      who.resize(experts.size());
      std::iota(who.begin(), who.end(), 0);
      break;
    case LoadColumns::kSorted:
      who = FullestFirst(experts);
      for (const int e : who) values.push_back(experts[At(e)]);
      break;
  }
  values = models::Relative(values);
  view->columns = static_cast<int>(values.size());
  view->values.insert(view->values.end(), values.begin(), values.end());
  view->experts.insert(view->experts.end(), who.begin(), who.end());
  view->rows.push_back(Summary(experts, ranks));
  ++view->layers;
}

void AddMeans(LoadView* view) {
  std::vector<models::BalanceStats> stats;
  for (const LayerLoad& row : view->rows) {
    stats.push_back(row.balance);
    view->hottest_excess += row.mean_excess / static_cast<double>(view->rows.size());
  }
  view->mean = models::MeanStats(stats);
}

/// Rows of a layer over all micro-batches of a map. Where slots are planned anew on the way, a slot's expert is
/// the first plan's.
SlotRows RowsOf(const models::PlacedRows& placed, const models::LoadMap& map, int layer) {
  SlotRows slots;
  slots.rows.resize(At(placed.slots));
  slots.experts = map.experts;
  slots.ranks = placed.ranks;
  for (int m = 0; m < placed.micro_batches; ++m) {
    const auto rows = placed.SlotRows(layer, m);
    for (std::size_t s = 0; s < rows.size(); ++s) slots.rows[s] += rows[s];
  }
  const auto expert = placed.ExpertOf(layer, 0);
  slots.expert.assign(expert.begin(), expert.end());
  const std::vector<std::int64_t> experts = placed.ExpertRows(layer, map.experts);
  slots.expert_rows.assign(experts.begin(), experts.end());
  return slots;
}

LoadView ViewSampled(const models::LoadSource& source, int layers, const LoadRequest& request,
                     const RunControl& control) {
  std::vector<int> all(At(layers)), micro_batches = {request.micro_batch};
  std::iota(all.begin(), all.end(), 0);
  if (request.count == LoadCount::kStep) {
    micro_batches.resize(At(std::max(1, request.micro_batches)));
    std::iota(micro_batches.begin(), micro_batches.end(), 0);
  }
  const models::LoadMap map = models::MapLoads(source, all, micro_batches, request.group, control);
  const models::PlacedRows& placed = map.after.slots > 0 ? map.after : map.before;
  LoadView view;
  view.request = request;
  for (int l = 0; l < layers; ++l) {
    AddLayer(RowsOf(placed, map, l), &view);
    view.rows.back().mean_excess = placed.HottestRank(l);
  }
  AddMeans(&view);
  return view;
}

/// Probabilities of a layer's slots, of one domain or of all by their shares.
SlotRows RowsOf(const models::LoadSource& source, int layer, const LoadRequest& request) {
  const models::LoadTable* table = source.FindTable(layer);
  const std::vector<double> share = source.DomainShares();
  if (table == nullptr) throw InputError("these loads know nothing of domains");
  const int domains = static_cast<int>(share.size());
  if (request.count == LoadCount::kDomain && (request.domain < 0 || request.domain >= domains))
    throw InputError(fmt::format("domain {}, expected 0 to {}", request.domain, domains - 1));
  SlotRows slots;
  slots.rows.resize(At(table->slots));
  slots.expert = source.PlacementAt(layer, 0).expert_of;
  slots.experts = source.routed_experts();
  slots.ranks = source.shape().ranks;
  for (int d = 0; d < domains; ++d) {
    const double weight = request.count == LoadCount::kMix ? share[At(d)] : d == request.domain ? 1 : 0;
    for (std::size_t s = 0; s < slots.rows.size(); ++s)
      slots.rows[s] += weight * table->slot[At(d) * slots.rows.size() + s];
  }
  return slots;
}

// Strips.

double Total(const std::vector<double>& rows) { return std::accumulate(rows.begin(), rows.end(), 0.0); }

RankStrip StripOf(RankStrip::Kind kind, const std::vector<double>& rank_rows, int slots) {
  RankStrip strip;
  strip.kind = kind;
  strip.slots = slots;
  strip.ranks = Total(rank_rows) > 0 ? models::Relative(rank_rows) : rank_rows;
  strip.hottest = FullestOf(rank_rows);
  strip.excess = models::Balance(rank_rows).max_vio;
  return strip;
}

RankStrip NoStrip(RankStrip::Kind kind, int slots, std::string why) {
  RankStrip strip;
  strip.kind = kind;
  strip.slots = slots;
  strip.why_not = std::move(why);
  return strip;
}

std::vector<double> ExpertRowsOf(const models::LoadSource& logical, int layer, int micro_batch, int group) {
  models::ExchangeLoad load;
  logical.Sample(layer, micro_batch, group, &load);
  return {load.expert_rows.begin(), load.expert_rows.end()};
}

/// What a plan for the micro-batch is made from, as models::PlannedLoads makes it: the rows of group 0 just before.
std::vector<double> PastRows(const models::LoadSource& logical, const StripRequest& request,
                             const RunControl& control) {
  std::vector<double> past(At(logical.shape().experts));
  for (int m = request.micro_batch - request.planned_from; m < request.micro_batch; ++m) {
    control.Check();
    const std::vector<double> rows = ExpertRowsOf(logical, request.layer, m, 0);
    for (std::size_t e = 0; e < past.size(); ++e) past[e] += rows[e];
  }
  return past;
}

RankStrip Planned(RankStrip::Kind kind, const std::vector<double>& weight, const std::vector<double>& rows,
                  const models::EplbShape& shape) {
  try {
    return StripOf(kind, models::RankLoads(rows, models::Eplb(weight, shape), shape.gpus), shape.slots);
  } catch (const InputError& e) {
    return NoStrip(kind, shape.slots, e.what());
  }
}

RankStrip InOrder(const std::vector<double>& rows, int ranks) {
  const auto experts = static_cast<int>(rows.size());
  if (experts % ranks != 0) {
    return NoStrip(RankStrip::Kind::kInOrder, experts,
                   fmt::format("{} experts in order do not divide among {} ranks", experts, ranks));
  }
  return StripOf(RankStrip::Kind::kInOrder,
                 models::RankLoads(rows, models::ContiguousPlacement(experts), ranks), experts);
}

RankStrip AsTheScenario(const models::LoadSource& source, const StripRequest& request, int ranks) {
  const int slots = source.shape().experts;
  constexpr RankStrip::Kind kKind = RankStrip::Kind::kScenario;
  if (!source.placement().eplb) return NoStrip(kKind, slots, "the scenario leaves experts in order");
  if (ranks != source.shape().ranks) return NoStrip(kKind, slots, "the scenario has another number of ranks");
  models::ExchangeLoad load;
  source.Sample(request.layer, request.micro_batch, request.group, &load);
  std::vector<double> rank_rows(At(ranks));
  const std::size_t each = load.expert_rows.size() / rank_rows.size();
  for (std::size_t s = 0; s < load.expert_rows.size(); ++s) rank_rows[s / each] += load.expert_rows[s];
  return StripOf(kKind, rank_rows, slots);
}

Lateness LatenessOf(const scenarios::WaitSums& waits, double waited_s, int times_last, double step_s,
                    double dollars_per_trillion) {
  Lateness late;
  late.waited_s = waited_s;
  late.times_last = times_last;
  std::size_t gpus = 0;
  for (const auto& ranks : waits.by_last) gpus += ranks.size();
  if (gpus == 0 || step_s <= 0) return late;
  late.step_s = waited_s / static_cast<double>(gpus);
  late.share = late.step_s / step_s;
  late.dollars_per_trillion = late.share * dollars_per_trillion;
  return late;
}

}  // namespace

int LoadView::Clipped(double limit) const {
  return static_cast<int>(
      std::count_if(values.begin(), values.end(), [limit](double x) { return x > limit || x < 1 / limit; }));
}

double ScaleLimit(const LoadRequest& request) {
  if (request.columns == LoadColumns::kRanks) return 1.32;
  return request.count == LoadCount::kDomain ? 8 : 2;
}

LoadView ViewLoads(const models::LoadSource& source, int layers, const LoadRequest& request,
                   const RunControl& control) {
  const bool sampled = request.count == LoadCount::kMicroBatch || request.count == LoadCount::kStep;
  if (sampled) return ViewSampled(source, layers, request, control);
  LoadView view;
  view.request = request;
  for (int l = 0; l < layers; ++l) AddLayer(RowsOf(source, l, request), &view);
  AddMeans(&view);
  return view;
}

LoadView ViewRecorded(const models::ExpertLoads& loads, int ranks, const LoadRequest& request) {
  const auto domains = static_cast<int>(loads.domains.size());
  const bool one = request.count == LoadCount::kDomain;
  if (request.count != LoadCount::kMix && !one)
    throw InputError("recorded loads have no micro-batches: expected the mix or a domain");
  if (one && (request.domain < 0 || request.domain >= domains))
    throw InputError(fmt::format("domain {}, expected 0 to {}", request.domain, domains - 1));
  if (ranks < 1 || loads.experts % ranks != 0) ranks = 0;
  if (request.columns == LoadColumns::kRanks && ranks == 0)
    throw InputError(
        fmt::format("the {} experts of the record do not divide among these ranks", loads.experts));
  LoadView view;
  view.request = request;
  for (int l = 0; l < loads.layers(); ++l) {
    SlotRows slots;
    slots.rows = one ? loads.load[At(l)][At(request.domain)] : loads.Mix(l);
    slots.expert = models::ContiguousPlacement(loads.experts).expert_of;
    slots.experts = loads.experts;
    slots.ranks = ranks;
    AddLayer(slots, &view);
  }
  AddMeans(&view);
  return view;
}

std::vector<std::string> MoeLayerNames(const models::ModelSpec& model) {
  std::vector<std::string> names;
  if (!model.moe) return names;
  for (int l = 0; l < model.layers; ++l)
    if (model.IsMoeLayer(l)) names.push_back(std::to_string(l));
  for (int m = 1; m <= model.mtp_modules; ++m) names.push_back(fmt::format("MTP {}", m));
  return names;
}

std::vector<RankStrip> StripsOf(const models::LoadSource& source, const StripRequest& request,
                                const RunControl& control) {
  const models::LoadSource& logical = source.logical();
  const models::LoadShape& shape = source.shape();
  const int ranks = request.ranks > 0 ? request.ranks : shape.ranks;
  const std::vector<double> rows = ExpertRowsOf(logical, request.layer, request.micro_batch, request.group);
  const models::EplbShape plan = scenarios::PlanShape(static_cast<int>(rows.size()) + request.redundant,
                                                      shape.groups, ranks, shape.ranks_per_node);
  return {InOrder(rows, ranks), AsTheScenario(source, request, ranks),
          Planned(RankStrip::Kind::kPlanned, PastRows(logical, request, control), rows, plan),
          Planned(RankStrip::Kind::kBest, rows, rows, plan)};
}

Lateness LatenessOfLayer(const scenarios::WaitSums& waits, int layer, double step_s,
                         double dollars_per_trillion) {
  return LatenessOf(waits, waits.by_layer[At(layer)], 0, step_s, dollars_per_trillion);
}

Lateness LatenessOfRank(const scenarios::WaitSums& waits, int pipeline_rank, int ep_rank, double step_s,
                        double dollars_per_trillion) {
  return LatenessOf(waits, waits.by_last[At(pipeline_rank)][At(ep_rank)],
                    waits.times_last[At(pipeline_rank)][At(ep_rank)], step_s, dollars_per_trillion);
}

Lateness LatenessOfAll(const scenarios::WaitSums& waits, double step_s, double dollars_per_trillion) {
  return LatenessOf(waits, Total(waits.by_layer), 0, step_s, dollars_per_trillion);
}

std::optional<LatestRank> MostOftenLast(const scenarios::WaitSums& waits) {
  std::optional<LatestRank> most;
  for (std::size_t p = 0; p < waits.times_last.size(); ++p) {
    for (std::size_t r = 0; r < waits.times_last[p].size(); ++r) {
      const int times = waits.times_last[p][r];
      if (times > (most ? most->times_last : 0)) most = {static_cast<int>(p), static_cast<int>(r), times};
    }
  }
  return most;
}

}  // namespace orrery::gui
