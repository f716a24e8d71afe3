// Speed of the routing engines on one core, in tokens or steps a second.
#include <vector>

#include <benchmark/benchmark.h>

#include "core/random.h"
#include "models/routing/gate.h"

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

}  // namespace
}  // namespace orrery::models
