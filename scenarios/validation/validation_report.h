// Writers for validation results: pure functions over a list of cases.
#pragma once

#include <string>
#include <vector>

#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

/// Cases sorted into those that pass, those off with a declared reason, and those off without one.
struct ValidationSummary {
  int passed = 0, declared = 0, failed = 0;
};
ValidationSummary Summarise(const std::vector<ValidationCase>& cases);

/// How many of the published figures that judge an interval lie in it.
struct Coverage {
  int covered = 0, judged = 0;
  double median_half_width = 0;  ///< a share of our figure
};
Coverage CoverageOf(const std::vector<ValidationCase>& cases);

/// Aligned text: a table per area, then the declared residuals with their reasons, the coverage of the
/// intervals (each one with `intervals`), then the counts.
std::string ValidationText(const std::vector<ValidationCase>& cases, bool intervals = false);
/// The same as Markdown, for docs/validation.md.
std::string ValidationMarkdown(const std::vector<ValidationCase>& cases);

}  // namespace orrery::scenarios
