#include "models/layers/feed_forward.h"

#include <utility>

#include "models/layers/kernels.h"

namespace orrery::models {

SwiGluLinears DenseFeedForward(const SublayerContext& c) {
  return SwiGlu("dense", c.spec.hidden, c.spec.dense_intermediate / c.shape.shard.tensor, c.spec.gated);
}

SwiGluLinears SharedExperts(const SublayerContext& c) {
  return SwiGlu("shared", c.spec.hidden, c.spec.moe->shared_intermediate / c.shape.shard.tensor,
                c.spec.gated);
}

Op Activation(const SublayerContext& c, std::int64_t rows, std::int64_t width, std::string label) {
  if (c.spec.gated)
    return c.shape.fp8() ? kernel::SwiGluCast(rows, width, std::move(label))
                         : kernel::SwiGlu(rows, width, std::move(label));
  // An activation of one matrix: the kernel without the gate's bytes.
  return c.shape.fp8() ? kernel::Cast(rows, width, std::move(label))
                       : kernel::Rows(OpKind::kSwiGlu, rows, width, 4, std::move(label));
}

void AppendGateUp(const SwiGluLinears& ffn, const SublayerContext& c, Operand input, OpList* ops) {
  AppendFprop(ffn.gate_up, OverTokens(c), input, "fprop", ops);
}

void AppendDown(const SwiGluLinears& ffn, const SublayerContext& c, OpList* ops) {
  const std::string label = ffn.down.name + " input SwiGLU";
  const std::int64_t tokens = c.shape.tokens();
  ops->push_back(Activation(c, tokens, ffn.width, label));
  AppendFprop(ffn.down, OverTokens(c), Operand::kFp8, "fprop", ops);
}

void AppendSaveSwiGluInput(const SwiGluLinears& ffn, const SublayerContext& c, OpList* ops) {
  if (c.inference() || !c.shape.fp8()) return;
  ops->push_back(kernel::Cast(c.shape.tokens(), 2 * ffn.width, ffn.gate_up.name + " save SwiGLU input"));
}

void AppendDownBackward(const SwiGluLinears& ffn, const SublayerContext& c, Operand gradient, OpList* ops) {
  const std::int64_t tokens = c.shape.tokens();
  const bool fp8 = c.shape.fp8(), recompute = c.shape.savings.recompute_swiglu;
  if (fp8)
    ops->push_back(kernel::Dequantize(tokens, 2 * ffn.width, ffn.gate_up.name + " restore SwiGLU input"));
  AppendDgrad(ffn.down, OverTokens(c), gradient, ops);
  if (fp8) {
    const std::string label = ffn.down.name + " wgrad";
    ops->push_back(
        gradient == Operand::kFp8
            ? kernel::RequantizeTranspose(tokens, ffn.down.out, label + " gradient requantize-transpose")
            : kernel::CastTranspose(tokens, ffn.down.out, label + " gradient cast-transpose"));
    ops->push_back(
        recompute ? kernel::SwiGluCastTranspose(tokens, ffn.width, label + " input SwiGLU cast-transpose")
                  : kernel::RequantizeTranspose(tokens, ffn.width, label + " input requantize-transpose"));
  } else if (recompute) {
    ops->push_back(kernel::SwiGlu(tokens, ffn.width, ffn.down.name + " input SwiGLU recompute"));
  }
  ops->push_back(kernel::SwiGluBackward(tokens, ffn.width, ffn.down.name + " SwiGLU backward"));
}

void AppendNormRecompute(const SublayerContext& c, bool cast, OpList* ops) {
  if (!c.shape.savings.recompute_norms) return;
  const InBlock norm(ops, Block::kNorm);
  ops->push_back(kernel::RmsNorm(c.shape.tokens(), c.spec.hidden, "mlp norm recompute"));
  if (c.shape.fp8() && cast) ops->push_back(kernel::Cast(c.shape.tokens(), c.spec.hidden, "mlp input cast"));
}

void AppendGateUpBackward(const SwiGluLinears& ffn, const SublayerContext& c, OpList* ops) {
  if (c.shape.fp8())
    ops->push_back(kernel::Dequantize(c.shape.tokens(), ffn.gate_up.in, ffn.gate_up.name + " restore input"));
  AppendDgrad(ffn.gate_up, OverTokens(c), Operand::kBf16, ops);
  AppendWgradOperands(ffn.gate_up, OverTokens(c), Operand::kBf16, ops);
}

void AppendDense(const SublayerContext& c, OpList* ops) {
  const InBlock dense(ops, Block::kDense);
  const SwiGluLinears ffn = DenseFeedForward(c);
  if (c.pass == Pass::kInputGradient) {
    AppendDownBackward(ffn, c, Operand::kBf16, ops);
    AppendNormRecompute(c, true, ops);
    AppendGateUpBackward(ffn, c, ops);
  } else if (c.pass == Pass::kWeightGradient) {
    AppendWgrad(ffn.down, OverTokens(c), ops);
    AppendWgrad(ffn.gate_up, OverTokens(c), ops);
  } else {
    AppendGateUp(ffn, c, Operand::kBf16, ops);
    AppendDown(ffn, c, ops);
    AppendSaveSwiGluInput(ffn, c, ops);
  }
}

}  // namespace orrery::models
