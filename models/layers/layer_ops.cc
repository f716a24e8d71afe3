#include "models/layers/layer_ops.h"

#include <array>
#include <cmath>

#include "core/base/error.h"
#include "models/layers/attention_ops.h"
#include "models/layers/kernels.h"
#include "models/layers/mlp_ops.h"
#include "models/layers/norm_ops.h"
#include "models/layers/router_ops.h"

namespace orrery::models {
namespace {

// In the order of Block and Exchange.
constexpr std::array<std::string_view, 6> kBlockNames = {"attn(F)", "mlp(F)",  "mlp(B)",
                                                         "mlp(W)",  "attn(B)", "attn(W)"};
constexpr std::array<std::string_view, 4> kExchangeNames = {"dispatch(F)", "combine(F)", "combine(B)",
                                                            "dispatch(B)"};

std::vector<Op> AttentionForwardBlock(const ModelSpec& spec, LayerKind layer, const TrainingShape& s) {
  std::vector<Op> ops;
  // Both norms add the residual stream on the way; the trace's analysis counts their traffic without it.
  ops.push_back(kernel::RmsNorm(s.tokens, spec.hidden, "attention norm"));
  AppendAttentionForward(spec, s, &ops);
  ops.push_back(kernel::RmsNorm(s.tokens, spec.hidden, "mlp norm"));
  if (layer == LayerKind::kMoe) {
    AppendRouterForward(spec, s, &ops);
    if (s.fp8) ops.push_back(kernel::Cast(s.tokens, spec.hidden, "mlp input cast"));
  }
  return ops;
}

std::vector<Op> AttentionBackwardBlock(const ModelSpec& spec, LayerKind layer, const TrainingShape& s) {
  std::vector<Op> ops;
  if (layer == LayerKind::kMoe) {
    AppendRouterBackward(spec, s, &ops);
    ops.push_back(kernel::ResidualAdd(s.tokens, spec.hidden, "mlp input gradient add"));
  }
  AppendNormBackward(s.tokens, spec.hidden, "mlp norm", &ops);
  AppendAttentionBackward(spec, s, &ops);
  AppendNormBackward(s.tokens, spec.hidden, "attention norm", &ops);
  return ops;
}

std::vector<Op> AttentionWeightBlock(const ModelSpec& spec, const TrainingShape& s) {
  std::vector<Op> ops;
  AppendAttentionWeight(spec, s, &ops);
  return ops;
}

std::vector<Op> DenseBlock(const ModelSpec& spec, Block block, const TrainingShape& s) {
  std::vector<Op> ops;
  if (block == Block::kMlpForward) AppendDenseForward(spec, s, &ops);
  if (block == Block::kMlpBackward) AppendDenseBackward(spec, s, &ops);
  if (block == Block::kMlpWeight) AppendDenseWeight(spec, s, &ops);
  return ops;
}

std::vector<Op> MoeBlock(const ModelSpec& spec, Block block, const TrainingShape& s, const RoutedRows& rows) {
  ORRERY_CHECK(rows.expert_rows.size() == static_cast<std::size_t>(s.local_experts),
               "rows of " + std::to_string(rows.expert_rows.size()) + " experts for " +
                   std::to_string(s.local_experts) + " on this rank");
  std::vector<Op> ops;
  if (block == Block::kMlpForward) AppendMoeForward(spec, s, rows, &ops);
  if (block == Block::kMlpBackward) AppendMoeBackward(spec, s, rows, &ops);
  if (block == Block::kMlpWeight) AppendMoeWeight(spec, s, rows, &ops);
  return ops;
}

/// Probability that a token choosing top_k of `candidates` experts at random meets one of `local`.
double HitProbability(int candidates, int local, int top_k) {
  double miss = 1;
  for (int i = 0; i < top_k; ++i) {
    miss *= static_cast<double>(std::max(0, candidates - local - i)) / static_cast<double>(candidates - i);
  }
  return 1 - miss;
}

}  // namespace

std::string_view Name(Block block) { return kBlockNames[static_cast<std::size_t>(block)]; }

std::string_view Name(Exchange exchange) { return kExchangeNames[static_cast<std::size_t>(exchange)]; }

RoutedRows BalancedRows(const MoeSpec& moe, const TrainingShape& shape) {
  const std::int64_t ranks = moe.routed_experts / shape.local_experts;
  const std::int64_t pairs = shape.tokens * moe.top_k;  // of each rank, and by evenness to each rank
  RoutedRows rows;
  for (int e = 0; e < shape.local_experts; ++e) {
    rows.expert_rows.push_back(
        static_cast<std::int32_t>(pairs * (e + 1) / shape.local_experts - pairs * e / shape.local_experts));
  }
  const bool limited = moe.groups > 1 && moe.routed_experts / moe.groups >= shape.local_experts;
  const int candidates = limited ? moe.routed_experts / moe.groups * moe.top_groups : moe.routed_experts;
  const double reach = limited ? static_cast<double>(moe.top_groups) / moe.groups : 1.0;
  const double hit = reach * HitProbability(candidates, shape.local_experts, moe.top_k);
  rows.unique_rows = static_cast<std::int32_t>(std::llround(hit * static_cast<double>(shape.tokens * ranks)));
  return rows;
}

std::vector<Op> BlockOps(const ModelSpec& spec, LayerKind layer, Block block, const TrainingShape& shape,
                         const RoutedRows& rows) {
  ORRERY_CHECK(shape.sequence > 0 && shape.tokens > 0 && shape.tokens % shape.sequence == 0,
               "tokens " + std::to_string(shape.tokens) + ", sequence " + std::to_string(shape.sequence));
  ORRERY_CHECK(layer == LayerKind::kDense || spec.moe, "an MoE layer of the dense model " + spec.name);
  switch (block) {
    case Block::kAttentionForward:
      return AttentionForwardBlock(spec, layer, shape);
    case Block::kAttentionBackward:
      return AttentionBackwardBlock(spec, layer, shape);
    case Block::kAttentionWeight:
      return AttentionWeightBlock(spec, shape);
    default:
      break;
  }
  return layer == LayerKind::kDense ? DenseBlock(spec, block, shape) : MoeBlock(spec, block, shape, rows);
}

std::vector<Op> ExchangeOps(const ModelSpec& spec, Exchange exchange, const TrainingShape& shape) {
  ORRERY_CHECK(spec.moe, "an exchange of the dense model " + spec.name);
  std::vector<Op> ops;
  if (exchange == Exchange::kDispatchForward) {
    ops.push_back(kernel::Rows(OpKind::kRouterMisc, shape.tokens, spec.moe->top_k, 8, "dispatch layout"));
  }
  if (exchange == Exchange::kCombineBackward && shape.fp8) {
    ops.push_back(kernel::Cast(shape.tokens, spec.hidden, "combine gradient cast"));
  }
  return ops;
}

}  // namespace orrery::models
