// The router of one MoE layer: gate GEMMs, top-k and the small kernels around them.
#include "models/layers/kernels.h"
#include "models/layers/op_list.h"

namespace orrery::models {
namespace {

/// What a small kernel runs over, per token or once.
enum class Extent { kExperts, kTopK, kGroups, kTopGroups, kToken, kExpertVector, kScalar };

/// Which routers launch it; kTrained: in training only.
enum class When { kAlways, kSigmoid, kGrouped, kTrained };

struct SmallKernel {
  OpKind kind;
  Extent extent;
  int bytes_per_element;
  When when;
  const char* label;
};

using enum Extent;
using enum When;
constexpr OpKind kMisc = OpKind::kRouterMisc;

// One row per kernel of the trace between the gate GEMM and the dispatch cast of attn(F), in launch order; extents
// from the launch grids (deepseek-ai/profile-data train.json). The trace's `normal_`, which overwrites the scores
// to force even routing, is left out: no training run has it.
constexpr SmallKernel kForward[] = {
    {kMisc, kExperts, 8, kAlways, "affinity"},
    {kMisc, kExperts, 4, kSigmoid, "affinity sum"},
    {kMisc, kExperts, 8, kSigmoid, "affinity normalise"},
    {kMisc, kExperts, 8, kSigmoid, "affinity plus bias"},
    {OpKind::kTopK, kExperts, 4, kGrouped, "group top-k"},
    {OpKind::kCopy, kTopGroups, 16, kGrouped, "group index copy"},
    {OpKind::kMemset, kGroups, 1, kGrouped, "group mask clear"},
    {kMisc, kTopGroups, 9, kGrouped, "group mask scatter"},
    {kMisc, kExperts, 2, kGrouped, "group mask expand"},
    {OpKind::kCopy, kExperts, 8, kGrouped, "affinity clone"},
    {kMisc, kExperts, 9, kGrouped, "affinity mask"},
    {OpKind::kTopK, kExperts, 4, kAlways, "expert top-k"},
    {kMisc, kTopK, 16, kGrouped, "node of expert"},
    {kMisc, kToken, 72, kGrouped, "unique nodes"},
    {kMisc, kTopK, 12, kAlways, "gather gate weights"},
    {OpKind::kMemset, kScalar, 4, kAlways, "choice flag clear"},
    {OpKind::kMemset, kTopK, 4, kAlways, "choice weights clear"},
    {kMisc, kTopK, 16, kAlways, "choice index offset"},
    {kMisc, kTopK, 12, kAlways, "choice weights gather"},
    {kMisc, kTopK, 9, kAlways, "choice compare"},
    {kMisc, kTopK, 9, kAlways, "choice mask cast"},
    {kMisc, kTopK, 8, kAlways, "choice count"},
    {kMisc, kScalar, 4, kAlways, "choice count cast"},
    {kMisc, kScalar, 6, kAlways, "choice count accumulate"},
    {kMisc, kScalar, 8, kAlways, "choice count write"},
    {kMisc, kTopK, 4, kAlways, "gate weight sum"},
    {kMisc, kToken, 8, kAlways, "gate weight sum plus epsilon"},
    {kMisc, kTopK, 8, kAlways, "gate weight normalise"},
    {OpKind::kTopK, kExperts, 4, kTrained, "balance loss top-k"},
    {OpKind::kMemset, kExpertVector, 4, kTrained, "balance loss reduction clear"},
    {kMisc, kExperts, 4, kTrained, "balance loss mean affinity"},
    {OpKind::kMemset, kExpertVector, 4, kTrained, "balance loss counts clear"},
    {kMisc, kTopK, 8, kTrained, "balance loss counts"},
    {kMisc, kExpertVector, 12, kTrained, "balance loss product"},
    {kMisc, kExpertVector, 4, kTrained, "balance loss sum"},
    {kMisc, kScalar, 8, kTrained, "balance loss scale"},
};

// The same for attn(B), down to the gate's input gradient.
constexpr SmallKernel kBackward[] = {
    {OpKind::kMemset, kScalar, 4, kTrained, "balance loss gradient seed"},
    {kMisc, kScalar, 8, kTrained, "balance loss gradient sum"},
    {kMisc, kScalar, 8, kTrained, "balance loss gradient scale"},
    {kMisc, kExpertVector, 12, kTrained, "balance loss gradient product"},
    {OpKind::kMemset, kExperts, 4, kAlways, "mean affinity gradient clear"},
    {kMisc, kExperts, 8, kAlways, "mean affinity gradient expand"},
    {kMisc, kTopK, 12, kAlways, "gate weight gradient product"},
    {kMisc, kTopK, 12, kAlways, "gate weight gradient divide"},
    {kMisc, kTopK, 8, kAlways, "gate weight gradient negate"},
    {kMisc, kTopK, 12, kAlways, "gate weight gradient times weight"},
    {kMisc, kTopK, 12, kAlways, "gate weight gradient over sum"},
    {kMisc, kTopK, 4, kAlways, "gate weight sum gradient"},
    {kMisc, kTopK, 12, kAlways, "gate weight gradient add"},
    {OpKind::kMemset, kExperts, 4, kAlways, "affinity gradient clear"},
    {kMisc, kTopK, 20, kAlways, "affinity gradient scatter"},
    {kMisc, kExperts, 12, kSigmoid, "normalised affinity gradient divide"},
    {kMisc, kExperts, 12, kSigmoid, "normalised affinity gradient product"},
    {kMisc, kExperts, 8, kSigmoid, "normalised affinity gradient negate"},
    {kMisc, kExperts, 12, kSigmoid, "normalised affinity gradient times affinity"},
    {kMisc, kExperts, 12, kSigmoid, "normalised affinity gradient over sum"},
    {kMisc, kExperts, 4, kSigmoid, "affinity sum gradient"},
    {kMisc, kExperts, 12, kAlways, "affinity gradient add"},
    {kMisc, kExperts, 12, kSigmoid, "affinity gradient add sum"},
    {kMisc, kExperts, 12, kAlways, "affinity backward"},
    {kMisc, kExperts, 6, kAlways, "gate gradient cast"},
    {OpKind::kMemset, kExperts, 4, kAlways, "gate gradient workspace clear"},
};

RowsShape ShapeOf(Extent extent, const MoeSpec& moe, std::int64_t tokens) {
  switch (extent) {
    case kExperts:
      return {tokens, moe.routed_experts};
    case kTopK:
      return {tokens, moe.top_k};
    case kGroups:
      return {tokens, moe.groups};
    case kTopGroups:
      return {tokens, moe.top_groups};
    case kToken:
      return {tokens, 1};
    case kExpertVector:
      return {1, moe.routed_experts};
    case kScalar:
      return {1, 1};
  }
  return {};
}

bool Launches(When when, const MoeSpec& moe, bool training) {
  switch (when) {
    case kSigmoid:
      return moe.sigmoid;
    case kGrouped:
      return moe.groups > 1;
    case kTrained:
      return training;
    case kAlways:
      break;
  }
  return true;
}

template <std::size_t kCount>
void AppendSmall(const SmallKernel (&kernels)[kCount], const SublayerContext& c, OpList* ops) {
  const MoeSpec& moe = *c.spec.moe;
  for (const SmallKernel& k : kernels) {
    if (!Launches(k.when, moe, !c.inference())) continue;
    const RowsShape shape = ShapeOf(k.extent, moe, c.shape.tokens());
    ops->push_back(kernel::Rows(k.kind, shape.rows, shape.cols, k.bytes_per_element, k.label));
  }
}

}  // namespace

void AppendRouter(const SublayerContext& c, OpList* ops) {
  const InBlock router(ops, Block::kRouter);
  const std::int64_t tokens = c.shape.tokens(), experts = c.spec.moe->routed_experts, hidden = c.spec.hidden;
  if (c.pass == Pass::kInputGradient) {
    AppendSmall(kBackward, c, ops);
    ops->push_back(kernel::GemmBf16(tokens, hidden, experts, "router dgrad"));
    ops->push_back(kernel::GemmBf16(experts, hidden, tokens, "router wgrad"));
    return;
  }
  ops->push_back(kernel::GemmBf16(tokens, experts, hidden, "router fprop"));
  if (c.inference() && c.shape.shard.router == RouterKernels::kFused) {
    ops->push_back(kernel::Rows(OpKind::kTopK, tokens, experts, "gate top-k"));
    return;
  }
  AppendSmall(kForward, c, ops);
}

}  // namespace orrery::models
