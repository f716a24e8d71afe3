#include "scenarios/training/stage_choice.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "core/engine/stream_engine.h"
#include "models/schedule/schedule_timing.h"
#include "scenarios/training/observer.h"

namespace orrery::scenarios {
namespace {

using models::Part;
using models::ScheduleKind;
using models::StepKind;
using models::Unit;
using models::UnitKind;

/// Layouts whose ends differ by less are equally good, as far as chunks played alone can tell.
constexpr double kAsSoon = 1.01;

/// Units of a chunk, all MoE layers as the first one: loads are even.
using Chunk = std::vector<Unit>;

Chunk EvenChunk(const models::ModelSpec& model, const models::Stage& stage) {
  Chunk units = models::UnitsOf(model, stage);
  for (Unit& unit : units) unit.moe_layer = std::min(unit.moe_layer, 0);
  return units;
}

TaskTimes Play(const models::TrainingPrograms& programs, const TrainingPrices& prices) {
  TrainingObserver observer(programs, 1);
  StreamEngine<const TrainingPrices, TrainingObserver> engine(programs.programs, 1, 1, prices, observer);
  engine.Run();
  observer.Finish();
  return observer.Tasks(0);
}

std::int64_t PairTime(const Chunk& forward, const Chunk& backward, const TrainingPrices& prices) {
  if (forward.empty() && backward.empty()) return 0;
  const auto pair = static_cast<std::size_t>(StepKind::kForwardBackward);
  return Play(models::BuildSinglePair(forward, backward), prices).by_kind[pair];
}

/// Of the tasks of one chunk on a rank of its own: forward and full backward, or with the weight pass apart.
TaskTimes AloneTimes(const Chunk& chunk, bool weights_apart, const TrainingPrices& prices) {
  if (chunk.empty()) return {};
  const auto schedule =
      models::MakeSchedule({weights_apart ? ScheduleKind::kZb1p : ScheduleKind::k1F1B, 1, 1});
  return Play(models::BuildTrainingPrograms(schedule, {chunk}, models::WeightPasses::kOutlastExchanges),
              prices);
}

std::int64_t Of(const TaskTimes& times, StepKind kind) {
  return times.by_kind[static_cast<std::size_t>(kind)];
}

/// Times of the chunks of stages, played once for every kind of stage there is.
class ChunkTimes {
 public:
  ChunkTimes(const models::ModelSpec& model, const models::Schedule& schedule, const TrainingPrices& prices)
      : model_(model), weights_beside_(schedule.spec.kind == ScheduleKind::kZb1p), prices_(prices) {}

  /// A number for all stages that compute the same.
  std::size_t KindOf(const models::Stage& stage) {
    Chunk chunk = EvenChunk(model_, stage);
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      const bool same = std::equal(chunk.begin(), chunk.end(), chunks_[i].begin(), chunks_[i].end(),
                                   [](const Unit& a, const Unit& b) { return a.kind == b.kind; });
      if (same) return i;
    }
    alone_.push_back(Alone(chunk));
    chunks_.push_back(std::move(chunk));
    return chunks_.size() - 1;
  }

  std::int64_t Alone(std::size_t kind, StepKind step) const { return Of(alone_[kind], step); }
  std::int64_t Pair(std::size_t forward, std::size_t backward) {
    const auto [at, added] = pairs_.try_emplace({forward, backward}, 0);
    if (added) at->second = PairTime(chunks_[forward], chunks_[backward], prices_);
    return at->second;
  }

 private:
  TaskTimes Alone(const Chunk& chunk) const {
    TaskTimes times = AloneTimes(chunk, false, prices_);
    const TaskTimes apart = AloneTimes(chunk, true, prices_);
    const auto input = static_cast<std::size_t>(StepKind::kBackwardInput);
    const auto weight = static_cast<std::size_t>(StepKind::kBackwardWeight);
    times.by_kind[input] = apart.by_kind[input];
    // Where a weight pass runs beside the exchanges of a backward, it adds what the two take together.
    times.by_kind[weight] =
        weights_beside_ ? std::max<std::int64_t>(0, Of(times, StepKind::kBackward) - apart.by_kind[input])
                        : apart.by_kind[weight];
    return times;
  }

  const models::ModelSpec& model_;
  bool weights_beside_;
  const TrainingPrices& prices_;
  std::vector<Chunk> chunks_;
  std::vector<TaskTimes> alone_;
  std::map<std::pair<std::size_t, std::size_t>, std::int64_t> pairs_;
};

/// When the schedule ends with a layout. Of long schedules the beginning is played, and what one more round
/// of micro-batches adds to it.
class Timeline {
 public:
  Timeline(const models::ModelSpec& model, const models::Schedule& schedule, const TrainingPrices& prices)
      : model_(model), times_(model, schedule, prices), schedule_(schedule) {
    const int ranks = schedule.spec.ranks;
    if (schedule.spec.micro_batches <= kRounds * ranks) return;
    models::ScheduleSpec spec = schedule.spec;
    spec.micro_batches = kRounds * ranks;
    schedule_ = models::MakeSchedule(spec);
    spec.micro_batches = kRounds / 2 * ranks;
    shorter_ = models::MakeSchedule(spec);
    more_ = static_cast<double>(schedule.spec.micro_batches - kRounds * ranks) /
            (kRounds * ranks - spec.micro_batches);
  }

  double End(const models::StageLayout& layout) {
    kinds_.clear();
    empty_.clear();
    for (const models::Stage& stage : layout.stages) {
      kinds_.push_back(times_.KindOf(stage));
      empty_.push_back(models::UnitsOf(model_, stage).empty());
    }
    const auto [known, added] = ends_.try_emplace(kinds_, 0);
    if (added) {
      const double end = Played(schedule_);
      known->second = more_ > 0 ? end + more_ * (end - Played(shorter_)) : end;
    }
    return known->second;
  }

