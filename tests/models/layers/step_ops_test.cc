#include "models/layers/step_ops.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

const ModelSpec& V3() {
  static const ModelSpec spec = ModelPreset("deepseek-v3");
  return spec;
}

AttentionDesign V3As(const std::string& name) { return MakeDesign(name, V3().attention); }

Layout Bf16() {
  Layout layout;
  layout.weights = WeightPrecision::kBf16;
  return layout;
}

const Op& Find(const std::vector<StepOp>& ops, const std::string& label) {
  const auto found =
      std::find_if(ops.begin(), ops.end(), [&](const StepOp& o) { return o.op.label == label; });
  if (found == ops.end()) throw std::runtime_error("no op " + label);
  return found->op;
}

TEST(StepOps, AbsorbedDecodeIsOneSharedHeadOf576And512) {
  const auto ops = DecodeAttentionOps(V3(), V3As("mla"), Layout{}, {128, 4096, 1});
  const Op& core = Find(ops, "attention");
  EXPECT_EQ(core.kind, OpKind::kAttentionDecode);
  EXPECT_EQ(std::get<AttentionShape>(core.shape), (AttentionShape{128, 128, 1, 1, 4096, 576, 512, false}));
  EXPECT_DOUBLE_EQ(core.flops().count, 128.0 * 2 * 128 * 4096 * (576 + 512));
  EXPECT_EQ(core.bytes().count, 128LL * 4096 * 1152 + 128LL * 128 * 1088 * 2);
}

TEST(StepOps, StepThreesFlopsOfV3ComeOut) {
  // Step-3 report tables 2 and 3: attention linear 2.28e10 and FFN 4.84e10 operations a decoded token.
  Layout layout = Bf16();
  const auto ops = DecodeStepOps(V3(), V3As("mla"), layout, {1, 8192, 1});
  EXPECT_NEAR(TotalWork(ops, StepPart::kProjection).flops, 2.28e10, 0.01 * 2.28e10);
  double ffn = TotalWork(ops, StepPart::kFeedForward).flops;
  ffn -= 58 * Find(ops, "router").flops().count;
  EXPECT_NEAR(ffn, 4.84e10, 0.01 * 4.84e10);
}

TEST(StepOps, CoreBytesAndOperationsGrowLinearlyInContextForEveryDesign) {
  for (const std::string& name : KnownDesigns()) {
    const AttentionDesign d = V3As(name);
    const auto core = [&](std::int64_t context) {
      return TotalWork(DecodeAttentionOps(V3(), d, Layout{}, {4, context, 1}), StepPart::kCore);
    };
    const Work a = core(1000), b = core(2000), c = core(3000);
    EXPECT_EQ(c.bytes - b.bytes, b.bytes - a.bytes) << name;
    EXPECT_DOUBLE_EQ(c.flops - b.flops, b.flops - a.flops) << name;
  }
}

TEST(StepOps, AbsorbedNeedsFewerOperationsBelowTheCrossoverAndMoreAbove) {
  for (std::int64_t context : {64, 1024, 32768}) {
    const double q = MaterialisedQueryLength(V3().attention, context);
    const auto flops = [&](const char* name, std::int64_t query) {
      const auto ops = DecodeAttentionOps(V3(), V3As(name), Bf16(), {1, context, query});
      double total = TotalWork(ops).flops;
      return total;
    };
    const auto below = static_cast<std::int64_t>(std::floor(q)), above = below + 1;
    EXPECT_LT(flops("mla", below), flops("mla-materialised", below)) << context;
    EXPECT_GT(flops("mla", above), flops("mla-materialised", above)) << context;
  }
  EXPECT_NEAR(MaterialisedQueryLength(V3().attention, 1 << 30), 512.0 * 256 / 768, 0.01);
}

TEST(StepOps, MaterialisedWinsAtNoQueryLengthWhenTheLatentIsNarrow) {
  AttentionSpec a = V3().attention;
  a.kv_lora_rank = 64;  // 2 d_c below d_h + d_v: absorbed attention is the narrower one
  EXPECT_TRUE(std::isinf(MaterialisedQueryLength(a, 1 << 20)));
}

