#include "scenarios/serving/simulate.h"

#include <chrono>
#include <utility>

namespace orrery::scenarios {
namespace {

std::vector<std::string> AssumptionsOf(const ServingScenario& s) {
  std::vector<std::string> list;
  if (s.even_experts) list.push_back("every rank gets the same rows of experts (balance.experts: even)");
  if (s.host == kTimeZero)
    list.push_back("no time of the host between steps (serving.host: nobody has published it)");
  if (s.decode && s.speculation.modules > 0 && !s.speculation.acceptance.empty())
    list.push_back("the acceptance of drafted tokens is the scenario's");
  list.push_back("sampling reads the logits twice; kernels take the same time in every layer");
  return list;
}

}  // namespace

ServingRun SimulateServing(const ServingScenario& s, bool timelines, const RunControl& control) {
  const auto begin = std::chrono::steady_clock::now();
  control.Tell(0, "pricing kernels");
  ServingRun run;
  ServingResult& result = run.result;
  result.scenario = s.name;
  result.file = s.file;
  result.hash = s.hash;
  result.model = s.model.name;
  result.cluster = s.cluster.device.name;
  result.seed = s.seed;
  result.assumptions = AssumptionsOf(s);
  const std::vector<UnitPlan> units = UnitsOf(s);
  for (std::size_t i = 0; i < units.size(); ++i) {
    const double from = static_cast<double>(i) / static_cast<double>(units.size());
    const RunControl part = control.Part(from, from + 1 / static_cast<double>(units.size()));
    const auto model = std::make_shared<const UnitModel>(s, units[i], part.Part(0, 0.6));
    UnitOutcome outcome = model->Simulate({}, {.timeline = timelines}, part.Part(0.6, 0.7));
    result.units.push_back(model->Summarise(outcome, part.Part(0.7, 1)));
    run.models.push_back(model);
    if (timelines) run.timelines.push_back(std::move(outcome.timeline));
  }
  result.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  control.Tell(1, "");
  return run;
}

}  // namespace orrery::scenarios