 private:
  /// Rounds of as many micro-batches as there are ranks: a pipeline fills and drains in two.
  static constexpr int kRounds = 8;

  double Played(const models::Schedule& schedule) {
    const auto time = [&](int, const models::Step& step) { return Time{TimeOf(step)}; };
    return static_cast<double>(models::Simulate(schedule, time, empty_).makespan.count());
  }

  std::int64_t TimeOf(const models::Step& step) {
    const auto kind = [&](const models::ChunkRef& chunk) {
      return kinds_[static_cast<std::size_t>(chunk.stage)];
    };
    if (step.kind == StepKind::kForwardBackward) return times_.Pair(kind(step.forward), kind(step.backward));
    return times_.Alone(kind(step.kind == StepKind::kForward ? step.forward : step.backward), step.kind);
  }

  const models::ModelSpec& model_;
  ChunkTimes times_;
  models::Schedule schedule_, shorter_;
  double more_ = 0;                 ///< how often what `schedule_` has beyond `shorter_` comes again
  std::vector<std::size_t> kinds_;  ///< [stage] of the layout
  std::map<std::vector<std::size_t>, double> ends_;  ///< of layouts played already, by their kinds
  std::vector<bool> empty_;                          ///< [stage]
};

std::int64_t WorkOf(const TrainingPrices& prices, Part part) {
  return prices.blocks()[models::PriceKey(UnitKind::kMoeLayer, part)].constant.work;
}

}  // namespace

models::PartCosts PricedParts(const models::ModelSpec& model, const models::Schedule& schedule,
                              const TrainingPrices& prices) {
  // The first and the last exchange of a chunk have nothing to hide beside, so that a part costs what eight
  // take beyond four.
  constexpr std::size_t kUnits = 4;
  const auto chunk_time = [&](UnitKind kind, std::size_t units) {
    const bool routed = models::HasExperts(kind);
    const Chunk chunk(units, Unit{kind, routed ? 0 : -1});
    if (schedule.overlapped()) return PairTime(chunk, chunk, prices);
    const TaskTimes alone = AloneTimes(chunk, false, prices);
    return Of(alone, StepKind::kForward) + Of(alone, StepKind::kBackward);
  };
  const auto cost = [&](UnitKind kind) {
    return static_cast<double>(chunk_time(kind, 2 * kUnits) - chunk_time(kind, kUnits)) / kUnits;
  };
  models::PartCosts costs;
  costs.embedding = cost(UnitKind::kEmbedding);
  costs.dense_layer = cost(UnitKind::kDenseLayer);
  costs.head = cost(UnitKind::kHead);
  if (model.moe) costs.moe_layer = cost(UnitKind::kMoeLayer);
  if (!model.mixers.empty()) {
    costs.other_dense_layer = cost(UnitKind::kOtherDenseLayer);
    if (model.moe) costs.other_moe_layer = cost(UnitKind::kOtherMoeLayer);
  }
  if (model.mtp_modules > 0) costs.mtp_layer = model.moe ? cost(UnitKind::kMtpLayer) : costs.dense_layer;
  return costs;
}

models::StageLayout ChooseStageLayout(const models::ModelSpec& model, const models::Schedule& schedule,
                                      const TrainingPrices& prices, const MemoryLacking& lacking) {
  Timeline timeline(model, schedule, prices);
  const std::vector<models::StageLayout> candidates =
      models::StageLayoutCandidates(model, schedule, PricedParts(model, schedule, prices));
  const auto end = [&](const models::StageLayout& layout) {
    return timeline.End(layout) * (1 + models::kWorthACopy * models::TableCopies(model, schedule, layout));
  };
  using Rank = std::pair<std::int64_t, double>;  // what is less is better
  const auto least = [&](const auto& rank_of) {
    std::optional<Rank> rank;
    models::StageLayout best;
    const auto take_better = [&](const std::vector<models::StageLayout>& layouts) {
      bool better = false;
      for (const models::StageLayout& layout : layouts) {
        const Rank now = rank_of(layout);
        if (rank && now >= *rank) continue;
        rank = now;
        best = layout;
        better = true;
      }
      return better;
    };
    take_better(candidates);
    while (take_better(models::NeighbouringLayouts(model, schedule, best))) {
    }
    return std::pair(best, *rank);
  };
  const auto [soonest, when] = least([&](const models::StageLayout& l) { return Rank{0, end(l)}; });
  if (lacking(soonest) == 0) return soonest;
  const auto [leanest, rank] = least([&, latest = kAsSoon * when.second](const models::StageLayout& layout) {
    const double ends = end(layout);
    return Rank{ends > latest ? std::numeric_limits<std::int64_t>::max() : lacking(layout), ends};
  });
  return rank.first == 0 ? leanest : soonest;
}

models::WeightPasses WeightPassesOf(const models::ModelSpec& model, const TrainingPrices& prices,
                                    const RankLoad& load) {
  if (!model.moe) return models::WeightPasses::kFitExchanges;  // no exchanges: nothing runs beside any
  const std::uint32_t combine = models::PriceKey(UnitKind::kMoeLayer, Part::kCombineBackward),
                      dispatch = models::PriceKey(UnitKind::kMoeLayer, Part::kDispatchBackward);
  const bool fit = WorkOf(prices, Part::kAttentionWeight) <= prices.Exchange(combine, load).work &&
                   WorkOf(prices, Part::kMlpWeight) <= prices.Exchange(dispatch, load).work;
  return fit ? models::WeightPasses::kFitExchanges : models::WeightPasses::kOutlastExchanges;
}

}  // namespace orrery::scenarios
