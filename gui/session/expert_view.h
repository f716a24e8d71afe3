// What the Experts page shows, as plain data: loads over their mean by layer, strips of one layer's ranks, and
// what waiting for the fullest rank costs. No Qt; every function may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/load_map.h"
#include "models/routing/load_source.h"
#include "models/routing/sources/recorded_loads.h"
#include "models/spec/model_spec.h"
#include "scenarios/training/result.h"
#include "scenarios/training/waits.h"

namespace orrery::gui {

/// What rows are counted over.
enum class LoadCount : std::uint8_t {
  kMicroBatch,  ///< one micro-batch of one exchange group: what a step feels
  kStep,        ///< all micro-batches of a step
  kMix,         ///< the text of all domains by their shares, without chance
  kDomain,      ///< the text of one domain, without chance
};
/// What a column of the map is.
enum class LoadColumns : std::uint8_t {
  kRanks,    ///< EP ranks, experts as the source places them
  kExperts,  ///< in their own order, the rows of all their slots together
  kSorted,   ///< the same, the fullest of each layer first
  kSlots,    ///< physical slots as they are placed
};

struct LoadRequest {
  LoadCount count = LoadCount::kMicroBatch;
  LoadColumns columns = LoadColumns::kRanks;
  int group = 0;          ///< exchange group, of kMicroBatch and kStep
  int micro_batch = 0;    ///< of kMicroBatch
  int micro_batches = 1;  ///< of a step
  int domain = 0;         ///< of kDomain
};

/// One row of the map.
struct LayerLoad {
  int hottest_rank = -1;      ///< -1 where there are no ranks
  double hottest_excess = 0;  ///< its rows over the mean, minus 1
  double mean_excess = 0;     ///< the fullest rank's in each micro-batch, mean: what every exchange waits for
  models::BalanceStats balance;  ///< of experts
  int dead = 0, above_two = 0;   ///< experts below 0.04 and above 2 of the mean
};

struct LoadView {
  LoadRequest request;
  int layers = 0, columns = 0;
  std::vector<double> values;  ///< [layer][column] over the layer's mean; 0 throughout where it has no rows
  std::vector<int> experts;    ///< [layer][column] the expert that stands there; empty of ranks
  std::vector<LayerLoad> rows;
  models::BalanceStats mean;  ///< over layers
  double hottest_excess = 0;  ///< mean of rows' mean_excess

  double At(int layer, int column) const { return values[Index(layer, column)]; }
  /// Of a rank's column -1.
  int ExpertAt(int layer, int column) const { return experts.empty() ? -1 : experts[Index(layer, column)]; }
  /// Cells beyond a scale that reaches from 1/limit to limit.
  int Clipped(double limit) const;

 private:
  std::size_t Index(int layer, int column) const {
    return static_cast<std::size_t>(layer) * static_cast<std::size_t>(columns) +
           static_cast<std::size_t>(column);
  }
};

/// The limit of the colour scale, fixed by what is counted and never by what comes out.
double ScaleLimit(const LoadRequest& request);

/// `layers`: MoE layers of the source, from 0. One micro-batch of 58 layers takes milliseconds, a step a tenth of
/// a second. InputError where the source knows nothing of domains, or none of that number.
LoadView ViewLoads(const models::LoadSource& source, int layers, const LoadRequest& request,
                   const RunControl& control = {});
/// Recorded loads, of the mix or of request.domain; without slots. `ranks`: experts in order stand on as many;
/// 0 where they do not divide the experts, or none are asked for. InputError where a column or count is asked for
/// that a record does not have.
LoadView ViewRecorded(const models::ExpertLoads& loads, int ranks, const LoadRequest& request);

/// Names of MoE layers as a model counts its layers: "3" to "60", "MTP 1".
std::vector<std::string> MoeLayerNames(const models::ModelSpec& model);

/// Ranks of one layer in one micro-batch under one placement.
struct RankStrip {
  enum class Kind : std::uint8_t {
    kInOrder,   ///< expert e on rank e / (experts / ranks)
    kScenario,  ///< as the source places them; absent where it does not
    kPlanned,   ///< EPLB with redundant slots, planned on the micro-batches before
    kBest,      ///< the same, planned on this very micro-batch: the best there is
  };
  Kind kind{};
  int slots = 0;
  std::vector<double> ranks;  ///< rows over the mean
  int hottest = 0;
  double excess = 0;    ///< of the hottest, over the mean, minus 1
  std::string why_not;  ///< there is no such plan; empty: there is
};

struct StripRequest {
  int layer = 0, micro_batch = 0, group = 0;
  int ranks = 0;          ///< 0: the source's
  int redundant = 64;     ///< slots beyond the experts, of kPlanned and kBest
  int planned_from = 64;  ///< micro-batches before
};

/// In the order of RankStrip::Kind. Replicas of an expert share its rows evenly.
std::vector<RankStrip> StripsOf(const models::LoadSource& source, const StripRequest& request,
                                const RunControl& control = {});

/// What others waited for, hidden behind compute or not, of the first exchange group of each pipeline rank.
struct Lateness {
  double waited_s = 0;              ///< GPU seconds, of all ranks that waited together
  double share = 0;                 ///< of the GPU time of a step
  double step_s = 0;                ///< the same as seconds of a step
  double dollars_per_trillion = 0;  ///< tokens, were all groups like the first
  int times_last = 0;               ///< exchanges to which the rank came last; of a layer 0
};
/// `dollars_per_trillion`: of the run, RunReport's. `step_s`: seconds of the step.
Lateness LatenessOfLayer(const scenarios::WaitSums& waits, int layer, double step_s,
                         double dollars_per_trillion);
Lateness LatenessOfRank(const scenarios::WaitSums& waits, int pipeline_rank, int ep_rank, double step_s,
                        double dollars_per_trillion);
Lateness LatenessOfAll(const scenarios::WaitSums& waits, double step_s, double dollars_per_trillion);
/// The rank that came last most often; of equals the first.
struct LatestRank {
  int pipeline_rank = 0, ep_rank = 0, times_last = 0;
};
std::optional<LatestRank> MostOftenLast(const scenarios::WaitSums& waits);

}  // namespace orrery::gui
