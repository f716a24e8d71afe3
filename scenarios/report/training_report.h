// Writers of a training result: pure functions.
#pragma once

#include <string>

#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// For people.
std::string TrainingText(const TrainingResult& result);
/// schema_version 1; units in the key names. Simulator timings are the only values that differ between equal
/// runs.
std::string TrainingJson(const TrainingResult& result);

}  // namespace orrery::scenarios
