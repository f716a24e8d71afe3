#include "profiler/compare/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "core/error.h"

namespace orrery::profiler {
namespace {

constexpr std::size_t kMinLaunches = 8;  // below, the rank test's normal approximation does not hold
constexpr double kErrorGrowth = 2.0;     // a reference error that doubles is said

/// All launches of one case of one run.
struct CaseData {
  const KernelSample* first = nullptr;
  std::map<int, std::vector<double>> processes;
  std::vector<double> clocks;
  double error = -1;

  std::vector<double> ProcessMedians() const {
    std::vector<double> medians;
    for (const auto& [process, durations] : processes) medians.push_back(Median(durations));
    return medians;
  }
  std::vector<double> Launches() const {
    std::vector<double> all;
    for (const auto& [process, durations] : processes)
      all.insert(all.end(), durations.begin(), durations.end());
    return all;
  }
};

/// Cases by key, and the keys in the order of the file.
struct RunData {
  std::map<std::string, CaseData> cases;
  std::vector<std::string> order;
};

RunData Collect(const MeasurementRun& run) {
  RunData data;
  for (const KernelSample& sample : run.samples) {
    const std::string key = CaseKey(sample);
    CaseData& c = data.cases[key];
    if (c.first == nullptr) {
      c.first = &sample;
      data.order.push_back(key);
    }
    auto& durations = c.processes[sample.process];
    durations.insert(durations.end(), sample.durations_us.begin(), sample.durations_us.end());
    if (sample.sm_clock_mhz) c.clocks.push_back(*sample.sm_clock_mhz);
    if (sample.reference_error) c.error = std::max(c.error, *sample.reference_error);
  }
  return data;
}

std::vector<std::string> Mismatches(const MeasurementRun& base, const MeasurementRun& next) {
  std::vector<std::string> found;
  const auto check = [&](std::string_view what, const std::string& a, const std::string& b) {
    if (a != b) found.push_back(fmt::format("{}: '{}' against '{}'", what, a, b));
  };
  check("device", base.device.name, next.device.name);
  check("SMs", std::to_string(base.device.sms), std::to_string(next.device.sms));
  check("driver", base.driver, next.driver);
  check("CUDA runtime", base.cuda_runtime, next.cuda_runtime);
  check("suite", base.suite, next.suite);
  return found;
}

double Spread(const CaseData& data) {
  const std::vector<double> medians = data.ProcessMedians();
  return medians.size() < 2 ? 0 : ScaledMad(medians) / Median(medians);
}

/// What processes differ by in this run: the median over its cases. Three processes say little of one case,
/// of all cases much.
double TypicalSpread(const RunData& run) {
  std::vector<double> spreads;
  for (const auto& [key, data] : run.cases) spreads.push_back(Spread(data));
  return Median(std::move(spreads));
}

/// The relative change that counts. A single process tells nothing of the spread: then each side may be off
/// by what was seen elsewhere.
double Threshold(const CaseComparison& c, const ComparisonOptions& options) {
  const bool unknown = std::min(c.base_processes, c.new_processes) < 2;
  const double spread = unknown ? 2 * options.unknown_spread : options.spread_factor * c.spread;
  return std::max(options.min_ratio, spread);
}

std::optional<double> CycleRatio(const CaseData& base, const CaseData& next, double ratio) {
  if (base.clocks.empty() || next.clocks.empty()) return std::nullopt;
  return ratio * Median(next.clocks) / Median(base.clocks);
}

/// A case measured, its verdict open until all p values are adjusted together.
struct Measured {
  CaseComparison c;
  bool too_few = false, identical = false;
};

Measured Measure(const std::string& key, const CaseData& base, const CaseData& next, double typical_spread,
                 const ComparisonOptions& options) {
  Measured measured;
  CaseComparison& c = measured.c;
  c.key = key;
  c.label = base.first->op_label;
  c.base_us = Median(base.ProcessMedians());
  c.new_us = Median(next.ProcessMedians());
  c.base_processes = static_cast<int>(base.processes.size());
  c.new_processes = static_cast<int>(next.processes.size());
  c.ratio = c.new_us / c.base_us;
  c.cycle_ratio = CycleRatio(base, next, c.ratio);
  c.spread = std::max({Spread(base), Spread(next), typical_spread});
  c.threshold = Threshold(c, options);
  const std::vector<double> before = base.Launches(), after = next.Launches();
  c.launches = HodgesLehmannRatio(before, after, options.confidence);
  c.p = MannWhitneyP(before, after);
  if (base.error >= 0) c.base_error = base.error;
  if (next.error >= 0) c.new_error = next.error;
  measured.too_few = std::min(before.size(), after.size()) < kMinLaunches;
  measured.identical = before == after;
  return measured;
}

/// Whether a ratio counts as a change: both the relative and the absolute minimum.
bool Counts(const CaseComparison& c, double ratio, const ComparisonOptions& options) {
  return std::abs(std::log(ratio)) > std::log1p(c.threshold) &&
         std::abs(ratio - 1) * c.base_us > options.min_delta_us;
}

/// Whether it would count if processes did not differ.
bool BeyondMinimum(const CaseComparison& c, const ComparisonOptions& options) {
  return std::abs(std::log(c.ratio)) > std::log1p(options.min_ratio) &&
         std::abs(c.new_us - c.base_us) > options.min_delta_us;
}

void Decide(const ComparisonOptions& options, Measured* measured) {
  CaseComparison* c = &measured->c;
  const auto unclear = [&](std::string reason) {
    c->verdict = Verdict::kUnclear;
    c->reason = std::move(reason);
  };
  c->verdict = Verdict::kSame;
  if (measured->identical) return;
  if (measured->too_few) return unclear(fmt::format("fewer than {} launches", kMinLaunches));
  if (!Counts(*c, c->ratio, options)) {
    const bool may_hide = Counts(*c, c->launches.low, options) || Counts(*c, c->launches.high, options);
    if (BeyondMinimum(*c, options) && c->p_adjusted < options.alpha) {
      return unclear(fmt::format("{:+.1f} %, within the {:.1f} % that processes may differ",
                                 100 * (c->ratio - 1), 100 * c->threshold));
    }
    if (may_hide) unclear("too noisy to call the same");
    return;
  }
  if (c->p_adjusted >= options.alpha)
    return unclear(fmt::format("not significant (adjusted p {:.2g})", c->p_adjusted));
  const bool slower = c->ratio > 1;
  if (c->cycle_ratio && (!Counts(*c, *c->cycle_ratio, options) || (*c->cycle_ratio > 1) != slower)) {
    return unclear(fmt::format("clock: {:+.1f} % in time but {:+.1f} % in SM cycles", 100 * (c->ratio - 1),
                               100 * (*c->cycle_ratio - 1)));
  }
  c->verdict = slower ? Verdict::kSlower : Verdict::kFaster;
}

CaseComparison OneSided(const std::string& key, const CaseData& data, Verdict verdict) {
  CaseComparison c;
  c.key = key;
  c.label = data.first->op_label;
  c.verdict = verdict;
  (verdict == Verdict::kMissing ? c.base_us : c.new_us) = Median(data.ProcessMedians());
  return c;
}

void DecideAll(const ComparisonOptions& options, std::vector<Measured> cases, Comparison* comparison) {
  std::vector<double> p;
  for (const Measured& measured : cases) p.push_back(measured.c.p);
  const std::vector<double> adjusted = AdjustFalseDiscovery(p);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    cases[i].c.p_adjusted = adjusted[i];
    Decide(options, &cases[i]);
    comparison->cases.push_back(std::move(cases[i].c));
  }
}

void WarnOfErrors(Comparison* comparison) {
  for (const CaseComparison& c : comparison->cases) {
    if (!c.base_error || !c.new_error || *c.new_error <= kErrorGrowth * *c.base_error) continue;
    comparison->warnings.push_back(fmt::format("less exact: {}: reference error {:.2g}, was {:.2g}", c.key,
                                               *c.new_error, *c.base_error));
  }
}

}  // namespace

