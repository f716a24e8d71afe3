#include "scenarios/studies/training_studies.h"

#include "scenarios/studies/critical_path.h"
#include "scenarios/studies/uncertainty.h"
#include "scenarios/studies/what_if.h"

namespace orrery::scenarios {
namespace {

/// A folded timeline has no ranks that wait for each other, so that one exchange group is simulated whole.
Timeline TimelineOfOneGroup(const TrainingModel& model, const RunControl& control) {
  Conditions one_group;
  one_group.groups = 1;
  StepInputs inputs;
  inputs.timeline = true;
  return model.Simulate(one_group, inputs, control).timeline;
}

void AddCostOfImbalance(const TrainingModel& model, const TrainingOutcome& outcome, const RunControl& control,
                        TrainingResult* r) {
  if (!model.scenario().model.moe || r->folded) return;
  ImbalanceCost cost =
      CostOfImbalance(model, outcome.step_s, outcome.dropped_share, EvenStep(model, 0, control));
  cost.tokens_per_second_per_gpu = r->tokens_per_second_per_gpu * cost.step_share / (1 - cost.step_share);
  cost.dollars_per_trillion_tokens = r->run.dollars_per_trillion * cost.step_share;
  r->imbalance.cost = cost;
}

std::vector<CriticalPathShare> PathOf(const TrainingModel& model, const TrainingOutcome& outcome, bool folded,
                                      const RunControl& control) {
  control.Tell(0, "walking the critical path");
  const bool kept = !folded && outcome.timeline.ranks() > 0;
  return CriticalPath(kept ? outcome.timeline : TimelineOfOneGroup(model, control.Part(0, 0.1)));
}

void AddOthers(const TrainingModel& model, const StudyOptions& options, const RunControl& control,
               const TrainingOutcome& outcome, TrainingResult* r) {
  control.Tell(0.1, "making each resource free in turn");
  AddCostOfImbalance(model, outcome, control.Part(0.1, 0.2), r);
  r->what_ifs = WhatWouldHelp(model, outcome.dropped_share, control.Part(0.2, 0.6));
  control.Tell(0.6, "resampling calibration and seeds");
  r->interval = UncertaintyOf(model, r->step_s, options.resamples, options.seeds, control.Part(0.6, 1));
}

}  // namespace

void AddStudies(const TrainingModel& model, const StudyOptions& options, const RunControl& control,
                const TrainingOutcome& outcome, TrainingResult* r) {
  r->critical_path = PathOf(model, outcome, r->folded, control);
  AddOthers(model, options, control, outcome, r);
}

void AddStudies(const TrainingModel& model, const StudyOptions& options, const RunControl& control,
                TrainingOutcome* outcome, TrainingResult* r) {
  r->critical_path = PathOf(model, *outcome, r->folded, control);
  if (!options.keep_timeline) outcome->timeline = {};
  AddOthers(model, options, control, *outcome, r);
}

}  // namespace orrery::scenarios
