// What stands between attention and the feed-forward: the norm, and in an MoE layer the router and the cast of what
// is dispatched.
#include "models/layers/kernels.h"
#include "models/layers/norm_ops.h"
#include "models/layers/op_list.h"

namespace orrery::models {
namespace {

void Forward(const SublayerContext& c, OpList* ops) {
  const std::int64_t tokens = c.shape.tokens();
  {
    const InBlock norm(ops, Block::kNorm);
    AppendNorm(c.shape.shard, tokens, c.spec.hidden, "mlp norm", ops);
  }
  if (c.kind != LayerKind::kMoe) return;
  AppendRouter(c, ops);
  const InBlock cast(ops, Block::kSharedExperts);
  if (c.shape.fp8()) ops->push_back(kernel::Cast(tokens, c.spec.hidden, "mlp input cast"));
}

void InputGradient(const SublayerContext& c, OpList* ops) {
  const std::int64_t tokens = c.shape.tokens();
  if (c.kind == LayerKind::kMoe) {
    AppendRouter(c, ops);
    const InBlock router(ops, Block::kRouter);
    ops->push_back(kernel::ResidualAdd(tokens, c.spec.hidden, "mlp input gradient add"));
  }
  const InBlock norm(ops, Block::kNorm);
  AppendNormBackward(tokens, c.spec.hidden, "mlp norm", ops);
}

}  // namespace

void AppendFeedForwardInput(const SublayerContext& context, OpList* ops) {
  if (context.pass == Pass::kWeightGradient) return;
  context.pass == Pass::kInputGradient ? InputGradient(context, ops) : Forward(context, ops);
}

}  // namespace orrery::models