TEST(StepOps, ReapplyingRopeUpProjectsEveryCachedKey) {
  const auto ops = DecodeAttentionOps(V3(), V3As("mla-rope-reapplied"), Bf16(), {2, 4096, 1});
  EXPECT_EQ(Gemm(Find(ops, "kv_b")), (GemmShape{2 * 4096, 128 * 256, 512, 1}));
  EXPECT_EQ(std::get<RowsShape>(Find(ops, "rope on keys").shape).rows, 2 * 4096);
  EXPECT_GT(TotalWork(ops, StepPart::kUpProjection).flops, 50 * TotalWork(ops, StepPart::kCore).flops);
}

TEST(StepOps, RopeOnTheLatentScoresOverTheLatentInPrefillToo) {
  const auto ops = PrefillAttentionOps(V3(), V3As("mla-rope-on-latent"), Bf16(), {1, 4096});
  EXPECT_EQ(std::get<AttentionShape>(Find(ops, "attention").shape).d_qk, 512);
  const auto none = PrefillAttentionOps(V3(), V3As("mla-no-rope"), Bf16(), {1, 4096});
  EXPECT_EQ(std::get<AttentionShape>(Find(none, "attention").shape).d_qk, 128);
  const auto mla = PrefillAttentionOps(V3(), V3As("mla"), Bf16(), {1, 4096});
  EXPECT_DOUBLE_EQ(Find(mla, "attention").flops().count, 2.0 * 128 * 320 * 4096 * 4096 / 2);
}

TEST(StepOps, CountsOfLayersAreThoseOfTheModel) {
  const auto ops = DecodeStepOps(V3(), V3As("mla"), Layout{}, {128, 4096, 1});
  for (const StepOp& o : ops) {
    if (o.op.label == "dense gate up") {
      EXPECT_EQ(o.count, 3);
    }
    if (o.op.label == "experts gate up") {
      EXPECT_EQ(o.count, 58);
    }
    if (o.op.label == "attention") {
      EXPECT_EQ(o.count, 61);
    }
    if (o.op.label == "head") {
      EXPECT_EQ(o.count, 1);
    }
  }
}

TEST(StepOps, EveryOpHasPositiveSizesOnEveryModelAndDesign) {
  for (const std::string& model : ModelPresets()) {
    const ModelSpec spec = ModelPreset(model);
    for (const std::string& name : KnownDesigns()) {
      const AttentionDesign d = MakeDesign(name, spec.attention);
      std::vector<StepOp> ops = DecodeStepOps(spec, d, Layout{}, {1, 1, 1});
      for (const StepOp& o : PrefillOps(spec, d, Layout{}, {1, 128})) ops.push_back(o);
      for (const StepOp& o : ops) {
        EXPECT_GT(o.op.bytes().count, 0) << model << " " << name << " " << o.op.label;
        EXPECT_GT(o.count, 0);
        if (const auto* g = std::get_if<GemmShape>(&o.op.shape)) {
          EXPECT_GT(std::min({g->m, g->n, g->k, g->groups}), 0);
        }
      }
    }
  }
}

TEST(StepOps, ExpertParallelismKeepsRowsAndSpreadsExperts) {
  Layout layout;
  layout.expert = 64;
  const auto ops = DecodeStepOps(V3(), V3As("mla"), layout, {128, 4096, 1});
  EXPECT_EQ(Gemm(Find(ops, "experts gate up")), (GemmShape{128 * 8, 4096, 7168, 4}));
  layout.expert = 256;
  const auto lone = DecodeStepOps(V3(), V3As("mla"), layout, {1, 4096, 1});
  EXPECT_EQ(Gemm(Find(lone, "experts gate up")).groups, 1);
}

TEST(StepOps, FewTokensTouchFewExperts) {
  const auto ops = DecodeStepOps(V3(), V3As("mla"), Layout{}, {1, 4096, 1});
  EXPECT_EQ(Gemm(Find(ops, "experts gate up")).groups, 8);  // top-8 of one token
}

