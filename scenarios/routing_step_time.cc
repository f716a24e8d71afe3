#include "scenarios/routing_step_time.h"

#include <memory>

#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

StepTime StepTimeOf(const Document& scenario, RoutingRequest* request) {
  const auto model = std::make_shared<const TrainingModel>(ReadTrainingScenario(scenario, ""));
  request->training = model->load_shape();
  request->moe_layers = model->MoeLayers();
  return [model](const models::LoadSource& loads) {
    Variant variant;
    variant.groups = 1;
    variant.loads = &loads;
    return model->Simulate(variant).step_s;
  };
}

}  // namespace orrery::scenarios
