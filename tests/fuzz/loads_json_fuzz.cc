// Recorded expert loads as JSON.
#include "models/routing/sources/recorded_loads.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const models::ExpertLoads loads = models::ParseLoadsJson(text, "loads.json");
  for (int layer = 0; layer < loads.layers(); ++layer) loads.Mix(layer);
}
