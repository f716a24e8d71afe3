#include "models/layers/mlp_ops.h"

#include "models/layers/kernels.h"
#include "models/layers/linear_ops.h"

namespace orrery::models {
namespace {

/// A SwiGLU block on all tokens: the dense layer's, or the shared experts as one.
struct Ffn {
  Linear gate_up, down;
  std::int64_t width = 0;
};

Ffn MakeFfn(const std::string& name, std::int64_t hidden, std::int64_t width) {
  return {{name + " gate_up", hidden, 2 * width}, {name + " down", width, hidden}, width};
}

Ffn DenseFfn(const ModelSpec& spec) { return MakeFfn("dense", spec.hidden, spec.dense_intermediate); }
Ffn SharedFfn(const ModelSpec& spec) { return MakeFfn("shared", spec.hidden, spec.moe->shared_intermediate); }
bool HasShared(const ModelSpec& spec) { return spec.moe->shared_intermediate > 0; }

/// Activation, its cast where FP8, and the down projection.
void AppendFfnDown(const Ffn& ffn, const TrainingShape& s, std::vector<Op>* ops) {
  const std::string label = ffn.down.name + " input SwiGLU";
  ops->push_back(s.fp8 ? kernel::SwiGluCast(s.tokens, ffn.width, label)
                       : kernel::SwiGlu(s.tokens, ffn.width, label));
  AppendFprop(ffn.down, s.tokens, s.fp8, Operand::kFp8, "fprop", ops);
}

void AppendSaveSwiGluInput(std::int64_t rows, const Ffn& ffn, const TrainingShape& s, std::vector<Op>* ops) {
  if (s.fp8) ops->push_back(kernel::Cast(rows, 2 * ffn.width, ffn.gate_up.name + " save SwiGLU input"));
}

/// Gradient through the down projection and the activation; `gradient` of the block's result.
void AppendFfnDownBackward(const Ffn& ffn, const TrainingShape& s, Operand gradient, std::vector<Op>* ops) {
  if (s.fp8)
    ops->push_back(kernel::Dequantize(s.tokens, 2 * ffn.width, ffn.gate_up.name + " restore SwiGLU input"));
  AppendDgrad(ffn.down, s.tokens, s.fp8, gradient, ops);
  if (s.fp8) {
    const std::string label = ffn.down.name + " wgrad";
    ops->push_back(
        gradient == Operand::kFp8
            ? kernel::RequantizeTranspose(s.tokens, ffn.down.out, label + " gradient requantize-transpose")
            : kernel::CastTranspose(s.tokens, ffn.down.out, label + " gradient cast-transpose"));
    ops->push_back(
        s.recompute_swiglu
            ? kernel::SwiGluCastTranspose(s.tokens, ffn.width, label + " input SwiGLU cast-transpose")
            : kernel::RequantizeTranspose(s.tokens, ffn.width, label + " input requantize-transpose"));
  } else if (s.recompute_swiglu) {
    ops->push_back(kernel::SwiGlu(s.tokens, ffn.width, ffn.down.name + " input SwiGLU recompute"));
  }
  ops->push_back(kernel::SwiGluBackward(s.tokens, ffn.width, ffn.down.name + " SwiGLU backward"));
}

/// The block's normed input, needed by the weight gradient: recomputed and cast as in the forward pass.
void AppendNormRecompute(const ModelSpec& spec, const TrainingShape& s, bool cast, std::vector<Op>* ops) {
  if (!s.recompute_norms) return;
  ops->push_back(kernel::RmsNorm(s.tokens, spec.hidden, "mlp norm recompute"));
  if (s.fp8 && cast) ops->push_back(kernel::Cast(s.tokens, spec.hidden, "mlp input cast"));
}

void AppendFfnGateUpBackward(const Ffn& ffn, const TrainingShape& s, std::vector<Op>* ops) {
  if (s.fp8)
    ops->push_back(kernel::Dequantize(s.tokens, ffn.gate_up.in, ffn.gate_up.name + " restore input"));
  AppendDgrad(ffn.gate_up, s.tokens, s.fp8, Operand::kBf16, ops);
  AppendWgradOperands(ffn.gate_up, s.tokens, s.fp8, Operand::kBf16, ops);
}

/// Qwen2-MoE's learned gate on the shared experts: a one-column projection.
void AppendSharedGate(const ModelSpec& spec, const TrainingShape& s, bool backward, std::vector<Op>* ops) {
  if (!spec.moe->shared_gate) return;
  if (!backward) {
    ops->push_back(kernel::GemmBf16(s.tokens, 1, spec.hidden, "shared gate fprop"));
    return;
  }
  ops->push_back(kernel::GemmBf16(s.tokens, spec.hidden, 1, "shared gate dgrad"));
  ops->push_back(kernel::GemmBf16(1, spec.hidden, s.tokens, "shared gate wgrad"));
}

/// Routed experts of one rank.
struct Experts {
  const TrainingShape& shape;
  std::int64_t hidden, width, experts;
  GroupRows group_rows;
  std::int64_t padded, unique, top_k;

