// What is published of whole training runs: figures beside the configuration that they are of.
#pragma once

#include <string>
#include <vector>

#include "scenarios/schema/scenario.h"
#include "scenarios/training/result.h"
#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

struct PublishedFigure {
  const char* id;    ///< of published.csv
  const char* what;  ///< in words
  double published;
  const char* unit;
  ToleranceKind kind;  ///< kRelative or kAbsolute
  double tolerance;
  const char* source;                   ///< paper and table
  double (*of)(const TrainingResult&);  ///< ours, in the same unit
};

/// A configuration of which figures are published: a scenario that comes with Orrery and what is changed in it.
struct PublishedConfiguration {
  std::string scenario;
  std::vector<std::string> overrides;
  std::vector<PublishedFigure> figures;
};
const std::vector<PublishedConfiguration>& PublishedConfigurations();
Scenario ScenarioOf(const PublishedConfiguration& configuration);

/// The figures of this very configuration, whatever its name, seed and calibration; none where nothing is
/// published of it. `scenario` is settled.
std::vector<PublishedFigure> PublishedFor(const Scenario& scenario);

}  // namespace orrery::scenarios
