#include "scenarios/validation/trace_pair.h"

#include "core/engine/stream_engine.h"
#include "scenarios/training/observer.h"
#include "scenarios/training/prices.h"

namespace orrery::scenarios {
namespace {

using models::Part;
using models::UnitKind;

// deepseek-ai/profile-data train.json: rows after padding and distinct tokens received, layer by layer, read
// off the shapes of the permute and grouped GEMM kernels (forward chunk, then backward chunk).
constexpr std::array<std::int32_t, 4> kForwardRows = {31104, 30976, 36864, 31104};
constexpr std::array<std::int32_t, 4> kForwardUnique = {28984, 28856, 34144, 29128};
constexpr std::array<std::int32_t, 4> kBackwardRows = {34688, 32512, 32896, 28416};
constexpr std::array<std::int32_t, 4> kBackwardUnique = {32120, 30048, 30584, 26592};
constexpr int kTokens = 4096;

// Top-8 of 256 in 4 of 8 nodes: 3.97 nodes and 7.5 GPUs a token, one node in 8 and one GPU of a node in 8 its
// own (reference: 3.97 to 3.98 nodes/token at EP64 by Monte Carlo on DeepEP's test routing).
constexpr double kNodesPerToken = 3.97;
constexpr double kRanksPerToken = 7.5;

Scenario TraceScenario(const hw::CostModel& cost) {
  Scenario s;
  s.model = models::ModelPreset("deepseek-v3");
  s.cluster.device = cost.device();
  s.workload.sequence_length = kTokens;
  s.parallelism.expert = 64;
  return s;
}

/// Instances: layer * 2 for the forward chunk's micro-batch, layer * 2 + 1 for the backward chunk's. The trace
/// numbers the backward chunk's layers in the order they run, which is from the last to the first.
StepLoads TraceLoads() {
  std::vector<RankLoad> loads;
  const auto out = static_cast<std::int32_t>(kTokens * kNodesPerToken * 7 / 8);
  const auto up = static_cast<std::int32_t>(kTokens * kRanksPerToken * 7 / 8);
  for (std::size_t layer = 0; layer < 4; ++layer) {
    loads.push_back({kForwardRows[layer], kForwardUnique[layer], out, up});
    loads.push_back({kBackwardRows[3 - layer], kBackwardUnique[3 - layer], out, up});
  }
  return StepLoads(1, 1, std::move(loads));
}

double MeanMs(const TrainingObserver& observer, Part part) {
  const std::uint32_t key = models::PriceKey(UnitKind::kMoeLayer, part);
  return static_cast<double>(observer.WorkOf(key)) / static_cast<double>(observer.CountOf(key)) * 1e-9;
}

void Provenances(const TrainingPrices& prices, TracePair* pair) {
  double total = 0;
  for (std::uint32_t key = 0; key < models::kPriceKeys; ++key) {
    for (const KernelShare& kernel : prices.Kernels(key)) {
      (hw::IsOwn(kernel.provenance)                   ? pair->measured
       : kernel.provenance == hw::Provenance::kScaled ? pair->scaled
                                                      : pair->analytic) += kernel.picoseconds;
      total += kernel.picoseconds;
    }
  }
  for (double* share : {&pair->measured, &pair->scaled, &pair->analytic}) *share /= total;
}

}  // namespace

TracePair SimulateTracePair(const hw::CostModel& cost, const hw::ExchangeModel& exchange,
                            double exchange_factor) {
  const Scenario scenario = TraceScenario(cost);
  std::vector<models::Unit> chunk;
  for (int layer = 0; layer < 4; ++layer) chunk.push_back({UnitKind::kMoeLayer, layer});
  const models::TrainingPrograms programs = models::BuildSinglePair(chunk, chunk);
  const StepLoads loads = TraceLoads();
  PriceInputs inputs;
  inputs.scenario = &scenario;
  inputs.cost = &cost;
  inputs.exchange = &exchange;
  inputs.conditions.vary = false;
  inputs.conditions.transfers = exchange_factor;
  const TrainingPrices prices(inputs, loads, 1);
  TrainingObserver observer(programs, 1);
  StreamEngine<const TrainingPrices, TrainingObserver> engine(programs.programs, 1, 1, prices, observer);
  TracePair pair;
  pair.total_ms = static_cast<double>(engine.Run().end) * 1e-9;
  for (std::size_t p = 0; p < 6; ++p) pair.compute_ms[p] = MeanMs(observer, static_cast<Part>(p));
  for (std::size_t p = 0; p < 4; ++p) pair.exchange_ms[p] = MeanMs(observer, static_cast<Part>(6 + p));
  Provenances(prices, &pair);
  return pair;
}

}  // namespace orrery::scenarios