TEST(StepOps, TensorParallelismSplitsHeadsButNotTheLatent) {
  Layout layout;
  layout.tensor = 8;
  layout.expert = 8;
  const auto mla = DecodeAttentionOps(V3(), V3As("mla"), layout, {16, 4096, 1});
  EXPECT_EQ(std::get<AttentionShape>(Find(mla, "attention").shape).heads, 16);
  const auto one = DecodeAttentionOps(V3(), V3As("mla"), Layout{}, {16, 4096, 1});
  const auto cache = [](const std::vector<StepOp>& ops, std::int64_t heads) {
    return Find(ops, "attention").bytes().count - 2 * 16 * heads * 1088;
  };
  EXPECT_EQ(cache(mla, 16), cache(one, 128));
  const auto gqa = DecodeAttentionOps(V3(), V3As("gqa-8"), layout, {16, 4096, 1});
  EXPECT_EQ(std::get<AttentionShape>(Find(gqa, "attention").shape).kv_heads, 1);
}

TEST(StepOps, LayerNormMovesWhatRmsNormDoes) {
  Layout layer;
  layer.norm = NormKind::kLayer;
  const DecodeShape shape{128, 4096, 1};
  const Work rms = TotalWork(DecodeStepOps(V3(), V3As("mla"), Layout{}, shape));
  const Work with_bias = TotalWork(DecodeStepOps(V3(), V3As("mla"), layer, shape));
  EXPECT_EQ(with_bias.bytes, rms.bytes);
  EXPECT_DOUBLE_EQ(with_bias.flops, rms.flops);
}

TEST(StepOps, LayoutsThatDoNotDivideAreRefused) {
  const auto message = [](const ModelSpec& spec, const char* design, Layout layout) {
    try {
      CheckLayout(spec, MakeDesign(design, spec.attention), layout);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  Layout layout;
  layout.tensor = 3;
  EXPECT_THAT(message(V3(), "mla", layout), HasSubstr("does not divide the 128 heads"));
  layout = {};
  layout.expert = 48;
  EXPECT_THAT(message(V3(), "mla", layout), HasSubstr("256 routed experts"));
  EXPECT_THAT(message(ModelPreset("qwen2.5-72b"), "own", layout), HasSubstr("no routed experts"));
  layout.tensor = 8;
  layout.expert = 4;
  EXPECT_THAT(message(V3(), "mla", layout), HasSubstr("no multiple of tensor degree 8"));
  EXPECT_EQ(message(V3(), "mla", Layout{}), "accepted");
}

TEST(Weights, OneGpuHoldsEveryParameter) {
  for (const std::string& model : ModelPresets()) {
    const ModelSpec spec = ModelPreset(model);
    const double bytes =
        static_cast<double>(WeightBytesPerGpu(spec, MakeDesign("own", spec.attention), Bf16(), false).count);
    const double all = 2.0 * static_cast<double>(CountParameters(spec).total);
    EXPECT_NEAR(bytes, all, 2e-5 * all) << model;  // biases and inner norms are left out
  }
  const double with_mtp = static_cast<double>(WeightBytesPerGpu(V3(), V3As("mla"), Bf16(), true).count);
  const ParameterCount p = CountParameters(V3());
  EXPECT_NEAR(with_mtp, 2.0 * static_cast<double>(p.total + p.mtp), 1e-5 * with_mtp);
}

TEST(Weights, Fp8HalvesTheLinearLayersAndExpertsSpread) {
  Layout layout;
  const double fp8 = static_cast<double>(WeightBytesPerGpu(V3(), V3As("mla"), layout, false).count);
  EXPECT_NEAR(fp8, 673e9, 2e9);  // 671e9 bytes, and the BF16 embedding and head twice
  layout.expert = 64;
  const double spread = static_cast<double>(WeightBytesPerGpu(V3(), V3As("mla"), layout, false).count);
  EXPECT_LT(spread, 35e9);
}

}  // namespace
}  // namespace orrery::models
