// Published figures against ours. Each area of the tool contributes a list of cases; `orrery validate` prints
// them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace orrery::scenarios {

/// What a published figure is used for.
enum class CaseRole {
  kJudges,      ///< feeds nothing: an independent check
  kCalibrates,  ///< the model is calibrated with it, so agreement is expected, not evidence
  kFormula,     ///< a published formula evaluated here: a check of the code, for no figure was published
};

/// How `tolerance` is meant.
enum class ToleranceKind {
  kRelative,  ///< |simulated - published| <= tolerance * |published|
  kAbsolute,  ///< |simulated - published| <= tolerance
  kAtMost,    ///< simulated <= published
  kRange,     ///< low <= simulated <= high
};

struct ValidationCase {
  std::string id;    ///< of published.csv where it is there, e.g. "DS-E02a"
  std::string area;  ///< "training step", "routing", "attention", "network", ...
  std::string what;  ///< in words
  double published = 0;
  double simulated = 0;
  std::string unit;
  ToleranceKind kind = ToleranceKind::kRelative;
  double tolerance = 0;
  double low = 0, high = 0;  ///< kRange only
  CaseRole role = CaseRole::kJudges;
  std::string source;  ///< paper and table
  std::string
      residual;  ///< why it is off; a case outside its tolerance with a residual fails under --strict only

  /// Central 90 % of ours, in the figure's unit; absent where nothing tells how far off it may be.
  struct Interval {
    double low = 0, high = 0;
  };
  std::optional<Interval> interval{};

  bool Passes() const;
  /// Whether it tells how good the intervals are: an independent figure against one of ours that has one.
  bool JudgesInterval() const { return role == CaseRole::kJudges && interval.has_value(); }
  /// Whether the published figure lies in the interval. Only where there is one.
  bool Covered() const { return interval->low <= published && published <= interval->high; }
  /// Half the interval's width over our figure.
  double HalfWidth() const;
  /// Sets the interval from factors on our figure; `inverse`: the figure is a rate and the factors are of a
  /// time.
  void SetInterval(double low_factor, double high_factor, bool inverse = false);
};

/// A named group of cases, run on demand.
struct ValidationGroup {
  std::string name;
  std::function<std::vector<ValidationCase>()> run;
};

/// Every group, in the order they are printed: the explicit registry (validation.cc).
const std::vector<ValidationGroup>& ValidationGroups();

}  // namespace orrery::scenarios
