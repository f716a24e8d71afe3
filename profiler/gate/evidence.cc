#include "profiler/gate/evidence.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

namespace orrery::profiler {
namespace {

constexpr double kNoisier = 2;  // spreads of runs of one machine agree better, over as few as twenty cases

/// Variance of a median of n launches per process, relative to that of one launch.
double PerProcess(const CaseTimes& c) {
  return std::numbers::pi / 2 * c.Processes() / static_cast<double>(c.launches);
}

/// The spread between processes holds the noise of medians of as many launches as the baseline's. Of fewer
/// launches medians are noisier.
double FewerLaunches(const CaseTimes& base, const CaseTimes& next) {
  return base.within * base.within * std::max(0.0, PerProcess(next) - PerProcess(base)) / next.Processes();
}

}  // namespace

Runs::Runs(const RunTimes& base, const RunTimes& next, const ComparisonOptions& options)
    : base_(base),
      next_(next),
      options_(options),
      medians_(Describe(base, next, &CaseTimes::medians)),
      deciles_(Describe(base, next, &CaseTimes::deciles)) {}

Runs::Statistic Runs::Describe(const RunTimes& base, const RunTimes& next, ProcessValues CaseTimes::*values) {
  return {values, PoolVariances(Spreads(base, values)), Spreads(next, values)};
}

std::vector<std::string> Runs::Warnings() const {
  if (medians_.base.degrees == 0) {
    return {
        fmt::format("the baseline is one process of every case: its spread is unknown and taken as {:.0f} %; "
                    "record it in three or more, or judge large changes alone, with --resolution",
                    100 * options_.unknown_spread)};
  }
  const PooledVariance next = PoolVariances(medians_.next);
  if (next.variance <= kNoisier * kNoisier * medians_.base.variance) return {};
  return {fmt::format("the new run is noisier: its processes differ by {:.1f} %, the baseline's by {:.1f} %",
                      100 * std::sqrt(next.variance), 100 * std::sqrt(medians_.base.variance))};
}

/// A few processes say little of one case, of all cases much: at least the typical spread. The new run's
/// spread of this case counts for nothing, or a slower kernel could hide behind noise of its own; that of all
/// its other cases tells of the machine.
Runs::Noise Runs::NoiseOf(const std::string& key, const Statistic& statistic) const {
  const CaseVariance own = (base_.cases.at(key).*statistic.values).Spread();
  Noise noise{std::sqrt(std::max(own.variance, statistic.base.variance)), 0, statistic.base.degrees};
  if (statistic.base.degrees == 0) noise = {options_.unknown_spread, 0, kKnownVariance};
  std::vector<CaseVariance> others = statistic.next;
  others[next_.cases.at(key).index].n = 0;
  noise.both = std::max(noise.own, std::sqrt(PoolVariances(others).variance));
  return noise;
}

Change Runs::ChangeOf(const std::string& key, const Statistic& statistic) const {
  const CaseTimes &base = base_.cases.at(key), &next = next_.cases.at(key);
  const Noise noise = NoiseOf(key, statistic);
  const double medians = MedianVariance(base.Processes()) + MedianVariance(next.Processes());
  const double fewer = FewerLaunches(base, next);
  const auto error = [&](double spread) {
    return std::max(std::sqrt(spread * spread * medians + fewer), 1e-12);  // equal times have no spread
  };
  return {(next.*statistic.values).Location() - (base.*statistic.values).Location(), error(noise.own),
          error(noise.both), noise.degrees};
}

void Runs::AddSlowest(const std::string& key, Evidence* evidence) const {
  const CaseTimes &base = base_.cases.at(key), &next = next_.cases.at(key);
  const Noise noise = NoiseOf(key, medians_);
  evidence->spread = noise.own;
  if (next.Processes() < 2) return;
  const auto& values = next.medians.values;
  evidence->slowest_log_ratio = *std::max_element(values.begin(), values.end()) - base.medians.Location();
  if (evidence->slowest_log_ratio <= 0) return;
  const double one = std::max(noise.both, 1e-12) * std::sqrt(1 + MedianVariance(base.Processes()));
  evidence->slowest_p =
      std::min(1.0, StudentP(evidence->slowest_log_ratio / one, noise.degrees) / 2 * next.Processes());
}

Evidence Runs::Of(const std::string& key) const {
  const CaseTimes &base = base_.cases.at(key), &next = next_.cases.at(key);
  Evidence evidence;
  evidence.median = ChangeOf(key, medians_);
  evidence.decile = ChangeOf(key, deciles_);
  AddSlowest(key, &evidence);
  evidence.too_few = std::min(base.launches, next.launches) < kMinLaunches;
  evidence.identical = base.durations_us == next.durations_us;
  return evidence;
}

}  // namespace orrery::profiler
