#include "models/parallel/stage_split.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "models/layers/flops.h"

namespace orrery::models {
namespace {

/// Costs in billionths of the whole model: integers, so that equal layers tie exactly.
using Cost = std::int64_t;
constexpr double kUnits = 1e9;
constexpr Cost kInfinity = std::numeric_limits<Cost>::max();

/// More stages than this are evened stage by stage alone: moving layers takes the third power of it.
constexpr std::size_t kMostMoved = 256;

/// The chain's end is cut at its first places alone: a model with more than four MTP modules keeps the rest
/// together.
constexpr int kMostCuts = 8;

/// A model's parts, costed, and who holds which stage.
struct Problem {
  std::vector<Cost> before{0};  ///< [layers + 1] of the layers below an index
  Cost embedding = 0;
  std::vector<Cost> ends;   ///< [part of the chain's end]
  std::vector<int> holder;  ///< [stage] a number that stages of one rank share
  bool several = false;     ///< ranks hold several stages

  int layers() const { return static_cast<int>(before.size()) - 1; }
  int stages() const { return static_cast<int>(holder.size()); }
  Cost Layers(int first, int end) const {
    return before[static_cast<std::size_t>(end)] - before[static_cast<std::size_t>(first)];
  }
};

/// [stage] the first rank that holds it: under DualPipe the mirrored rank holds the same ones.
std::vector<int> Holders(const Schedule& schedule) {
  std::vector<int> holder(static_cast<std::size_t>(schedule.stages), -1);
  for (int rank = 0; rank < schedule.spec.ranks; ++rank) {
    for (const auto& held : schedule.StagesOf(rank)) {
      int& first = holder[static_cast<std::size_t>(held.first)];
      if (first < 0) first = rank;
    }
  }
  return holder;
}

/// Then a stage may be empty: its rank has others.
bool HoldsSeveral(const Schedule& schedule) { return schedule.StagesOf(0).size() > 1; }

double CostOfLayer(const ModelSpec& spec, int layer, const PartCosts& costs) {
  const LayerBlocks blocks = spec.BlocksOf(layer);
  if (blocks.mixer == kOwnMixer) return blocks.kind == LayerKind::kMoe ? costs.moe_layer : costs.dense_layer;
  return blocks.kind == LayerKind::kMoe ? costs.other_moe_layer : costs.other_dense_layer;
}

Problem MakeProblem(const ModelSpec& spec, const Schedule& schedule, const PartCosts& costs) {
  double total = costs.embedding + costs.head + spec.mtp_modules * (costs.mtp_layer + costs.head);
  for (int l = 0; l < spec.layers; ++l) total += CostOfLayer(spec, l, costs);
  const auto units = [&](double cost) {
    return total > 0 ? static_cast<Cost>(std::llround(cost / total * kUnits)) : 0;
  };
  Problem p;
  p.holder = Holders(schedule);
  p.several = HoldsSeveral(schedule);
  p.embedding = units(costs.embedding);
  for (int l = 0; l < spec.layers; ++l)
    p.before.push_back(p.before.back() + units(CostOfLayer(spec, l, costs)));
  p.ends.push_back(units(costs.head));
  for (int m = 0; m < spec.mtp_modules; ++m) {
    p.ends.push_back(units(costs.mtp_layer));
    p.ends.push_back(units(costs.head));
  }
  return p;
}

/// One way to cut the chain's end: what of it each stage holds, and how few layers each can hold. Stages
/// after the head hold no layers.
struct EndCut {
  std::vector<int> ends, fewest;  ///< [stage]
  std::vector<Cost> fixed;        ///< [stage] cost of embedding and ends
  std::size_t layered = 0;        ///< stages that may hold layers
};

/// `pieces`: parts of the chain's end on the last stages. Absent if that leaves too many stages for the
/// layers.
std::optional<EndCut> CutEnds(const Problem& p, const std::vector<int>& pieces) {
  const std::size_t stages = p.holder.size();
  if (pieces.size() > stages) return std::nullopt;
  EndCut cut{std::vector<int>(stages, 0), std::vector<int>(stages, p.several ? 0 : 1),
             std::vector<Cost>(stages, 0), stages - pieces.size() + 1};
  std::size_t part = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::size_t stage = cut.layered - 1 + i;
    cut.ends[stage] = pieces[i];
    cut.fewest[stage] = 0;
    for (int n = 0; n < pieces[i]; ++n) cut.fixed[stage] += p.ends[part++];
  }
  cut.fewest[0] = 0;  // the embedding
  cut.fixed[0] += p.embedding;
  if (std::accumulate(cut.fewest.begin(), cut.fewest.end(), 0) > p.layers()) return std::nullopt;
  return cut;
}

/// best[s][l]: least value of the first s stages over the first l layers, and where the last of them starts.
struct Table {
  std::vector<std::vector<Cost>> best;
  std::vector<std::vector<int>> start;
};

/// How many layers the first `stages` stages hold together; -1: as many as it comes.
struct FirstHalf {
  std::size_t stages = 0;
  int layers = -1;
};

/// Dynamic programme over contiguous splits; `join(value of the stages before, cost of a stage)` is the
/// value, at least the cost of every stage. No stage costs more than `most`.
template <typename Join>
Table Split(const Problem& p, const EndCut& cut, const FirstHalf& half, Cost most, Join join) {
  const auto count = static_cast<std::size_t>(p.layers()) + 1;
  Table t{{cut.layered + 1, std::vector<Cost>(count, kInfinity)},
          {cut.layered + 1, std::vector<int>(count, 0)}};
  t.best[0][0] = 0;
  for (std::size_t s = 1; s <= cut.layered; ++s) {
    for (int end = 0; end <= p.layers(); ++end) {
      if (s == half.stages && half.layers >= 0 && end != half.layers) continue;
      Cost& best = t.best[s][static_cast<std::size_t>(end)];
      for (int first = end - cut.fewest[s - 1]; first >= 0; --first) {
        const Cost stage = p.Layers(first, end) + cut.fixed[s - 1];
        if (stage > most || stage >= best) break;  // longer ones cost more
        const Cost before = t.best[s - 1][static_cast<std::size_t>(first)];
        if (before == kInfinity) continue;
        const Cost value = join(before, stage);
        if (value >= best) continue;
        best = value;
        t.start[s][static_cast<std::size_t>(end)] = first;
      }
    }
  }
  return t;
}

/// [stage] layers: the dearest stage as cheap as can be, then the most even ones.
std::vector<int> EvenStages(const Problem& p, const EndCut& cut, const FirstHalf& half = {}) {
  const Cost bound =
      Split(p, cut, half, kInfinity, [](Cost before, Cost stage) { return std::max(before, stage); })
          .best.back()
          .back();
  const Table even =
      Split(p, cut, half, bound, [](Cost before, Cost stage) { return before + stage * stage; });
  std::vector<int> counts(p.holder.size(), 0);
  int end = p.layers();
  for (std::size_t s = cut.layered; s > 0; --s) {
    const int first = even.start[s][static_cast<std::size_t>(end)];
    counts[s - 1] = end - first;
    end = first;
  }
  return counts;
}

/// What is made small, in this order: the dearest rank and, weighted, the dearest stage; unevenness of ranks;
/// unevenness of stages.
using Score = std::array<Cost, 3>;

Score ScoreOf(const Problem& p, const EndCut& cut, const std::vector<int>& counts, double stage_weight) {
  std::vector<Cost> ranks(p.holder.size(), 0);
  Score score{};
  Cost dearest = 0;
  int first = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    const Cost stage = p.Layers(first, first + counts[s]) + cut.fixed[s];
    first += counts[s];
    ranks[static_cast<std::size_t>(p.holder[s])] += stage;
    dearest = std::max(dearest, stage);
    score[2] += stage * stage;
  }
  for (const Cost rank : ranks) {
    score[0] = std::max(score[0], rank);
    score[1] += rank * rank;
  }
  score[0] += static_cast<Cost>(stage_weight * static_cast<double>(dearest));
  return score;
}

