#include "profiler/compare/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "core/error.h"
#include "profiler/compare/evidence.h"
#include "profiler/compare/run_conditions.h"

namespace orrery::profiler {
namespace {

constexpr double kConfidence = 0.99;
constexpr double kMostLog =
    10;  // a factor of 22026: two processes of one kernel can tell nothing, but finitely
// A lost bit of a result's mantissa doubles its error: one bit is said; three and more are another number
// format (BF16 has four bits more than E4M3), or wrong.
constexpr double kErrorGrowth = 2.0, kErrorBroken = 8.0;

/// A case measured, and what its p values become among all cases.
struct Measured {
  CaseComparison c;
  Evidence evidence;
  double p_base = 1, p_tail = 1, p_slowest = 1;  ///< adjusted
};

double Percent(double ratio) { return 100 * (ratio - 1); }

std::optional<double> CycleRatio(const CaseTimes& base, const CaseTimes& next, double ratio) {
  if (base.clocks_mhz.empty() || next.clocks_mhz.empty()) return std::nullopt;
  return ratio * Median(next.clocks_mhz) / Median(base.clocks_mhz);
}

CaseComparison Described(const std::string& key, const CaseTimes& base, const CaseTimes& next) {
  CaseComparison c;
  c.key = key;
  c.label = base.first->op_label;
  c.base_us = std::exp(base.medians.Location());
  c.new_us = std::exp(next.medians.Location());
  c.base_processes = base.Processes();
  c.new_processes = next.Processes();
  c.ratio = c.new_us / c.base_us;
  c.cycle_ratio = CycleRatio(base, next, c.ratio);
  c.new_spread = std::sqrt(Variance(next.medians.values));
  c.base_error = base.error;
  c.new_error = next.error;
  return c;
}

/// The t of one p; nearly all cases of a run share their degrees of freedom.
class Quantiles {
 public:
  explicit Quantiles(double p) : p_(p) {}
  double At(double degrees) {
    const auto [it, added] = known_.try_emplace(degrees, 0);
    if (added) it->second = StudentQuantile(p_, degrees);
    return it->second;
  }

