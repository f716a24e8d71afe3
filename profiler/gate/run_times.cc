#include "profiler/gate/run_times.h"

#include <algorithm>
#include <cmath>

namespace orrery::profiler {
namespace {

void AddSample(const KernelSample& sample, CaseTimes* c) {
  auto& durations = c->durations_us[sample.process];
  durations.insert(durations.end(), sample.durations_us.begin(), sample.durations_us.end());
  c->launches += static_cast<int>(sample.durations_us.size());
  if (sample.sm_clock_mhz) c->clocks_mhz.push_back(*sample.sm_clock_mhz);
  if (sample.reference_error) c->error = std::max(c->error.value_or(0), *sample.reference_error);
}

void Summarise(CaseTimes* c) {
  std::vector<double> within;
  for (const auto& [process, durations] : c->durations_us) {
    const double median = Median(durations);
    c->medians.values.push_back(std::log(median));
    c->deciles.values.push_back(std::log(Quantile(durations, 0.9)));
    within.push_back(ScaledMad(durations) / median);
  }
  c->within = Median(std::move(within));
}

}  // namespace

RunTimes Collect(const MeasurementRun& run) {
  RunTimes times;
  for (const KernelSample& sample : run.samples) {
    const std::string key = CaseKey(sample);
    CaseTimes& c = times.cases[key];
    if (c.first == nullptr) {
      c.first = &sample;
      c.index = times.order.size();
      times.order.push_back(key);
    }
    AddSample(sample, &c);
  }
  for (auto& [key, c] : times.cases) Summarise(&c);
  return times;
}

std::vector<CaseVariance> Spreads(const RunTimes& run, ProcessValues CaseTimes::*statistic) {
  std::vector<CaseVariance> spreads;
  for (const std::string& key : run.order) spreads.push_back((run.cases.at(key).*statistic).Spread());
  return spreads;
}

}  // namespace orrery::profiler
