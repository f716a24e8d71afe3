// Writers of a comparison: pure functions from the plain result to text.
#pragma once

#include <string>

#include "profiler/gate/comparison.h"

namespace orrery::profiler {

struct ReportLimits {
  bool all = false;  ///< also the cases that are the same at once
};

/// A table for people: what changed first, then counts, then whether the run passed.
std::string ComparisonText(const Comparison& comparison, const ReportLimits& limits = {});
/// For $GITHUB_STEP_SUMMARY; names are escaped, whatever they hold.
std::string ComparisonMarkdown(const Comparison& comparison);
/// One test case per kernel case: failure = what fails the run, skipped = unclear, added and the like.
std::string ComparisonJUnit(const Comparison& comparison);
/// ::error and ::warning lines that GitHub shows beside the pull request.
std::string ComparisonGithub(const Comparison& comparison);
/// schema_version, units in the keys.
std::string ComparisonJson(const Comparison& comparison);

}  // namespace orrery::profiler
