// Scenarios of training and of attention designs, with the sections read elsewhere.
#include "models/routing/sources/synthetic_loads.h"
#include "scenarios/schema/attention_scenario.h"
#include "scenarios/schema/scenario.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "scenario.yaml");
  if (scenarios::WorkloadKind(document) == "attention") {
    scenarios::ReadAttentionScenario(document.root());
    return;
  }
  const scenarios::Scenario s = scenarios::ReadTrainingScenario(document, "scenario.yaml");
  const Value* routing = s.document.root().Find("routing");
  if (routing != nullptr && s.model.moe) models::ReadRoutingSection(*routing, *s.model.moe);
}