/// Moves a layer from one stage to another, those between handing theirs on, until no move helps.
void MoveLayers(const Problem& p, const EndCut& cut, double stage_weight, std::vector<int>* counts) {
  Score best = ScoreOf(p, cut, *counts, stage_weight);
  for (bool moved = p.holder.size() <= kMostMoved; moved;) {
    moved = false;
    for (std::size_t from = 0; from < cut.layered; ++from) {
      for (std::size_t to = 0; to < cut.layered; ++to) {
        if (to == from || (*counts)[from] <= cut.fewest[from]) continue;
        --(*counts)[from];
        ++(*counts)[to];
        const Score score = ScoreOf(p, cut, *counts, stage_weight);
        if (score < best) {
          best = score;
          moved = true;
        } else {
          ++(*counts)[from];
          --(*counts)[to];
        }
      }
    }
  }
}

/// How much the dearest stage counts beside the dearest rank.
constexpr std::array<double, 5> kStageWeights = {0, 0.25, 0.5, 1, 2};

/// Interleaved ranks go through their stages in turn and keep step: each turn takes as long as its dearest
/// stage. Where one stage cannot be made as small as the others (a large head), the others of its turn may as
/// well be larger, so that layers are also shared unevenly between the first and the second half of the
/// stages, in this many steps.
constexpr int kHalves = 16;

