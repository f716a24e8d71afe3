// A run prices some ten thousand ops: each should take about a microsecond, and loading the tables some tens
// of milliseconds.
#include <benchmark/benchmark.h>

#include "hw/cost/cost_model.h"

namespace orrery::hw {
namespace {

const CostModel& Model() {
  static const CostModel model = CostModel::Load(DevicePreset("h800-sxm"), {});
  return model;
}

void Price(benchmark::State& state, const Op& op) {
  const CostModel& model = Model();
  for (auto _ : state) benchmark::DoNotOptimize(model.PriceOp(op, 112));
}

void PriceGemm(benchmark::State& state) {
  Price(state, {.kind = OpKind::kGemmFp8, .shape = GemmShape{4000, 7168, 2048, 1}, .label = {}});
}
BENCHMARK(PriceGemm);

void PriceDecodeAttention(benchmark::State& state) {
  Price(state, {.kind = OpKind::kAttentionDecode,
                .shape = AttentionShape{100, 128, 1, 1, 5000, 576, 512, true},
                .label = {}});
}
BENCHMARK(PriceDecodeAttention);

void PriceMemoryBound(benchmark::State& state) {
  Price(state, {.kind = OpKind::kCastFp8, .shape = RowsShape{4000, 7168, 87'000'000}, .label = {}});
}
BENCHMARK(PriceMemoryBound);

void LoadTables(benchmark::State& state) {
  const Device device = DevicePreset("h800-sxm");
  for (auto _ : state) benchmark::DoNotOptimize(CostModel::Load(device, {}));
}
BENCHMARK(LoadTables)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery::hw
