// Recorded expert loads and token traces as CSV.
#include "models/routing/sources/recorded_loads.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const models::ExpertLoads loads = models::ParseLoadsCsv(text, "loads.csv");
  for (int layer = 0; layer < loads.layers(); ++layer) loads.Mix(layer);
}
