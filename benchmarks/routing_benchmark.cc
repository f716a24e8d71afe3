// Speed of the routing engines on one core, in tokens or steps a second.
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/base/random.h"
#include "models/routing/dynamics/training_dynamics.h"
#include "models/routing/gate/gate.h"
#include "models/routing/sampling/load_table.h"
#include "models/routing/sources/expert_choice.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {
namespace {

constexpr int kTokens = 8192;

std::vector<float> Affinities(const GateShape& shape) {
  RandomStream random(1, "routing benchmark");
  std::vector<float> x(static_cast<std::size_t>(kTokens * shape.experts));
  for (float& v : x) v = static_cast<float>(random.Uniform());
  return x;
}

void RouteOnly(benchmark::State& state, GateShape shape) {
  const std::vector<float> affinity = Affinities(shape);
  const std::vector<float> bias(static_cast<std::size_t>(shape.experts), 0.01f);
  std::vector<std::uint16_t> selected(static_cast<std::size_t>(kTokens * shape.top_k));
  for (auto _ : state) {
    RouteBlocks(shape, affinity, bias, selected);
    benchmark::DoNotOptimize(selected.data());
  }
  state.counters["tokens/s"] = benchmark::Counter(kTokens, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(RouteOnly, grouped_top8_of_256, GateShape{256, 8, 8, 4});
BENCHMARK_CAPTURE(RouteOnly, top8_of_256, GateShape{256, 8, 1, 1});
BENCHMARK_CAPTURE(RouteOnly, top6_of_64, GateShape{64, 6, 1, 1});

/// Experts that choose over a sequence of 4096 tokens.
void ExpertsChoose(benchmark::State& state) {
  constexpr int kExperts = 256, kSequence = 4096;
  const std::vector<float> affinity = Affinities({kExperts, 8, 1, 1});
  const auto sequence = std::span(affinity).first(std::size_t{kExperts} * kSequence);
  ChosenTokens chosen;
  for (auto _ : state) {
    ChooseTokens(kExperts, kSequence, ChoiceCapacity(kSequence, 8, kExperts), sequence, &chosen);
    benchmark::DoNotOptimize(chosen.experts.data());
  }
  state.counters["tokens/s"] = benchmark::Counter(kSequence, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(ExpertsChoose);

void GenerateAndRoute(benchmark::State& state, GateShape shape) {
  const RouterLayer layer = DrawRouterLayer({}, shape.experts, 1, 0);
  const auto experts = static_cast<std::size_t>(shape.experts);
  std::vector<float> base(experts), factor(static_cast<std::size_t>(layer.rank * kLanes)),
      block(experts * kLanes);
  const std::vector<float> bias(experts, 0.01f);
  std::vector<std::uint16_t> selected(static_cast<std::size_t>(shape.top_k * kLanes));
  FastNormal normal(RandomStream(1, "routing benchmark"));
  TokenFactors factors(layer.rank, layer.correlation);
  layer.DocumentBase(0, normal, base);
  for (auto _ : state) {
    for (int t = 0; t < kTokens; t += kLanes) {
      factors.Next(normal, factor);
      layer.Block(base, factor, block);
      RouteBlocks(shape, block, bias, selected);
      benchmark::DoNotOptimize(selected.data());
    }
  }
  state.counters["tokens/s"] = benchmark::Counter(kTokens, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(GenerateAndRoute, grouped_top8_of_256, GateShape{256, 8, 8, 4});

/// Layer-steps of training under the group limit: the mean field held to routed tokens, or alone.
void MeanFieldLayerStep(benchmark::State& state, int anchor_tokens) {
  TrainingOptions o;
  o.gate = {256, 8, 8, 4};
  o.steps = 4000;
  o.anchor_tokens = anchor_tokens;
  for (auto _ : state) benchmark::DoNotOptimize(Train(o, 1, 0));
  state.counters["layer-steps/s"] =
      benchmark::Counter(o.steps, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(MeanFieldLayerStep, anchored, 2048)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(MeanFieldLayerStep, alone, 0)->Unit(benchmark::kMillisecond);

/// The whole of it, 256 experts in 8 groups: 58 layers over 10,000 steps, under a minute.
void MeanFieldRun(benchmark::State& state) {
  TrainingOptions o;
  o.gate = {256, 8, 8, 4};
  o.steps = 10000;
  for (auto _ : state) {
    for (int layer = 0; layer < 58; ++layer) benchmark::DoNotOptimize(Train(o, 1, layer));
  }
}
BENCHMARK(MeanFieldRun)->Unit(benchmark::kSecond)->Iterations(1);

const LoadShape kTraining{256, 64, 8, 4096, 8, 8, 4};

void SampleExchange(benchmark::State& state) {
  const SyntheticLoads loads(kTraining, {}, 1, 1);
  ExchangeLoad load;
  int i = 0;
  for (auto _ : state) loads.Sample(0, ++i, 0, &load);
}
BENCHMARK(SampleExchange)->Unit(benchmark::kMicrosecond);

void MakeSyntheticLoads(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SyntheticLoads(kTraining, {}, 59, 1));
}
BENCHMARK(MakeSyntheticLoads)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery::models
