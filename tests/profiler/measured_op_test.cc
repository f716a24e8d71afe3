// What `profiler` writes about a kernel prices the op that `models` emits for it: at the measured time,
// tagged measured. That holds only while all of models, hw and profiler count operations and bytes alike.
#include <cmath>
#include <functional>
#include <set>

#include <gmock/gmock.h>

#include "hw/cost/cost_model.h"
#include "hw/cost/roofline.h"
#include "models/layers/end_ops.h"
#include "models/layers/kernels.h"
#include "models/layers/layer.h"
#include "models/layers/optimizer_ops.h"
#include "models/layers/serving_ops.h"
#include "profiler/measurement/calibration_file.h"
#include "profiler/suite/cost.h"
#include "profiler/suite/sample.h"

namespace orrery::profiler {
namespace {

using models::ModelPreset;
using models::ModelSpec;

const hw::Device& H800() {
  static const hw::Device device = hw::DevicePreset("h800-sxm");
  return device;
}

/// The table that `orrery profile run --calibration` would write of a run with this one sample.
hw::KernelTable TableOf(KernelSample sample) {
  const Op op{sample.kind, WithBytes(sample.kind, sample.shape, sample.bytes), ""};
  sample.durations_us = {3 * hw::Analytic(op, H800(), sample.sms).Seconds(0) * 1e6 + 1};
  sample.kernel = "kernel";
  MeasurementRun run;
  run.suite = "deepseek-v3";
  run.date_utc = "2026-01-31T12:00:00Z";
  run.device = {"NVIDIA H800", "9.0", H800().sms, {80'000'000'000}};
  run.driver = "580.00";
  run.cuda_runtime = "13.0";
  run.samples = {std::move(sample)};
  return hw::ParseKernelTable(Document::Parse(CalibrationYaml(run, "h800-sxm").yaml, "table.yaml").root());
}

/// Prices the op from the one row that the sample makes.
void ExpectMeasured(const KernelSample& sample, const Op& op) {
  SCOPED_TRACE(std::string(Name(op.kind)) + " " + ShapeText(op.shape) + " " + op.label);
  const hw::KernelTable table = TableOf(sample);
  ASSERT_EQ(table.rows.size(), 1U);
  const hw::Price price = hw::CostModel(H800(), {table}).PriceOp(op, sample.sms);
  EXPECT_NEAR(Seconds(price.time) / Seconds(table.rows.front().time), 1, 1e-6);
  EXPECT_EQ(price.provenance, hw::Provenance::kMeasured);
}

/// The sample that measuring the op gives: bytes by the formula of its kind and shape.
KernelSample SampleOfOp(const Op& op) {
  KernelSample s;
  s.kind = op.kind;
  s.shape = op.shape;
  s.sms = H800().sms;
  const LaunchCost cost = CostOf(op.kind, op.shape);
  s.flops = {cost.flops};
  s.bytes = {cost.bytes};
  return s;
}

void ExpectAllMeasured(const std::vector<Op>& ops) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Op& op : ops) {
    if (!seen.emplace(std::string(Name(op.kind)) + ShapeText(op.shape), op.label).second) continue;
    ExpectMeasured(SampleOfOp(op), op);
  }
}

/// How models make the op of a kind whose kernels differ in nothing but rows and columns.
using Maker = Op (*)(std::int64_t rows, std::int64_t cols, std::string label);

TEST(MeasuredOps, OfEveryKindAndManyShapesArePricedAtTheirRows) {
  const Maker makers[] = {models::kernel::Cast,
                          models::kernel::CastTranspose,
                          models::kernel::RequantizeTranspose,
                          models::kernel::RequantizeGather,
                          models::kernel::ScaleTranspose,
                          models::kernel::Dequantize,
                          models::kernel::SaveE5M6,
                          models::kernel::RestoreE5M6,
                          models::kernel::RmsNorm,
                          models::kernel::RmsNormBackward,
                          models::kernel::Rope,
                          models::kernel::Copy,
                          models::kernel::ResidualAdd,
                          models::kernel::SwiGlu,
                          models::kernel::SwiGluCast,
                          models::kernel::SwiGluCastTranspose,
                          models::kernel::SwiGluBackward,
                          models::kernel::SwiGluForwardBackward};
  std::vector<Op> ops;
  for (const auto& [rows, cols] :
       {std::pair{1, 128}, {4096, 512}, {4096, 576}, {4096, 7168}, {32768, 2048}}) {
    for (const Maker make : makers) ops.push_back(make(rows, cols, ""));
  }
  ExpectAllMeasured(ops);
}

/// Training in FP8 and in BF16, the block of every layer, the ends and the optimizer.
TEST(MeasuredOps, OfTrainingArePricedAtTheirRows) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  std::vector<Op> ops;
  const auto append = [&](const std::vector<models::PlacedOp>& more) {
    for (const models::PlacedOp& o : more) ops.push_back(o.op);
  };
  for (const bool fp8 : {true, false}) {
    models::LayerShape shape;
    shape.shard.local_experts = 4;
    shape.shard.weights = fp8 ? models::WeightPrecision::kFp8 : models::WeightPrecision::kBf16;
    shape.batch.routed = {{7000, 8000, 7500, 9001}, 29000};
    for (const models::LayerKind kind : {models::LayerKind::kDense, models::LayerKind::kMoe}) {
      for (const models::Phase phase : models::kTrainingPhases)
        append(models::PhaseOps(spec, {kind}, phase, shape));
    }
    for (const models::Pass pass :
         {models::Pass::kForward, models::Pass::kInputGradient, models::Pass::kWeightGradient}) {
      append(models::EmbeddingOps(spec, pass, shape));
      append(models::HeadOps(spec, pass, shape, {}));
      append(models::MtpProjectionOps(spec, pass, shape));
    }
    append(models::ExchangeOps(spec, models::Exchange::kDispatchForward, shape));
  }
  for (const Op& op : models::OptimizerOps(
           {.updated = 100'000'000, .held = 400'000'000, .fp8 = 90'000'000, .ema_on_host = true}))
    ops.push_back(op);
  ExpectAllMeasured(ops);
}

TEST(MeasuredOps, OfDecodeStepsAndPrefillArePricedAtTheirRows) {
  std::vector<Op> ops;
  for (const char* name : {"deepseek-v3", "qwen2.5-72b"}) {
    const ModelSpec spec = ModelPreset(name);
    const models::AttentionDesign design = models::MakeDesign("own", spec.attention);
    const models::Layout layout{.tensor = 4, .expert = spec.moe ? 32 : 1};
    for (const models::PlacedOp& o :
         models::ServedOps(spec, design, layout, models::Pass::kDecode, {{32, 1, 4096}}))
      ops.push_back(o.op);
    for (const models::PlacedOp& o :
         models::ServedOps(spec, design, layout, models::Pass::kPrefill, {{1, 4096, 0}}))
      ops.push_back(o.op);
  }
  ExpectAllMeasured(ops);
}

TEST(MeasuredOps, OfTheSuiteArePricedAtTheirRows) {
  for (const SuiteCase& c : DeepSeekV3Suite()) {
    if (!c.variant.empty() || c.beside_copy || c.priority > 1) continue;
    const KernelSample sample = SampleOf(c);
    ExpectMeasured(sample, {sample.kind, WithBytes(sample.kind, sample.shape, sample.bytes), ""});
  }
}

}  // namespace
}  // namespace orrery::profiler
