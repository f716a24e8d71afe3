// The experts of an MoE layer: routed ones on the rows that were sent here, shared ones on the rank's own tokens.
#include "models/layers/feed_forward.h"
#include "models/layers/kernels.h"

namespace orrery::models {
namespace {

/// Qwen2-MoE's learned gate on the shared experts: a one-column projection.
void AppendSharedGate(const SublayerContext& c, OpList* ops) {
  if (!c.spec.moe->shared_gate) return;
  const std::int64_t tokens = c.shape.tokens();
  if (c.pass == Pass::kInputGradient) {
    ops->push_back(kernel::GemmBf16(tokens, c.spec.hidden, 1, "shared gate dgrad"));
    ops->push_back(kernel::GemmBf16(1, c.spec.hidden, tokens, "shared gate wgrad"));
  } else {
    ops->push_back(kernel::GemmBf16(tokens, 1, c.spec.hidden, "shared gate fprop"));
  }
}

/// Routed experts of one rank.
class RoutedExperts {
 public:
  RoutedExperts(const SublayerContext& c, OpList* ops)
      : c_(c),
        fp8_(c.shape.fp8()),
        // Low-latency exchanges send each expert's rows to where its GEMM reads them and sum what comes back.
        masked_(c.pass == Pass::kDecode && c.shape.shard.local_experts < c.spec.moe->routed_experts),
        hidden_(c.spec.hidden),
        width_(c.spec.moe->intermediate),
        experts_(c.shape.shard.local_experts),
        groups_(c.shape.Groups(c.pass)),
        rows_(groups_.rows),
        unique_(c.shape.batch.routed.unique_rows),
        top_k_(c.spec.moe->top_k),
        ops_(ops) {}

  void Forward();
  void SaveSwiGluInput();
  void Backward(bool shared);
  void WeightGradient();

 private:
  Op GroupedGemm(std::int64_t n, std::int64_t k, const std::string& label) const {
    if (!fp8_) return kernel::GroupedGemmBf16(groups_, n, k, label);
    return c_.pass == Pass::kDecode ? kernel::GroupedGemmFp8Masked(groups_, n, k, label)
                                    : kernel::GroupedGemmFp8(groups_, n, k, label);
  }
  Op GroupedWgrad(std::int64_t m, std::int64_t n, const std::string& label) const {
    return fp8_ ? kernel::GroupedGemmFp8Wgrad(m, n, groups_, label)
                : kernel::GroupedGemmBf16Wgrad(m, n, groups_, label);
  }
  /// Per received token and choice: weights of experts that live elsewhere are masked.
  void GateWeights(const std::string& label) {
    ops_->push_back(kernel::Rows(OpKind::kRouterMisc, unique_, top_k_, 8, label));
  }
  void Scales(std::int64_t cols, const std::string& label) {
    if (fp8_ && !c_.inference())
      ops_->push_back(kernel::ScaleTranspose(rows_, cols, label + " scale transpose"));
  }
  /// In training FP8 expert weights are stored for the input gradient, so the forward pass transposes them.
  void WeightTranspose(std::int64_t n, std::int64_t k, const std::string& label) {
    if (fp8_ && !c_.inference())
      ops_->push_back(kernel::TransposeWeight(n, k, experts_, label + " weight transpose"));
  }