 private:
  double p_;
  std::map<double, double> known_;
};

/// What could be told of this case, were it the only one that changed.
void AddResolution(const ComparisonOptions& options, Quantiles* alone, Measured* m) {
  const Change& change = m->evidence.median;
  m->c.resolution = std::expm1(std::min(alone->At(change.degrees) * change.error_both, kMostLog));
  m->c.counts_from = std::max({m->c.resolution, options.min_ratio, options.min_delta_us / m->c.base_us});
}

Measured Measure(const std::string& key, const RunTimes& base, const RunTimes& next, const Runs& runs,
                 Quantiles* interval) {
  Measured m{Described(key, base.cases.at(key), next.cases.at(key)), runs.Of(key)};
  const Change& change = m.evidence.median;
  const double reach = std::min(interval->At(change.degrees) * change.error_both, kMostLog);
  m.c.low = std::exp(change.log_ratio - reach);
  m.c.high = std::exp(change.log_ratio + reach);
  m.c.tail_ratio = std::exp(m.evidence.decile.log_ratio);
  m.c.base_spread = m.evidence.spread;
  m.c.p = change.PBoth();
  return m;
}

/// Adjusts one kind of p value over all cases.
template <typename Read, typename Write>
void Adjust(std::vector<Measured>* cases, Read read, Write write) {
  std::vector<double> p;
  for (const Measured& m : *cases) p.push_back(read(m));
  const std::vector<double> adjusted = AdjustFalseDiscovery(p);
  for (std::size_t i = 0; i < cases->size(); ++i) write(&(*cases)[i], adjusted[i]);
}

void AdjustAll(std::vector<Measured>* cases) {
  Adjust(
      cases, [](const Measured& m) { return m.c.p; }, [](Measured* m, double p) { m->c.p_adjusted = p; });
  Adjust(
      cases, [](const Measured& m) { return m.evidence.median.P(); },
      [](Measured* m, double p) { m->p_base = p; });
  Adjust(
      cases, [](const Measured& m) { return m.evidence.decile.PBoth(); },
      [](Measured* m, double p) { m->p_tail = p; });
  Adjust(
      cases, [](const Measured& m) { return m.evidence.slowest_p; },
      [](Measured* m, double p) { m->p_slowest = p; });
}

bool BeyondRatio(double ratio, const ComparisonOptions& options) {
  return std::abs(std::log(ratio)) > std::log1p(options.min_ratio);
}

bool BeyondFloor(double ratio, const CaseComparison& c, const ComparisonOptions& options) {
  return std::abs(ratio - 1) * c.base_us > options.min_delta_us;
}

bool Counts(double ratio, const CaseComparison& c, const ComparisonOptions& options) {
  return BeyondRatio(ratio, options) && BeyondFloor(ratio, c, options);
}

std::string ClockReason(const CaseComparison& c) {
  return fmt::format("clock: {:+.1f} % in time but {:+.1f} % in SM cycles", Percent(c.ratio),
                     Percent(*c.cycle_ratio));
}

bool TailCounts(const Measured& m, const ComparisonOptions& options) {
  return m.c.tail_ratio > 1 && Counts(m.c.tail_ratio, m.c, options) && m.p_tail < options.alpha;
}

std::string TailReason(const CaseComparison& c) {
  return fmt::format("tail: the slowest tenth of its launches from {:+.1f} %", Percent(c.tail_ratio));
}

/// Why a change beyond doubt is no plain verdict; "" if it is one.
std::string DoubtOfChange(const Measured& m, const ComparisonOptions& options) {
  const CaseComparison& c = m.c;
  const bool slower = c.ratio > 1;
  if (c.cycle_ratio && (!Counts(*c.cycle_ratio, c, options) || (*c.cycle_ratio > 1) != slower))
    return ClockReason(c);
  return !slower && TailCounts(m, options) ? "faster, but " + TailReason(c) : "";
}

/// A change of the clock hides one of the kernel where cycles moved and time did not.
bool HiddenByClock(const Measured& m, const ComparisonOptions& options) {
  if (!m.c.cycle_ratio || !Counts(*m.c.cycle_ratio, m.c, options)) return false;
  const Change& change = m.evidence.median;
  return StudentP(std::log(*m.c.cycle_ratio) / change.error_both, change.degrees) < options.alpha;
}

/// Why a case without a change beyond doubt cannot be called the same; "" if it can.
std::string DoubtOfNone(const Measured& m, const ComparisonOptions& options) {
  const CaseComparison& c = m.c;
  if (Counts(c.ratio, c, options) && m.p_base < options.alpha)
    return fmt::format("{:+.1f} % is more than the baseline's noise, not more than that of the new run",
                       Percent(c.ratio));
  if (Counts(c.ratio, c, options) && c.p < options.alpha)
    return fmt::format("{:+.1f} %: enough by itself (p {:.2g}), not among so many cases", Percent(c.ratio),
                       c.p);
  if (TailCounts(m, options)) return TailReason(c);
  const double slowest = std::exp(m.evidence.slowest_log_ratio);
  if (Counts(slowest, c, options) && m.p_slowest < options.alpha)
    return fmt::format("one of the new run's {} processes is {:+.1f} %", c.new_processes, Percent(slowest));
  if (HiddenByClock(m, options)) return ClockReason(c);
  if (c.resolution > options.resolution)
    return fmt::format("too noisy: changes below {:.0f} % cannot be told", 100 * c.resolution);
  return "";
}

bool Broken(const CaseComparison& c) {
  return c.base_error && c.new_error && *c.new_error > kErrorBroken * *c.base_error;
}

/// Said of a verdict that stands.
std::string Remark(const Measured& m) {
  const CaseComparison& c = m.c;
  const bool noisier = c.new_processes > 1 && c.new_spread > 3 * c.base_spread;
  return noisier ? fmt::format("its processes differ by {:.1f} %, the baseline's by {:.1f} %",
                               100 * c.new_spread, 100 * c.base_spread)
                 : "";
}

void Set(CaseComparison* c, Verdict verdict, std::string reason = "") {
  c->verdict = verdict;
  c->reason = std::move(reason);
}

void SetUnlessInDoubt(CaseComparison* c, Verdict verdict, std::string doubt, std::string remark = "") {
  if (doubt.empty()) return Set(c, verdict, std::move(remark));
  Set(c, Verdict::kUnclear, std::move(doubt));
}

void Decide(const ComparisonOptions& options, Measured* m) {
  CaseComparison* c = &m->c;
  if (Broken(*c))
    return Set(c, Verdict::kInexact,
               fmt::format("reference error {:.2g}, was {:.2g}", *c->new_error, *c->base_error));
  if (m->evidence.identical) return Set(c, Verdict::kSame);
  if (m->evidence.too_few)
    return Set(c, Verdict::kUnclear, fmt::format("fewer than {} launches", kMinLaunches));
  if (!BeyondRatio(c->ratio, options) || c->p_adjusted >= options.alpha)
    return SetUnlessInDoubt(c, Verdict::kSame, DoubtOfNone(*m, options));
  if (!BeyondFloor(c->ratio, *c, options))
    return Set(c, Verdict::kBelowFloor,
               fmt::format("{:+.2f} us, the floor is {:g} us", c->new_us - c->base_us, options.min_delta_us));
  SetUnlessInDoubt(c, c->ratio > 1 ? Verdict::kSlower : Verdict::kFaster, DoubtOfChange(*m, options),
                   Remark(*m));
}

CaseComparison OneSided(const std::string& key, const CaseTimes& times, Verdict verdict) {
  CaseComparison c;
  c.key = key;
  c.label = times.first->op_label;
  c.verdict = verdict;
  (verdict == Verdict::kMissing ? c.base_us : c.new_us) = std::exp(times.medians.Location());
  return c;
}

void AddShared(const RunTimes& base, const RunTimes& next, const Runs& runs, const ComparisonOptions& options,
               Comparison* comparison) {
  std::vector<Measured> shared;
  Quantiles interval(1 - kConfidence);
  for (const std::string& key : base.order) {
    if (next.cases.contains(key)) shared.push_back(Measure(key, base, next, runs, &interval));
  }
  if (shared.empty()) throw InputError("the runs share no case: nothing to compare");
  AdjustAll(&shared);
  Quantiles alone(options.alpha /
                  static_cast<double>(shared.size()));  // the first of Benjamini and Hochberg's steps
  for (Measured& m : shared) {
    AddResolution(options, &alone, &m);
    Decide(options, &m);
    comparison->cases.push_back(std::move(m.c));
  }
}

void AddOneSided(const RunTimes& from, const RunTimes& other, Verdict verdict, Comparison* comparison) {
  for (const std::string& key : from.order) {
    if (!other.cases.contains(key)) comparison->cases.push_back(OneSided(key, from.cases.at(key), verdict));
  }
}

void WarnOfErrors(Comparison* comparison) {
  for (const CaseComparison& c : comparison->cases) {
    if (c.verdict == Verdict::kInexact || !c.base_error || c.verdict == Verdict::kMissing) continue;
    if (!c.new_error) {
      comparison->warnings.push_back("no longer checked against a reference: " + c.key);
    } else if (*c.new_error > kErrorGrowth * *c.base_error) {
      comparison->warnings.push_back(fmt::format("less exact: {}: reference error {:.2g}, was {:.2g}", c.key,
                                                 *c.new_error, *c.base_error));
    }
  }
}

}  // namespace

std::string_view Name(Verdict verdict) {
  constexpr std::array<std::string_view, 8> kNames = {"same",    "faster",  "slower",  "below-floor",
                                                      "unclear", "inexact", "missing", "added"};
  return kNames[static_cast<std::size_t>(verdict)];
}

int Comparison::Count(Verdict verdict) const {
  return static_cast<int>(std::count_if(cases.begin(), cases.end(),
                                        [&](const CaseComparison& c) { return c.verdict == verdict; }));
}

Comparison Compare(const MeasurementRun& base, const MeasurementRun& next, const ComparisonOptions& options) {
  Comparison comparison;
  comparison.device = next.device.name;
  comparison.warnings = ConditionWarnings(base, next, options.force);
  if (base.samples.empty() || next.samples.empty()) {
    throw InputError(std::string(base.samples.empty() ? "the base" : "the new run") +
                     " holds launch gaps alone: expected samples of kernels");
  }
  const RunTimes before = Collect(base), after = Collect(next);
  const Runs runs(before, after, options);
  for (std::string& warning : runs.Warnings()) comparison.warnings.push_back(std::move(warning));
  AddShared(before, after, runs, options, &comparison);
  AddOneSided(before, after, Verdict::kMissing, &comparison);
  AddOneSided(after, before, Verdict::kAdded, &comparison);
  WarnOfErrors(&comparison);
  return comparison;
}

}  // namespace orrery::profiler
