// Speed of the network models: an exchange's price, one max-min solve, an exchange run to its end.
#include "benchmarks/exchange_flows.h"
#include <benchmark/benchmark.h>

#include "hw/comm/exchange.h"
#include "hw/network/fold.h"

namespace orrery::benchmarks {
namespace {

using hw::FabricRouting;

void PriceOfAnExchange(benchmark::State& state) {
  const hw::ExchangeModel model = hw::ExchangeModel::Load(hw::DevicePreset("h800-sxm"), "2025-04");
  hw::PortLoad load{{105'000'000}, {104'000'000}, {198'000'000}, {201'000'000}};
  for (auto _ : state) {
    load.scale_out_sent.count ^= 1;
    benchmark::DoNotOptimize(model.Price(hw::ExchangeKind::kDispatch, load));
  }
}
BENCHMARK(PriceOfAnExchange);

/// Claim: one solve of 65 280 flows over a two-layer fat tree in about a millisecond.
void SolveAllToAllOfAPlane(benchmark::State& state) {
  const ExchangeFlows flows = AllToAllOfAPlane(static_cast<FabricRouting>(state.range(0)));
  hw::MaxMinSolver solver(flows.network);
  for (auto _ : state) benchmark::DoNotOptimize(solver.Solve().data());
  state.counters["flows"] = static_cast<double>(flows.sizes.size());
  state.counters["links"] = static_cast<double>(flows.network.capacity.size());
}
BENCHMARK(SolveAllToAllOfAPlane)
    ->Arg(static_cast<int>(FabricRouting::kAdaptive))
    ->Arg(static_cast<int>(FabricRouting::kEcmp))
    ->ArgName("routing")
    ->Unit(benchmark::kMillisecond);

void FoldAllToAllOfAPlane(benchmark::State& state) {
  const ExchangeFlows flows = AllToAllOfAPlane(FabricRouting::kAdaptive);
  for (auto _ : state) benchmark::DoNotOptimize(hw::Fold(flows.network, flows.sizes));
}
BENCHMARK(FoldAllToAllOfAPlane)->Unit(benchmark::kMillisecond);

/// An exchange of 14 336 flows to its end; the second argument is the batch in microseconds.
void RunEp64Exchange(benchmark::State& state) {
  const ExchangeFlows flows = Ep64Exchange(static_cast<FabricRouting>(state.range(0)));
  const hw::FlowOptions options{.batch_seconds = 1e-6 * static_cast<double>(state.range(1))};
  hw::FlowResult result;
  for (auto _ : state) result = hw::SimulateFlows(flows.network, flows.sizes, options);
  state.counters["flows"] = static_cast<double>(flows.sizes.size());
  state.counters["solves"] = static_cast<double>(result.solves);
  state.counters["components"] = result.components;
  state.counters["makespan_ms"] = result.makespan_seconds * 1e3;
}
BENCHMARK(RunEp64Exchange)
    ->Args({static_cast<int>(FabricRouting::kAdaptive), 0})
    ->Args({static_cast<int>(FabricRouting::kEcmp), 0})
    ->Args({static_cast<int>(FabricRouting::kEcmp), 10})
    ->ArgNames({"routing", "batch_us"})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery::benchmarks
