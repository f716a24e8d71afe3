#include "scenarios/routing_step_time.h"

#include <algorithm>
#include <memory>

#include "scenarios/training/memory_plan.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {
namespace {

/// One exchange group stands for all.
Variant OneGroup(Free free) {
  Variant variant;
  variant.groups = 1;
  variant.free = free;
  return variant;
}

bool Fits(const TrainingModel& model, const Outcome& outcome) {
  const auto memory =
      MemoryOfRanks(model.scenario(), model.schedule(), model.stages(), outcome.loads->mean());
  return std::all_of(memory.begin(), memory.end(), [&](const models::RankMemory& rank) {
    return rank.Fits(model.scenario().cluster.device.memory);
  });
}

}  // namespace

StepTime StepTimeOf(const Document& scenario, RoutingRequest* request) {
  // The loads come from the report, so the model needs no router of its own.
  const auto model = std::make_shared<const TrainingModel>(ReadTrainingScenario(scenario, ""), true);
  request->training = model->load_shape();
  request->moe_layers = model->MoeLayers();
  const double even_s = model->Simulate(OneGroup(Free::kImbalance)).step_s;
  return [model, even_s](const models::LoadSource& loads) {
    Variant variant = OneGroup(Free::kNothing);
    variant.loads = &loads;
    const Outcome outcome = model->Simulate(variant);
    const Scenario& s = model->scenario();
    const auto tokens = static_cast<double>(s.TokensPerStep());
    StepFigures figures;
    figures.step_s = outcome.step_s;
    figures.tokens_per_s = tokens / outcome.step_s;
    figures.dollars_per_trillion =
        1e12 / tokens * outcome.step_s / 3600 * s.Gpus() * s.cluster.device.dollars_per_hour;
    figures.imbalance_share = (outcome.step_s - even_s) / outcome.step_s;
    figures.rebalancing_s = outcome.rebalance.Sum();
    figures.fits = Fits(*model, outcome);
    return figures;
  };
}

}  // namespace orrery::scenarios
