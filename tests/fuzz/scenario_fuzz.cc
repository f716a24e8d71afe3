// Scenarios of training and of attention designs; one that is accepted is written and read back.
#include "scenarios/schema/attention_scenario.h"
#include "scenarios/schema/scenario.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "scenario.yaml");
  if (scenarios::WorkloadKind(document) == "attention") {
    scenarios::ReadAttentionScenario(document);
    return;
  }
  const scenarios::Scenario s = scenarios::ReadTrainingScenario(document, "scenario.yaml");
  const std::string yaml = YamlText(scenarios::WriteScenario(s));
  const scenarios::Scenario again =
      scenarios::ReadTrainingScenario(Document::Parse(yaml, "written"), "written");
  if (again.hash != s.hash) throw std::logic_error("written and read back it is another scenario:\n" + yaml);
}
