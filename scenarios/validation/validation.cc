#include "scenarios/validation/validation.h"

#include <cmath>

namespace orrery::scenarios {

bool ValidationCase::Passes() const {
  if (!std::isfinite(simulated)) return false;
  switch (kind) {
    case ToleranceKind::kRelative:
      return std::abs(simulated - published) <= tolerance * std::abs(published);
    case ToleranceKind::kAbsolute:
      return std::abs(simulated - published) <= tolerance;
    case ToleranceKind::kAtMost:
      return simulated <= published;
    case ToleranceKind::kRange:
      return simulated >= low && simulated <= high;
  }
  return false;
}

double ValidationCase::HalfWidth() const {
  return (interval->high - interval->low) / 2 / std::abs(simulated);
}

void ValidationCase::SetInterval(double low_factor, double high_factor, bool inverse) {
  interval = inverse ? Interval{simulated / high_factor, simulated / low_factor}
                     : Interval{simulated * low_factor, simulated * high_factor};
}

// One line an area: declared here, defined in scenarios/x_cases.cc.
std::vector<ValidationCase> ModelCases();
std::vector<ValidationCase> ScheduleCases();
std::vector<ValidationCase> CalibrationCases();
std::vector<ValidationCase> DevicesCases();
std::vector<ValidationCase> NetworkCases();
std::vector<ValidationCase> TrainingCases();
std::vector<ValidationCase> AttentionCases();
std::vector<ValidationCase> RoutingCases();
std::vector<ValidationCase> ServingCases();

const std::vector<ValidationGroup>& ValidationGroups() {
  static const std::vector<ValidationGroup> groups = {
      {"model", ModelCases},         {"schedules", ScheduleCases}, {"calibration", CalibrationCases},
      {"devices", DevicesCases},     {"network", NetworkCases},    {"training", TrainingCases},
      {"attention", AttentionCases}, {"routing", RoutingCases},    {"serving", ServingCases},
  };
  return groups;
}

}  // namespace orrery::scenarios
