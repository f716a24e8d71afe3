#include "scenarios/training/analysis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "hw/cost/price_error.h"

namespace orrery::scenarios {
namespace {

struct Question {
  Free free;
  const char* name;
};
constexpr std::array<Question, 9> kQuestions = {{
    {Free::kExchanges, "dispatch and combine take no time"},
    {Free::kImbalance, "every rank gets the same expert load"},
    {Free::kVariation, "kernels always take their mean time"},
    {Free::kMessages, "pipeline messages take no time"},
    {Free::kCasts, "casts, transposes and requantisation are free"},
    {Free::kLaunchGaps, "no gaps between kernels"},
    {Free::kCommunicationSms, "communication needs no SMs and disturbs no kernel"},
    {Free::kRecompute, "nothing is recomputed"},
    {Free::kEnds, "embedding, heads and MTP module are free"},
}};

Variant OneGroup(Free free) {
  Variant variant;
  variant.free = free;
  variant.groups = 1;
  return variant;
}

double MeanTaskSeconds(const Outcome& outcome) {
  double total = 0;
  for (int rank = 0; rank < outcome.gpus; ++rank) {
    for (std::int64_t t : outcome.observer->Tasks(rank).by_kind) total += static_cast<double>(t) * 1e-12;
  }
  return total / outcome.gpus;
}

std::string PathClass(std::uint32_t price) {
  if (price >= models::kSendPrice) return "pipeline messages";
  const auto unit = static_cast<models::UnitKind>(price / models::kParts);
  const auto part = static_cast<models::Part>(price % models::kParts);
  if (models::IsExchange(part)) return "exchanges: " + std::string(Name(part));
  if (unit == models::UnitKind::kHead) return "heads and loss";
  if (unit == models::UnitKind::kEmbedding) return "embedding";
  const char* layer = unit == models::UnitKind::kDenseLayer ? "dense layers: "
                      : unit == models::UnitKind::kMtpLayer ? "MTP layer: "
                                                            : "MoE layers: ";
  return layer + std::string(Name(part));
}

double Deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double mean = 0, squares = 0;
  for (double v : values) mean += v / static_cast<double>(values.size());
  for (double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double Mean(const std::vector<double>& values) {
  double mean = 0;
  for (double v : values) mean += v / static_cast<double>(values.size());
  return mean;
}

}  // namespace

double EvenStep(const TrainingModel& model, double dropped_share, const RunControl& control) {
  Variant even;
  even.free = Free::kImbalance;
  even.dropped_share = dropped_share;
  return model.Simulate(even, control).step_s;
}

ImbalanceCost CostOfImbalance(const TrainingModel& model, const Outcome& outcome, double all_s) {
  ImbalanceCost cost;
  cost.even_s = outcome.dropped_share > 0 ? EvenStep(model, outcome.dropped_share) : all_s;
  cost.undone_s = all_s - cost.even_s;
  cost.step_s = outcome.step_s - cost.even_s;
  cost.step_share = cost.step_s / outcome.step_s;
  return cost;
}

std::vector<WhatIf> WhatWouldHelp(const TrainingModel& model, double dropped_share,
                                  const RunControl& control) {
  std::array<double, kQuestions.size() + 1> step{};
  double busy = 0, pipeline = 0;
  ParallelParts parts(control, step.size());
  ParallelFor(step.size(), [&](std::size_t i) {
    Variant variant = OneGroup(i == 0 ? Free::kNothing : kQuestions[i - 1].free);
    variant.dropped_share = dropped_share;
    const Outcome outcome = model.Simulate(variant, parts.StopOnly());
    step[i] = outcome.step_s;
    if (i == 0) busy = MeanTaskSeconds(outcome);
    if (i == 0) pipeline = static_cast<double>(outcome.pipeline) * 1e-12 + outcome.rebalance.Sum();
    parts.Done();
  });
  std::vector<WhatIf> answers;
  const double base = step[0];
  for (std::size_t i = 0; i < kQuestions.size(); ++i) {
    answers.push_back({kQuestions[i].name, step[i + 1], (base - step[i + 1]) / base});
  }
  const double optimizer = Slowest(model.PriceOptimizers(model.cost(), model.loads())).Sum();
  answers.push_back(
      {"no bubble: every rank busy to the mean of all", busy + optimizer, (base - busy - optimizer) / base});
  answers.push_back({"the optimizer step is free", pipeline, (base - pipeline) / base});
  std::stable_sort(answers.begin(), answers.end(),
                   [](const WhatIf& a, const WhatIf& b) { return a.gain > b.gain; });
  return answers;
}

std::vector<CriticalPathShare> CriticalPath(const Timeline& timeline) {
  std::map<std::string, double> seconds;
  SpanRef at = timeline.Last();
  double total = 0;
  std::int64_t until = at.rank < 0 ? 0 : timeline.At(at).end();
  while (at.rank >= 0) {
    const Span& span = timeline.At(at);
    const double length = static_cast<double>(until - span.start()) * 1e-12;
    seconds[PathClass(span.price())] += length;
    total += length;
    until = span.start();
    at = span.cause();
  }
  std::vector<CriticalPathShare> shares;
  for (const auto& [name, s] : seconds) shares.push_back({name, s, total > 0 ? s / total : 0});
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return shares;
}

std::vector<Drawn> DrawCalibration(const TrainingModel& model, const std::vector<Figure>& figures,
                                   int resamples, const RunControl& control) {
  const hw::PriceErrors errors = model.cost().Errors();
  Variant folded;
  folded.fold = true;
  const Outcome base = model.Simulate(folded, control.Part(0, 0));
  std::vector<std::vector<double>> logs(figures.size(),
                                        std::vector<double>(static_cast<std::size_t>(resamples)));
  ParallelParts parts(control, static_cast<std::size_t>(resamples));
  ParallelFor(static_cast<std::size_t>(resamples), [&](std::size_t i) {
    RandomStream random(model.scenario().seed, "resample", {i});
    const hw::CostModel drawn = model.cost().Perturbed(errors.Draw(&random));
    Variant variant = folded;
    variant.cost = &drawn;
    variant.exchange_factor = std::exp(model.exchange().Deviation() * random.Normal());
    const Outcome outcome = model.Simulate(variant, parts.StopOnly());
    for (std::size_t f = 0; f < figures.size(); ++f)
      logs[f][i] = std::log(figures[f](outcome) / figures[f](base));
    parts.Done();
  });
  std::vector<Drawn> drawn;
  for (const std::vector<double>& l : logs)
    drawn.push_back({Mean(l), Deviation(l), hw::LogNormal90(Mean(l), Deviation(l))});
  return drawn;
}

Interval UncertaintyOf(const TrainingModel& model, double step_s, int resamples, int seeds,
                       const RunControl& control) {
  const Drawn calibration =
      DrawCalibration(model, {[](const Outcome& o) { return o.step_s; }}, resamples, control.Part(0, 0.6))
          .front();
  std::vector<double> steps(static_cast<std::size_t>(seeds));
  ParallelParts parts(control.Part(0.6, 1), steps.size());
  ParallelFor(steps.size(), [&](std::size_t i) {
    Variant variant = OneGroup(Free::kNothing);
    variant.seed = model.scenario().seed + 1 + i;
    steps[i] = model.Simulate(variant, parts.StopOnly()).step_s;
    parts.Done();
  });
  Interval interval;
  interval.resamples = resamples;
  interval.seeds = seeds;
  interval.calibration_mean = calibration.mean;
  interval.calibration_sd = calibration.sd;
  interval.seed_sd = Deviation(steps) / step_s;
  const hw::Range90 range = hw::LogNormal90(calibration.mean, std::hypot(calibration.sd, interval.seed_sd));
  interval.low_s = step_s * range.low;
  interval.high_s = step_s * range.high;
  return interval;
}

}  // namespace orrery::scenarios
