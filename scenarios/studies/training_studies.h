// What a training step is made of and how sure it is: every study that a report has.
#pragma once

#include "core/base/run_control.h"
#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

struct StudyOptions {
  int resamples = 64, seeds = 4;
  bool keep_timeline = false;  ///< of the outcome; it is large, and only the critical path needs it here
};

/// Adds critical path, what-ifs, cost of imbalance and interval to a summarised `result` of `outcome`. Where
/// that has no timeline, one exchange group is simulated for it.
void AddStudies(const TrainingModel& model, const StudyOptions& options, const RunControl& control,
                const TrainingOutcome& outcome, TrainingResult* result);
/// The same, where the outcome may be changed: its timeline goes as soon as it is not needed.
void AddStudies(const TrainingModel& model, const StudyOptions& options, const RunControl& control,
                TrainingOutcome* outcome, TrainingResult* result);

}  // namespace orrery::scenarios