  Experts(const ModelSpec& spec, const TrainingShape& s, const RoutedRows& rows)
      : shape(s),
        hidden(spec.hidden),
        width(spec.moe->intermediate),
        experts(s.local_experts),
        group_rows(GroupsOf(rows.expert_rows, s.row_alignment)),
        padded(group_rows.rows),
        unique(rows.unique_rows),
        top_k(spec.moe->top_k) {}

  Op GroupedGemm(std::int64_t n, std::int64_t k, const std::string& label) const {
    return shape.fp8 ? kernel::GroupedGemmFp8(group_rows, n, k, label)
                     : kernel::GroupedGemmBf16(group_rows, n, k, label);
  }
  Op GroupedWgrad(std::int64_t m, std::int64_t n, const std::string& label) const {
    return shape.fp8 ? kernel::GroupedGemmFp8Wgrad(m, n, group_rows, label)
                     : kernel::GroupedGemmBf16Wgrad(m, n, group_rows, label);
  }
  /// Per received token and choice: weights of experts that live elsewhere are masked.
  Op GateWeights(const std::string& label) const {
    return kernel::Rows(OpKind::kRouterMisc, unique, top_k, 8, label);
  }

  void AppendScales(std::int64_t cols, const std::string& label, std::vector<Op>* ops) const {
    if (shape.fp8) ops->push_back(kernel::ScaleTranspose(padded, cols, label + " scale transpose"));
  }
  /// FP8 expert weights are stored for the input gradient, so the forward pass transposes them.
  void AppendWeightTranspose(std::int64_t n, std::int64_t k, const std::string& label,
                             std::vector<Op>* ops) const {
    if (shape.fp8) ops->push_back(kernel::TransposeWeight(n, k, experts, label + " weight transpose"));
  }

  void Forward(std::vector<Op>* ops) const;
  void SaveSwiGluInput(std::vector<Op>* ops) const;
  void Backward(const ModelSpec& spec, std::vector<Op>* ops) const;
  void BackwardDown(std::vector<Op>* ops) const;
  void BackwardActivation(std::vector<Op>* ops) const;
  void BackwardGateUp(std::vector<Op>* ops) const;
};

void Experts::Forward(std::vector<Op>* ops) const {
  // Which received tokens go to which expert: scans of [unique, top_k] indices, one thread block per local
  // expert.
  ops->push_back(kernel::Rows(OpKind::kRouterMisc, unique, top_k, 8, "expert count"));
  ops->push_back(kernel::Rows(OpKind::kRouterMisc, unique * top_k, experts, 8, "expert mapping"));
  ops->push_back(kernel::Permute(unique, padded, hidden, shape.fp8, "permute to experts"));
  AppendWeightTranspose(2 * width, hidden, "expert gate_up fprop", ops);
  AppendScales(hidden, "expert gate_up fprop", ops);
  ops->push_back(GroupedGemm(2 * width, hidden, "expert gate_up fprop"));
  ops->push_back(GateWeights("gate weights of local experts"));
  ops->push_back(shape.fp8 ? kernel::SwiGluCast(padded, width, "expert SwiGLU")
                           : kernel::SwiGlu(padded, width, "expert SwiGLU"));
  AppendWeightTranspose(hidden, width, "expert down fprop", ops);
  AppendScales(width, "expert down fprop", ops);
  ops->push_back(GroupedGemm(hidden, width, "expert down fprop"));
  ops->push_back(kernel::Unpermute(padded, unique, hidden, "unpermute from experts"));
}

void Experts::SaveSwiGluInput(std::vector<Op>* ops) const {
  if (shape.fp8) ops->push_back(kernel::Cast(padded, 2 * width, "expert gate_up save SwiGLU input"));
}

void Experts::BackwardDown(std::vector<Op>* ops) const {
  if (shape.fp8) ops->push_back(kernel::Dequantize(padded, 2 * width, "expert gate_up restore SwiGLU input"));
  ops->push_back(kernel::Permute(unique, padded, hidden, shape.fp8, "permute gradients to experts"));
  AppendScales(hidden, "expert down dgrad", ops);
  ops->push_back(GroupedGemm(width, hidden, "expert down dgrad"));
}

void Experts::BackwardActivation(std::vector<Op>* ops) const {
  ops->push_back(shape.recompute_swiglu
                     ? kernel::SwiGluForwardBackward(padded, width, "expert SwiGLU forward and backward")
                     : kernel::SwiGluBackward(padded, width, "expert SwiGLU backward"));
  ops->push_back(kernel::Rows(OpKind::kRouterWeightGrad, padded, width, "gate weight gradient"));
  if (shape.fp8)
    ops->push_back(kernel::CastTranspose(padded, width, "expert down wgrad input cast-transpose"));
  ops->push_back(GateWeights("gate weight gradient mask"));
}

void Experts::BackwardGateUp(std::vector<Op>* ops) const {
  if (shape.fp8) ops->push_back(kernel::Cast(padded, 2 * width, "expert gate_up dgrad gradient cast"));
  AppendScales(2 * width, "expert gate_up dgrad", ops);
  ops->push_back(GroupedGemm(hidden, 2 * width, "expert gate_up dgrad"));
  ops->push_back(kernel::Unpermute(padded, unique, hidden, "unpermute gradients from experts"));
  if (shape.fp8) {
    ops->push_back(kernel::CastTranspose(padded, 2 * width, "expert gate_up wgrad gradient cast-transpose"));
  }
}

void Experts::Backward(const ModelSpec& spec, std::vector<Op>* ops) const {
  BackwardDown(ops);
  BackwardActivation(ops);
  AppendNormRecompute(spec, shape, HasShared(spec), ops);
  BackwardGateUp(ops);
}

}  // namespace

void AppendDenseForward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const Ffn ffn = DenseFfn(spec);
  AppendFprop(ffn.gate_up, shape.tokens, shape.fp8, Operand::kBf16, "fprop", ops);
  AppendFfnDown(ffn, shape, ops);
  AppendSaveSwiGluInput(shape.tokens, ffn, shape, ops);
}

void AppendDenseBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const Ffn ffn = DenseFfn(spec);
  AppendFfnDownBackward(ffn, shape, Operand::kBf16, ops);
  AppendNormRecompute(spec, shape, true, ops);
  AppendFfnGateUpBackward(ffn, shape, ops);
}

void AppendDenseWeight(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const Ffn ffn = DenseFfn(spec);
  AppendWgrad(ffn.down, shape.tokens, shape.fp8, ops);
  AppendWgrad(ffn.gate_up, shape.tokens, shape.fp8, ops);
}

void AppendMoeForward(const ModelSpec& spec, const TrainingShape& shape, const RoutedRows& rows,
                      std::vector<Op>* ops) {
  const Experts experts(spec, shape, rows);
  const Ffn shared = SharedFfn(spec);
  // The shared experts read what was cast for the dispatch (end of attn(F)).
  if (HasShared(spec)) AppendFprop(shared.gate_up, shape.tokens, shape.fp8, Operand::kFp8, "fprop", ops);
  experts.Forward(ops);
  if (HasShared(spec)) {
    AppendFfnDown(shared, shape, ops);
    AppendSharedGate(spec, shape, false, ops);
  }
  experts.SaveSwiGluInput(ops);
  if (HasShared(spec)) AppendSaveSwiGluInput(shape.tokens, shared, shape, ops);
}

void AppendMoeBackward(const ModelSpec& spec, const TrainingShape& shape, const RoutedRows& rows,
                       std::vector<Op>* ops) {
  const Experts experts(spec, shape, rows);
  const Ffn shared = SharedFfn(spec);
  // The gradient arrives cast: combine(B) sends it in FP8.
  if (HasShared(spec)) AppendFfnDownBackward(shared, shape, Operand::kFp8, ops);
  experts.Backward(spec, ops);
  if (HasShared(spec)) {
    AppendFfnGateUpBackward(shared, shape, ops);
    AppendSharedGate(spec, shape, true, ops);
  }
}

void AppendMoeWeight(const ModelSpec& spec, const TrainingShape& shape, const RoutedRows& rows,
                     std::vector<Op>* ops) {
  const Experts e(spec, shape, rows);
  const Ffn shared = SharedFfn(spec);
  if (HasShared(spec)) AppendWgrad(shared.down, shape.tokens, shape.fp8, ops);
  if (shape.fp8)
    ops->push_back(kernel::RequantizeGather(e.padded, e.hidden, "expert down wgrad gradient gather"));
  // The trace launches one kernel per expert, two at a time on two streams; here one k-grouped kernel.
  ops->push_back(e.GroupedWgrad(e.hidden, e.width, "expert down wgrad"));
  const char* input = "expert gate_up wgrad input gather";
  ops->push_back(shape.fp8 ? kernel::RequantizeGather(e.padded, e.hidden, input)
                           : kernel::Permute(e.unique, e.padded, e.hidden, false, input));
  ops->push_back(e.GroupedWgrad(2 * e.width, e.hidden, "expert gate_up wgrad"));
  if (HasShared(spec)) AppendWgrad(shared.gate_up, shape.tokens, shape.fp8, ops);
}

}  // namespace orrery::models