std::vector<StageShare> Shares(const std::vector<int>& counts, const std::vector<int>& ends) {
  std::vector<StageShare> shares;
  for (std::size_t s = 0; s < counts.size(); ++s) shares.push_back({counts[s], ends[s]});
  return shares;
}

/// Every way to cut the chain's end into pieces, the uncut one first.
std::vector<std::vector<int>> Pieces(int parts) {
  const int places = std::min(parts - 1, kMostCuts);
  std::vector<std::vector<int>> all;
  for (unsigned cuts = 0; cuts < 1U << places; ++cuts) {
    std::vector<int> pieces{1};
    for (int i = 1; i < parts; ++i) {
      if (i <= places && (cuts >> (i - 1) & 1U) != 0) {
        pieces.push_back(1);
      } else {
        ++pieces.back();
      }
    }
    all.push_back(std::move(pieces));
  }
  return all;
}

}  // namespace

PartCosts FlopCosts(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  PartCosts costs;
  costs.dense_layer = LayerForwardFlops(spec, false, sequence, causal).count;
  if (spec.moe) costs.moe_layer = LayerForwardFlops(spec, true, sequence, causal).count;
  if (!spec.mixers.empty()) {
    costs.other_dense_layer =
        LayerForwardFlops(spec, LayerBlocks(LayerKind::kDense, 1), sequence, causal).count;
    if (spec.moe)
      costs.other_moe_layer =
          LayerForwardFlops(spec, LayerBlocks(LayerKind::kMoe, 1), sequence, causal).count;
  }
  costs.head = HeadForwardFlops(spec).count;
  if (spec.mtp_modules > 0) costs.mtp_layer = MtpForwardFlops(spec, sequence, causal).count - costs.head;
  return costs;
}

std::vector<double> StageCosts(const ModelSpec& spec, const StageLayout& layout, const PartCosts& costs) {
  std::vector<double> stages;
  for (const Stage& stage : layout.stages) {
    double sum = (stage.has_embedding ? costs.embedding : 0) + stage.Heads() * costs.head +
                 stage.MtpLayers() * costs.mtp_layer;
    for (const int layer : stage.layers) sum += CostOfLayer(spec, layer, costs);
    stages.push_back(sum);
  }
  return stages;
}

std::vector<double> RankCosts(const ModelSpec& spec, const Schedule& schedule, const StageLayout& layout,
                              const PartCosts& costs) {
  const std::vector<double> stages = StageCosts(spec, layout, costs);
  std::vector<double> ranks(static_cast<std::size_t>(schedule.spec.ranks), 0);
  for (int rank = 0; rank < schedule.spec.ranks; ++rank) {
    for (const auto& held : schedule.StagesOf(rank))
      ranks[static_cast<std::size_t>(rank)] += stages[static_cast<std::size_t>(held.first)];
  }
  return ranks;
}

int MostStages(const ModelSpec& spec) { return 1 + spec.layers + std::min(EndParts(spec), kMostCuts + 1); }

int TableCopies(const ModelSpec& spec, const Schedule& schedule, const StageLayout& layout) {
  const std::vector<int> holder = Holders(schedule);
  std::vector<bool> embedding(holder.size(), false), head(holder.size(), false);
  for (std::size_t s = 0; s < holder.size(); ++s) {
    const Stage& stage = layout.stages[s];
    const auto rank = static_cast<std::size_t>(holder[s]);
    if (stage.has_embedding || stage.MtpLayers() > 0) embedding[rank] = true;
    if (stage.Heads() > 0) (spec.tied_embeddings ? embedding : head)[rank] = true;
  }
  const auto held =
      std::count(embedding.begin(), embedding.end(), true) + std::count(head.begin(), head.end(), true);
  return static_cast<int>(held) - (spec.tied_embeddings ? 1 : 2);
}