  const SublayerContext& c_;
  bool fp8_, masked_;
  std::int64_t hidden_, width_, experts_;
  GroupRows groups_;
  std::int64_t rows_, unique_, top_k_;
  OpList* ops_;
};

void RoutedExperts::Forward() {
  if (!masked_) {
    // Which received tokens go to which expert: scans of [unique, top_k] indices, one thread block per local
    // expert.
    ops_->push_back(kernel::Rows(OpKind::kRouterMisc, unique_, top_k_, 8, "expert count"));
    ops_->push_back(kernel::Rows(OpKind::kRouterMisc, unique_ * top_k_, experts_, 8, "expert mapping"));
    ops_->push_back(kernel::Permute(unique_, rows_, hidden_, fp8_, "permute to experts"));
  }
  const std::int64_t up = c_.spec.gated ? 2 * width_ : width_;
  WeightTranspose(up, hidden_, "expert gate_up fprop");
  Scales(hidden_, "expert gate_up fprop");
  ops_->push_back(GroupedGemm(up, hidden_, "expert gate_up fprop"));
  if (!masked_) GateWeights("gate weights of local experts");
  ops_->push_back(Activation(c_, rows_, width_, "expert SwiGLU"));
  WeightTranspose(hidden_, width_, "expert down fprop");
  Scales(width_, "expert down fprop");
  ops_->push_back(GroupedGemm(hidden_, width_, "expert down fprop"));
  if (!masked_) ops_->push_back(kernel::Unpermute(rows_, unique_, hidden_, "unpermute from experts"));
}

void RoutedExperts::SaveSwiGluInput() {
  if (fp8_ && !c_.inference())
    ops_->push_back(kernel::Cast(rows_, 2 * width_, "expert gate_up save SwiGLU input"));
}

void RoutedExperts::Backward(bool shared) {
  const bool recompute = c_.shape.savings.recompute_swiglu;
  if (fp8_) ops_->push_back(kernel::Dequantize(rows_, 2 * width_, "expert gate_up restore SwiGLU input"));
  ops_->push_back(kernel::Permute(unique_, rows_, hidden_, fp8_, "permute gradients to experts"));
  Scales(hidden_, "expert down dgrad");
  ops_->push_back(GroupedGemm(width_, hidden_, "expert down dgrad"));
  ops_->push_back(recompute
                      ? kernel::SwiGluForwardBackward(rows_, width_, "expert SwiGLU forward and backward")
                      : kernel::SwiGluBackward(rows_, width_, "expert SwiGLU backward"));
  ops_->push_back(kernel::Rows(OpKind::kRouterWeightGrad, rows_, width_, "gate weight gradient"));
  if (fp8_) ops_->push_back(kernel::CastTranspose(rows_, width_, "expert down wgrad input cast-transpose"));
  GateWeights("gate weight gradient mask");
  AppendNormRecompute(c_, shared, ops_);
  if (fp8_) ops_->push_back(kernel::Cast(rows_, 2 * width_, "expert gate_up dgrad gradient cast"));
  Scales(2 * width_, "expert gate_up dgrad");
  ops_->push_back(GroupedGemm(hidden_, 2 * width_, "expert gate_up dgrad"));
  ops_->push_back(kernel::Unpermute(rows_, unique_, hidden_, "unpermute gradients from experts"));
  if (fp8_)
    ops_->push_back(kernel::CastTranspose(rows_, 2 * width_, "expert gate_up wgrad gradient cast-transpose"));
}

void RoutedExperts::WeightGradient() {
  if (fp8_) ops_->push_back(kernel::RequantizeGather(rows_, hidden_, "expert down wgrad gradient gather"));
  // The trace launches one kernel per expert, two at a time on two streams; here one k-grouped kernel.
  ops_->push_back(GroupedWgrad(hidden_, width_, "expert down wgrad"));
  const char* input = "expert gate_up wgrad input gather";
  ops_->push_back(fp8_ ? kernel::RequantizeGather(rows_, hidden_, input)
                       : kernel::Permute(unique_, rows_, hidden_, false, input));
  ops_->push_back(GroupedWgrad(2 * width_, hidden_, "expert gate_up wgrad"));
}

/// Lists of the shared experts run before and after those of the routed ones; nothing where there are none.
template <typename List>
void Shared(const SublayerContext& c, OpList* ops, List list) {
  if (c.spec.moe->shared_intermediate == 0) return;
  const InBlock shared(ops, Block::kSharedExperts);
  list(SharedExperts(c));
}

void Forward(const SublayerContext& c, RoutedExperts* routed, OpList* ops) {
  // The shared experts read what was cast for the dispatch (end of attn(F)).
  Shared(c, ops, [&](const SwiGluLinears& s) { AppendGateUp(s, c, Operand::kFp8, ops); });
  routed->Forward();
  Shared(c, ops, [&](const SwiGluLinears& s) {
    AppendDown(s, c, ops);
    AppendSharedGate(c, ops);
  });
  routed->SaveSwiGluInput();
  Shared(c, ops, [&](const SwiGluLinears& s) { AppendSaveSwiGluInput(s, c, ops); });
}

void InputGradient(const SublayerContext& c, RoutedExperts* routed, OpList* ops) {
  // The gradient arrives cast: combine(B) sends it in FP8.
  Shared(c, ops, [&](const SwiGluLinears& s) { AppendDownBackward(s, c, Operand::kFp8, ops); });
  routed->Backward(c.spec.moe->shared_intermediate > 0);
  Shared(c, ops, [&](const SwiGluLinears& s) {
    AppendGateUpBackward(s, c, ops);
    AppendSharedGate(c, ops);
  });
}

void WeightGradient(const SublayerContext& c, RoutedExperts* routed, OpList* ops) {
  Shared(c, ops, [&](const SwiGluLinears& s) { AppendWgrad(s.down, OverTokens(c), ops); });
  routed->WeightGradient();
  Shared(c, ops, [&](const SwiGluLinears& s) { AppendWgrad(s.gate_up, OverTokens(c), ops); });
}

}  // namespace

void AppendExperts(const SublayerContext& c, OpList* ops) {
  const InBlock experts(ops, Block::kExperts);
  RoutedExperts routed(c, ops);
  if (c.pass == Pass::kInputGradient) return InputGradient(c, &routed, ops);
  if (c.pass == Pass::kWeightGradient) return WeightGradient(c, &routed, ops);
  Forward(c, &routed, ops);
}

}  // namespace orrery::models
