// Writers of a serving result: pure functions.
#pragma once

#include <string>
#include <vector>

#include "scenarios/serving/simulate.h"

namespace orrery::scenarios {

/// For people: opens with the answer.
std::string ServingText(const ServingResult& result);
/// schema_version 1; units in the key names. `simulator` alone differs between equal runs.
std::string ServingJson(const ServingResult& result);

/// A Chrome/Perfetto trace of chosen GPUs of every unit: both streams, waiting for the group as a slice of its own. `run`
/// was asked for its timelines. InputError if a GPU is in no unit.
std::string ServingTrace(const ServingRun& run, const std::vector<int>& ranks);

}  // namespace orrery::scenarios
