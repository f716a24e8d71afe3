#include "scenarios/studies/what_if.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/parallel.h"

namespace orrery::scenarios {
namespace {

constexpr std::array<Question, 9> kQuestions = {{
    {"dispatch and combine take no time", {.exchanges = 0}},
    {"every rank gets the same expert load", {.even_loads = true}},
    {"kernels always take their mean time", {.vary = false}},
    {"pipeline messages take no time", {.messages = 0}},
    {"casts, transposes and requantisation are free", {.casts = 0}},
    {"no gaps between kernels", {.launch_gaps = 0}},
    {"communication needs no SMs and disturbs no kernel", {.lend_sms = false}},
    {"nothing is recomputed", {.recompute = false}},
    {"embedding, heads and MTP module are free", {.ends = 0}},
}};

double MeanTaskSeconds(const TrainingOutcome& outcome) {
  double total = 0;
  for (int rank = 0; rank < outcome.gpus; ++rank) {
    for (std::int64_t t : outcome.observer->Tasks(rank).by_kind) total += static_cast<double>(t) * 1e-12;
  }
  return total / outcome.gpus;
}

}  // namespace

std::span<const Question> TrainingQuestions() { return kQuestions; }

double EvenStep(const StepModel& model, double dropped_share, const RunControl& control) {
  Conditions even;
  even.even_loads = true;
  even.dropped_share = dropped_share;
  return model.Step(even, control).step_s;
}

ImbalanceCost CostOfImbalance(const StepModel& model, double step_s, double dropped_share, double all_s) {
  ImbalanceCost cost;
  cost.even_s = dropped_share > 0 ? EvenStep(model, dropped_share) : all_s;
  cost.undone_s = all_s - cost.even_s;
  cost.step_s = step_s - cost.even_s;
  cost.step_share = cost.step_s / step_s;
  return cost;
}

std::vector<WhatIf> WhatWouldHelp(const TrainingModel& model, double dropped_share,
                                  const RunControl& control) {
  std::array<double, kQuestions.size() + 1> step{};
  double busy = 0, pipeline = 0;
  ParallelParts parts(control, step.size());
  ParallelFor(step.size(), [&](std::size_t i) {
    Conditions conditions = i == 0 ? Conditions{} : kQuestions[i - 1].conditions;
    conditions.groups = 1;
    conditions.dropped_share = dropped_share;
    const TrainingOutcome outcome = model.Simulate(conditions, parts.StopOnly());
    step[i] = outcome.step_s;
    if (i == 0) busy = MeanTaskSeconds(outcome);
    if (i == 0) pipeline = static_cast<double>(outcome.pipeline) * 1e-12 + outcome.rebalance.Sum();
    parts.Done();
  });
  std::vector<WhatIf> answers;
  const double base = step[0];
  for (std::size_t i = 0; i < kQuestions.size(); ++i) {
    answers.push_back({kQuestions[i].name, step[i + 1], (base - step[i + 1]) / base});
  }
  const double optimizer = Slowest(model.PriceOptimizers(model.cost(), model.loads())).Sum();
  answers.push_back(
      {"no bubble: every rank busy to the mean of all", busy + optimizer, (base - busy - optimizer) / base});
  answers.push_back({"the optimizer step is free", pipeline, (base - pipeline) / base});
  std::stable_sort(answers.begin(), answers.end(),
                   [](const WhatIf& a, const WhatIf& b) { return a.gain > b.gain; });
  return answers;
}

}  // namespace orrery::scenarios
