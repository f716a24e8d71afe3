// Measurements: what is read is written so that it reads back as the same, and compares with itself.
#include "profiler/gate/comparison.h"
#include "profiler/measurement/measurement.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const profiler::MeasurementRun run = profiler::ParseMeasurement(text, "measurement.json");
  const std::string json = profiler::MeasurementJson(run);
  ORRERY_CHECK(profiler::MeasurementJson(profiler::ParseMeasurement(json, "again.json")) == json, json);
  profiler::Compare(run, run, {});
}
