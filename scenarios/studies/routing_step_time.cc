#include "scenarios/studies/routing_step_time.h"

#include <algorithm>
#include <memory>

#include "scenarios/studies/what_if.h"
#include "scenarios/training/memory_plan.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {
namespace {

bool Fits(const TrainingModel& model, const TrainingOutcome& outcome) {
  const auto memory =
      MemoryOfRanks(model.scenario(), model.schedule(), model.stages(), outcome.loads->mean());
  return std::all_of(memory.begin(), memory.end(), [&](const models::RankMemory& rank) {
    return rank.Fits(model.scenario().cluster.device.memory);
  });
}

}  // namespace

StepSimulator StepTimeOf(const Document& scenario, RoutingRequest* request) {
  // The loads come from the report, so the model needs no router of its own.
  const auto model = std::make_shared<const TrainingModel>(ReadTrainingScenario(scenario, ""), true);
  request->training = model->load_shape();
  request->moe_layers = model->MoeLayers();
  const double even_s = EvenStep(*model);
  return [model, even_s](const models::LoadSource& loads, const RunControl& control) {
    StepInputs inputs;
    inputs.loads = &loads;
    const TrainingOutcome outcome = model->Simulate({}, inputs, control);
    const Scenario& s = model->scenario();
    const auto tokens = static_cast<double>(s.TokensPerStep());
    StepFigures figures;
    figures.step_s = outcome.step_s;
    figures.tokens_per_s = tokens / outcome.step_s;
    figures.dollars_per_trillion =
        1e12 / tokens * outcome.step_s / 3600 * s.Gpus() * s.cluster.device.dollars_per_hour;
    const ImbalanceCost cost = CostOfImbalance(*model, outcome.step_s, outcome.dropped_share, even_s);
    figures.imbalance_share = cost.step_share;
    figures.undone_s = cost.undone_s;
    figures.rebalancing_s = outcome.rebalance.Sum();
    figures.fits = Fits(*model, outcome);
    return figures;
  };
}

}  // namespace orrery::scenarios