std::vector<StageLayout> StageLayoutCandidates(const ModelSpec& spec, const Schedule& schedule,
                                               const PartCosts& costs) {
  const Problem p = MakeProblem(spec, schedule, costs);
  std::vector<std::vector<StageShare>> found;
  const auto add = [&](const std::vector<int>& counts, const EndCut& cut) {
    std::vector<StageShare> shares = Shares(counts, cut.ends);
    if (std::find(found.begin(), found.end(), shares) == found.end()) found.push_back(std::move(shares));
  };
  for (const std::vector<int>& pieces : Pieces(EndParts(spec))) {
    const std::optional<EndCut> cut = CutEnds(p, pieces);
    if (!cut) continue;
    const std::vector<int> even = EvenStages(p, *cut);
    for (std::size_t w = 0; p.several && w < kStageWeights.size(); ++w) {
      std::vector<int> counts = even;
      MoveLayers(p, *cut, kStageWeights[w], &counts);
      add(counts, *cut);
    }
    // Moves can end short of the best; from the two ends of the chain they come another way.
    for (const std::size_t all_on : {std::size_t{0}, cut->layered - 1}) {
      if (!p.several) break;
      std::vector<int> counts(p.holder.size(), 0);
      counts[all_on] = p.layers();
      MoveLayers(p, *cut, 0, &counts);
      add(counts, *cut);
    }
    add(even, *cut);
    if (schedule.spec.kind == ScheduleKind::kInterleaved1F1B) {
      const auto half = static_cast<std::size_t>(p.stages() / 2);
      std::vector<std::vector<int>> halves;
      for (int i = 0; i <= kHalves && half < cut->layered; ++i)
        halves.push_back(EvenStages(p, *cut, {half, p.layers() * i / kHalves}));
      for (std::vector<int>& counts : halves) {
        add(counts, *cut);
        MoveLayers(p, *cut, 0, &counts);
        add(counts, *cut);
      }
    }
  }
  ORRERY_CHECK(!found.empty(), std::to_string(p.stages()) + " stages for " + std::to_string(spec.layers) +
                                   " layers and " + std::to_string(EndParts(spec)) + " parts at the end");
  std::vector<StageLayout> layouts;
  for (const std::vector<StageShare>& shares : found) layouts.push_back(MakeStageLayout(spec, shares));
  return layouts;
}

StageLayout BalancedStageLayout(const ModelSpec& spec, const Schedule& schedule, const PartCosts& costs) {
  std::vector<StageLayout> layouts = StageLayoutCandidates(spec, schedule, costs);
  const auto price = [&](const StageLayout& layout) {
    const std::vector<double> ranks = RankCosts(spec, schedule, layout, costs);
    return *std::max_element(ranks.begin(), ranks.end()) *
           (1 + kWorthACopy * TableCopies(spec, schedule, layout));
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < layouts.size(); ++i) {
    if (price(layouts[i]) < price(layouts[best])) best = i;
  }
  return std::move(layouts[best]);
}

std::vector<StageLayout> NeighbouringLayouts(const ModelSpec& spec, const Schedule& schedule,
                                             const StageLayout& layout) {
  std::vector<StageShare> shares;
  for (const Stage& stage : layout.stages)
    shares.push_back({static_cast<int>(stage.layers.size()), stage.mtp_parts + (stage.has_head ? 1 : 0)});
  std::size_t last = 0;
  while (shares[last].ends == 0) ++last;
  std::vector<StageLayout> layouts;
  const auto move = [&](std::size_t from, std::size_t to) {
    const bool may_be_empty = from == 0 || shares[from].ends > 0 || HoldsSeveral(schedule);
    if (from == to || shares[from].layers <= (may_be_empty ? 0 : 1)) return;
    std::vector<StageShare> moved = shares;
    --moved[from].layers;
    ++moved[to].layers;
    layouts.push_back(MakeStageLayout(spec, moved));
  };
  for (std::size_t other = 1; other <= last; ++other) {
    move(0, other);
    move(other, 0);
  }
  for (std::size_t other = 1; other < last; ++other) {
    move(last, other);
    move(other, last);
  }
  return layouts;
}

}  // namespace orrery::models
