// Writers of a training result: pure functions.
#pragma once

#include <string>

#include "scenarios/run.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// For people. Of a run, the heading also says what was run: parallelism, schedule, precision, batch.
std::string TrainingText(const Run& run);
std::string TrainingText(const TrainingResult& result);
/// schema_version 1; units in the key names. Simulator timings are the only values that differ between equal
/// runs.
std::string TrainingJson(const Run& run);
std::string TrainingJson(const TrainingResult& result);

}  // namespace orrery::scenarios
