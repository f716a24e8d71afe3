// Folded steps of DeepSeek-V3's training, as a search for a better plan asks them: one machine, loaded once,
// and its unit prices shared by all evaluations. On one core.
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "scenarios/schema/scenario.h"
#include "scenarios/step/machine.h"
#include "scenarios/training/simulation.h"

namespace orrery {
namespace {

scenarios::Scenario V3(const std::vector<std::string>& sets = {}) {
  return scenarios::ReadTrainingScenario(scenarios::LoadScenarioDocument("deepseek-v3-pretraining", sets),
                                         "");
}

/// The same model under other conditions: what a what-if or a draw of prices asks.
void BM_FoldedSteps(benchmark::State& state) {
  const scenarios::TrainingModel model(V3(), true);
  double transfers = 1;
  for (auto _ : state) {
    transfers += 1e-6;
    benchmark::DoNotOptimize(model.Simulate({.transfers = transfers, .fold = true}).step_s);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FoldedSteps)->Unit(benchmark::kMillisecond);

/// A model made anew of the scenario for every step.
void BM_FoldedEvaluations(benchmark::State& state) {
  const scenarios::Scenario scenario = V3();
  const auto machine = scenarios::LoadMachine(scenario);
  for (auto _ : state) {
    const scenarios::TrainingModel model(scenario, machine, true);
    benchmark::DoNotOptimize(model.Simulate({.fold = true}).step_s);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FoldedEvaluations)->Unit(benchmark::kMillisecond);

/// A plan that no recent evaluation had, of 40 to 198 micro-batches: its stages are laid out anew.
void BM_FoldedPlans(benchmark::State& state) {
  scenarios::Scenario scenario = V3();
  const auto machine = scenarios::LoadMachine(scenario);
  std::int64_t plans = 0;
  for (auto _ : state) {
    const std::int64_t micro_batches = 40 + 2 * (plans++ % 80);  // more than a memo keeps
    scenario.workload.global_batch = micro_batches * scenario.parallelism.data;
    const scenarios::TrainingModel model(scenario, machine, true);
    benchmark::DoNotOptimize(model.Simulate({.fold = true}).step_s);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FoldedPlans)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery
