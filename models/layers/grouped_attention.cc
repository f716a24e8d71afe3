// MHA, GQA and MQA.
#include "models/layers/attention_common.h"

namespace orrery::models {
namespace {

class GroupedAttention : AttentionLists {
 public:
  using AttentionLists::AttentionLists;

  void Forward() {
    InputNorm();
    for (const Linear& linear : linears_.from_hidden)
      AppendFprop(linear, pass_, Operand::kBf16, "fprop", ops_);
    Heads("", kernel::RmsNorm);
    if (c_.inference()) CacheWrite();
    Core();
    OutputForward();
  }
  void InputGradient() {
    OutputBackward();
    FlashBackward();
    Heads(" backward", kernel::RmsNormBackward);
    InputBackward();
  }
  using AttentionLists::WeightGradient;

 private:
  /// Per-head norms and rotation; `norm` builds the norm's kernel. A server rotates queries and keys in one.
  template <typename Norm>
  void Heads(const std::string& suffix, Norm norm) {
    if (a_.qk_norm) {
      ops_->push_back(norm(tokens_ * heads_, a_.head_dim, "q head norm" + suffix));
      ops_->push_back(norm(tokens_ * kv_heads_, a_.head_dim, "k head norm" + suffix));
    }
    const std::int64_t q = HeadCols(a_.head_dim), k = KvCols(a_.head_dim);
    if (a_.qk_norm_joint) {
      ops_->push_back(norm(tokens_, q, "q norm" + suffix));
      ops_->push_back(norm(tokens_, k, "k norm" + suffix));
    }
    if (c_.inference()) {
      ops_->push_back(kernel::Rope(tokens_, q + k, "RoPE q and k"));
      return;
    }
    ops_->push_back(kernel::Rope(tokens_, q, "RoPE q" + suffix));
    ops_->push_back(kernel::Rope(tokens_, k, "RoPE k" + suffix));
  }
  void Core() {
    if (c_.pass == Pass::kDecode) {
      DecodeCore({.heads = heads_, .kv_heads = kv_heads_, .d_qk = a_.head_dim, .d_v = a_.v_head_dim});
      return;
    }
    const InBlock core(ops_, Block::kAttention);
    ops_->push_back(kernel::AttentionForward(FlashShape(a_, s_), "flash attention forward"));
  }
};

}  // namespace

void AppendGroupedAttention(const SublayerContext& context, OpList* ops) {
  GroupedAttention attention(context, ops);
  if (context.pass == Pass::kInputGradient) return attention.InputGradient();
  if (context.pass == Pass::kWeightGradient) return attention.WeightGradient();
  attention.Forward();
}

}  // namespace orrery::models