std::string_view Name(Verdict verdict) {
  constexpr std::array<std::string_view, 6> kNames = {"same",    "faster",  "slower",
                                                      "unclear", "missing", "added"};
  return kNames[static_cast<std::size_t>(verdict)];
}

int Comparison::Count(Verdict verdict) const {
  return static_cast<int>(std::count_if(cases.begin(), cases.end(),
                                        [&](const CaseComparison& c) { return c.verdict == verdict; }));
}

Comparison Compare(const MeasurementRun& base, const MeasurementRun& next, const ComparisonOptions& options) {
  Comparison comparison;
  comparison.device = next.device.name;
  for (const std::string& mismatch : Mismatches(base, next)) {
    if (!options.force) {
      throw InputError("the runs cannot be compared: " + mismatch +
                       "; record a new baseline, or --force to compare anyway");
    }
    comparison.warnings.push_back("forced comparison: " + mismatch);
  }
  if (base.samples.empty() || next.samples.empty()) {
    throw InputError(std::string(base.samples.empty() ? "the base" : "the new run") +
                     " holds launch gaps alone: expected samples of kernels");
  }
  const RunData before = Collect(base), after = Collect(next);
  const double typical = std::max(TypicalSpread(before), TypicalSpread(after));
  std::vector<Measured> shared;
  for (const std::string& key : before.order) {
    const auto it = after.cases.find(key);
    if (it != after.cases.end())
      shared.push_back(Measure(key, before.cases.at(key), it->second, typical, options));
  }
  if (shared.empty()) throw InputError("the runs share no case: nothing to compare");
  DecideAll(options, std::move(shared), &comparison);
  WarnOfErrors(&comparison);
  for (const std::string& key : before.order) {
    if (!after.cases.contains(key))
      comparison.cases.push_back(OneSided(key, before.cases.at(key), Verdict::kMissing));
  }
  for (const std::string& key : after.order) {
    if (!before.cases.contains(key))
      comparison.cases.push_back(OneSided(key, after.cases.at(key), Verdict::kAdded));
  }
  return comparison;
}

void ConfirmWith(const Comparison& again, Comparison* comparison) {
  std::map<std::string, Verdict> verdicts;
  for (const CaseComparison& c : again.cases) verdicts[c.key] = c.verdict;
  for (CaseComparison& c : comparison->cases) {
    if (c.verdict != Verdict::kSlower && c.verdict != Verdict::kFaster) continue;
    const auto it = verdicts.find(c.key);
    if (it == verdicts.end() || it->second == c.verdict)
      continue;  // not measured again: the first verdict stands
    c.reason = fmt::format("{} at first, {} when measured again", Name(c.verdict), Name(it->second));
    c.verdict = Verdict::kUnclear;
  }
}

}  // namespace orrery::profiler
