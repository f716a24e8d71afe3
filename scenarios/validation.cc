#include "scenarios/validation.h"

#include <cmath>

namespace orrery::scenarios {

bool ValidationCase::Passes() const {
  if (!std::isfinite(simulated)) return false;
  switch (kind) {
    case ToleranceKind::kRelative: return std::abs(simulated - published) <= tolerance * std::abs(published);
    case ToleranceKind::kAbsolute: return std::abs(simulated - published) <= tolerance;
    case ToleranceKind::kAtMost: return simulated <= published;
    case ToleranceKind::kRange: return simulated >= low && simulated <= high;
  }
  return false;
}

// One line an area: declared here, defined in scenarios/x_cases.cc.
std::vector<ValidationCase> ScheduleCases();
std::vector<ValidationCase> NetworkCases();
std::vector<ValidationCase> ModelCases();
std::vector<ValidationCase> AttentionCases();
std::vector<ValidationCase> CalibrationCases();

const std::vector<ValidationGroup>& ValidationGroups() {
  static const std::vector<ValidationGroup> groups = {
      {"model", ModelCases},
      {"schedules", ScheduleCases},
      {"network", NetworkCases},
      {"attention", AttentionCases},
      {"calibration", CalibrationCases},
// One line an area: `std::vector<ValidationCase> XCases();` declared here, defined in scenarios/x_cases.cc.
std::vector<ValidationCase> RoutingCases();

const std::vector<ValidationGroup>& ValidationGroups() {
  static const std::vector<ValidationGroup> groups = {
      {"routing", RoutingCases},
  };
  return groups;
}

}  // namespace orrery::scenarios
