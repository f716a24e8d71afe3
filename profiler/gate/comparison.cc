#include "profiler/gate/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "core/base/error.h"
#include "profiler/gate/clock_effect.h"
#include "profiler/gate/device_limits.h"
#include "profiler/gate/evidence.h"
#include "profiler/gate/repeats.h"
#include "profiler/gate/run_conditions.h"

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
  double slowed = 1;  ///< the clock's fall, where it slowed the others too: how much of a time it explains
  std::optional<bool> others_followed{};                           ///< ClockEffect::OthersFollowed
  bool clock_moves = false;                                        ///< ClockEffect::Moves
  std::optional<std::string> base_impossible{}, new_impossible{};  ///< why the time cannot be
  double p_base = 1, p_tail = 1, p_slowest = 1, p_cycles = 1;      ///< adjusted
};

/// All that a case is measured against.
struct Context {
  const RunTimes& base;
  const RunTimes& next;
  const Runs& runs;
  const ClockEffect& clocks;
  const DeviceLimits &base_limits, &next_limits;
};

double Percent(double ratio) { return 100 * (ratio - 1); }

CaseComparison Described(const std::string& key, const CaseTimes& base, const CaseTimes& next) {
  CaseComparison c;
  c.key = key;
  c.label = base.first->op_label;
  c.base_us = std::exp(base.medians.Location());
  c.new_us = std::exp(next.medians.Location());
  c.base_processes = base.Processes();
  c.new_processes = next.Processes();
  c.ratio = c.new_us / c.base_us;
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

/// What clocks and the device's limits say of it.
void AddLimits(const Context& context, Measured* m) {
  CaseComparison& c = m->c;
  if (const auto clock = context.clocks.RatioOf(c.key)) {
    c.cycle_ratio = c.ratio * *clock;
    m->clock_moves = context.clocks.Moves(c.key);
    m->others_followed = context.clocks.OthersFollowed(c.key);
    if (m->others_followed.value_or(false)) m->slowed = std::min(*clock, 1.0);
  }
  m->base_impossible = context.base_limits.WhyImpossible(*context.base.cases.at(c.key).first, c.base_us);
  m->new_impossible = context.next_limits.WhyImpossible(*context.next.cases.at(c.key).first, c.new_us);
}

Measured Measure(const std::string& key, const Context& context, Quantiles* interval) {
  Measured m{Described(key, context.base.cases.at(key), context.next.cases.at(key)), context.runs.Of(key)};
  AddLimits(context, &m);
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

/// Of no more cycles than before; 1 where there are fewer, or the clock is unknown.
double MoreCyclesP(const Measured& m) {
  if (!m.c.cycle_ratio || *m.c.cycle_ratio <= 1) return 1;
  const Change& change = m.evidence.median;
  return StudentP(std::log(*m.c.cycle_ratio) / change.error_both, change.degrees);
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
  Adjust(cases, MoreCyclesP, [](Measured* m, double p) { m->p_cycles = p; });
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
  const double ratio = m.c.tail_ratio * m.slowed;
  return ratio > 1 && Counts(ratio, m.c, options) && m.p_tail < options.alpha;
}

std::string TailReason(const CaseComparison& c) {
  return fmt::format("tail: the slowest tenth of its launches from {:+.1f} %", Percent(c.tail_ratio));
}

bool MoreCycles(const Measured& m, const ComparisonOptions& options) {
  return m.c.cycle_ratio && *m.c.cycle_ratio > 1 && Counts(*m.c.cycle_ratio, m.c, options);
}

bool FewerCycles(const Measured& m, const ComparisonOptions& options) {
  return m.c.cycle_ratio && *m.c.cycle_ratio < 1 && Counts(*m.c.cycle_ratio, m.c, options);
}

/// A clock that rose hides a kernel that became slower: more cycles in no more time.
bool HiddenByClock(const Measured& m, const ComparisonOptions& options) {
  return m.clock_moves && MoreCycles(m, options) && m.p_cycles < options.alpha;
}

/// A clock that fell may be all that made it slower, unless it slowed none of the others.
bool SlowedByClock(const Measured& m, const ComparisonOptions& options) {
  return m.clock_moves && m.others_followed.value_or(true) && m.c.cycle_ratio && !MoreCycles(m, options);
}

/// A clock that rose is all that made it faster, or one that fell slowed it as it did the others.
bool ExplainedByClock(const Measured& m, const ComparisonOptions& options) {
  if (m.c.ratio > 1) return m.slowed < 1 && SlowedByClock(m, options);
  return m.clock_moves && m.c.cycle_ratio && !FewerCycles(m, options);
}

/// Why a case without a change beyond doubt cannot be called the same; "" if it can.
std::string DoubtOfNone(const Measured& m, const ComparisonOptions& options) {
  const CaseComparison& c = m.c;
  const bool counts = Counts(c.ratio, c, options) && !ExplainedByClock(m, options);
  if (counts && m.p_base < options.alpha)
    return fmt::format("{:+.1f} % is more than the baseline's noise, not more than that of the new run",
                       Percent(c.ratio));
  if (counts && c.p < options.alpha)
    return fmt::format("{:+.1f} %: enough by itself (p {:.2g}), not among so many cases", Percent(c.ratio),
                       c.p);
  if (TailCounts(m, options)) return TailReason(c);
  const double slowest = std::exp(m.evidence.slowest_log_ratio);
  if (Counts(std::max(slowest * m.slowed, 1.0), c, options) && m.p_slowest < options.alpha)
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
std::string Remark(const Measured& m, const ComparisonOptions& options) {
  const CaseComparison& c = m.c;
  if (c.ratio > 1 && c.cycle_ratio && !MoreCycles(m, options))
    return ClockReason(c) + ", which the clock does not explain";
  const bool noisier = c.new_processes > 1 && c.new_spread > 3 * c.base_spread;
  return noisier ? fmt::format("its processes differ by {:.1f} %, the baseline's by {:.1f} %",
                               100 * c.new_spread, 100 * c.base_spread)
                 : "";
}

void Set(CaseComparison* c, Verdict verdict, std::string reason = "") {
  c->verdict = verdict;
  c->reason = std::move(reason);
}

void DecideSlower(const ComparisonOptions& options, Measured* m) {
  if (ExplainedByClock(*m, options)) {
    const std::string doubt = DoubtOfNone(*m, options);
    return Set(&m->c, doubt.empty() ? Verdict::kSame : Verdict::kUnclear,
               doubt.empty() ? ClockReason(m->c) : doubt);
  }
  if (SlowedByClock(*m, options)) return Set(&m->c, Verdict::kUnclear, ClockReason(m->c));
  Set(&m->c, Verdict::kSlower, Remark(*m, options));
}

void DecideFaster(const ComparisonOptions& options, Measured* m) {
  CaseComparison* c = &m->c;
  if (HiddenByClock(*m, options)) return Set(c, Verdict::kUnclear, ClockReason(*c));
  if (TailCounts(*m, options)) return Set(c, Verdict::kUnclear, "faster, but " + TailReason(*c));
  if (ExplainedByClock(*m, options)) return Set(c, Verdict::kSame, ClockReason(*c));
  Set(c, Verdict::kFaster, Remark(*m, options));
}

/// By the times alone, which both can be.
void DecideByTimes(const ComparisonOptions& options, Measured* m) {
  CaseComparison* c = &m->c;
  if (!BeyondRatio(c->ratio, options) || c->p_adjusted >= options.alpha) {
    const std::string doubt = DoubtOfNone(*m, options);
    return Set(c, doubt.empty() ? Verdict::kSame : Verdict::kUnclear, doubt);
  }
  if (!BeyondFloor(c->ratio, *c, options))
    return Set(c, Verdict::kBelowFloor,
               fmt::format("{:+.2f} us, the floor is {:g} us", c->new_us - c->base_us, options.min_delta_us));
  c->ratio > 1 ? DecideSlower(options, m) : DecideFaster(options, m);
}

void Decide(const ComparisonOptions& options, Measured* m) {
  CaseComparison* c = &m->c;
  if (Broken(*c))
    return Set(c, Verdict::kInexact,
               fmt::format("reference error {:.2g}, was {:.2g}", *c->new_error, *c->base_error));
  if (m->evidence.identical) return Set(c, Verdict::kSame);
  if (m->base_impossible)
    return Set(c, Verdict::kUnclear, "the baseline's time cannot be: " + *m->base_impossible);
  if (m->new_impossible) return Set(c, Verdict::kImpossible, *m->new_impossible);
  if (m->evidence.too_few)
    return Set(c, Verdict::kUnclear, fmt::format("fewer than {} launches", kMinLaunches));
  DecideByTimes(options, m);
}

/// A kernel that leaves work out is fast: without its check no time of it is good news.
void RequireCheck(CaseComparison* c) {
  if (!c->base_error || c->new_error || Fails(c->verdict, {})) return;
  const std::string said = c->reason.empty() ? "" : "; " + c->reason;
  Set(c, Verdict::kUnclear, "no longer checked against a reference" + said);
}

CaseComparison OneSided(const std::string& key, const CaseTimes& times, Verdict verdict) {
  CaseComparison c;
  c.key = key;
  c.label = times.first->op_label;
  c.verdict = verdict;
  (verdict == Verdict::kMissing ? c.base_us : c.new_us) = std::exp(times.medians.Location());
  return c;
}

void AddShared(const Context& context, const ComparisonOptions& options, Comparison* comparison) {
  std::vector<Measured> shared;
  Quantiles interval(1 - kConfidence);
  for (const std::string& key : context.base.order) {
    if (context.next.cases.contains(key)) shared.push_back(Measure(key, context, &interval));
  }
  if (shared.empty()) throw InputError("the runs share no case: nothing to compare");
  AdjustAll(&shared);
  Quantiles alone(options.alpha /
                  static_cast<double>(shared.size()));  // the first of Benjamini and Hochberg's steps
  for (Measured& m : shared) {
    AddResolution(options, &alone, &m);
    Decide(options, &m);
    RequireCheck(&m.c);
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
    if (c.verdict == Verdict::kInexact || !c.base_error || !c.new_error) continue;
    if (*c.new_error > kErrorGrowth * *c.base_error) {
      comparison->warnings.push_back(fmt::format("less exact: {}: reference error {:.2g}, was {:.2g}", c.key,
                                                 *c.new_error, *c.base_error));
    }
  }
}

}  // namespace

std::string_view Name(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdicts.size()> kNames = {
      "same", "faster", "slower", "below-floor", "unclear", "inexact", "impossible", "missing", "added"};
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
  for (std::string& warning : RepeatWarnings(base, next)) comparison.warnings.push_back(std::move(warning));
  for (std::string& warning : runs.Warnings()) comparison.warnings.push_back(std::move(warning));
  const DeviceLimits base_limits(base.device), next_limits(next.device);
  const ClockEffect clocks(before, after, base_limits);
  AddShared({before, after, runs, clocks, base_limits, next_limits}, options, &comparison);
  AddOneSided(before, after, Verdict::kMissing, &comparison);
  AddOneSided(after, before, Verdict::kAdded, &comparison);
  WarnOfErrors(&comparison);
  return comparison;
}

}  // namespace orrery::profiler
