#include "models/layers/attention_common.h"

#include <algorithm>

namespace orrery::models {

AttentionLists::AttentionLists(const SublayerContext& context, OpList* ops)
    : c_(context),
      a_(context.attention),
      s_(context.shape),
      tokens_(context.shape.tokens()),
      heads_(context.attention.heads / context.shape.shard.tensor),
      kv_heads_(std::max(1, context.attention.kv_heads / context.shape.shard.tensor)),
      linears_(AttentionProjections(context.attention, context.spec.hidden, context.shape.shard.tensor)),
      pass_(OverTokens(context)),
      ops_(ops) {
  ops_->set_block(Block::kProjection);
}

void AttentionLists::InputNorm() {
  const InBlock norm(ops_, Block::kNorm);
  AppendNorm(s_.shard, tokens_, c_.spec.hidden, "attention norm", ops_);
}

void AttentionLists::OutputForward() {
  const bool training = !c_.inference();
  if (training && s_.SavesE5M6())
    ops_->push_back(kernel::SaveE5M6(tokens_, linears_.output.in, "save attention output"));
  if (a_.output_gate)
    ops_->push_back(
        kernel::ResidualAdd(tokens_, linears_.output.in, "attention output gate"));  // two read, one written
  AppendFprop(linears_.output, pass_, Operand::kBf16, "fprop", ops_);
  if (training && s_.scale_attention_output)
    ops_->push_back(kernel::Rows(OpKind::kScale, tokens_, c_.spec.hidden, "attention output scale"));
}

void AttentionLists::OutputBackward() {
  const Linear& o = linears_.output;
  if (s_.scale_attention_output)
    ops_->push_back(kernel::Rows(OpKind::kScale, tokens_, c_.spec.hidden, "attention output gradient scale"));
  if (s_.SavesE5M6()) ops_->push_back(kernel::RestoreE5M6(tokens_, o.in, "restore attention output"));
  AppendDgrad(o, pass_, Operand::kBf16, ops_);
  AppendWgradOperands(o, pass_, Operand::kBf16, ops_);
  if (a_.output_gate)  // its gradient, values and gate read; gradients of both written
    ops_->push_back(kernel::Rows(OpKind::kResidualAdd, tokens_, o.in, 10, "attention output gate backward"));
}

void AttentionLists::FlashBackward() {
  const InBlock core(ops_, Block::kAttention);
  const AttentionShape flash = FlashShape(a_, s_);
  ops_->push_back(kernel::AttentionPreprocess(flash, "flash attention backward preprocess"));
  ops_->push_back(kernel::AttentionBackward(flash, "flash attention backward"));
  ops_->push_back(kernel::AttentionPostprocess(flash, "flash attention backward postprocess"));
}

void AttentionLists::InputBackward() {
  if (s_.savings.recompute_norms)
    ops_->push_back(kernel::RmsNorm(tokens_, c_.spec.hidden, "attention norm recompute"));
  for (auto it = linears_.from_hidden.rbegin(); it != linears_.from_hidden.rend(); ++it) {
    AppendDgrad(*it, pass_, Operand::kBf16, ops_);
    AppendWgradOperands(*it, pass_, Operand::kBf16, ops_);
  }
  for (std::size_t i = 1; i < linears_.from_hidden.size(); ++i)
    ops_->push_back(kernel::ResidualAdd(tokens_, c_.spec.hidden, "attention input gradient add"));
  const InBlock norm(ops_, Block::kNorm);
  AppendNormBackward(tokens_, c_.spec.hidden, "attention norm", ops_);
}

void AttentionLists::WeightGradient() {
  AppendWgrad(linears_.output, pass_, ops_);
  for (const auto* linears : {&linears_.up, &linears_.from_hidden}) {
    for (auto it = linears->rbegin(); it != linears->rend(); ++it) AppendWgrad(*it, pass_, ops_);
  }
}

Bytes AttentionLists::CacheEntryBytes() const {
  const Bytes all = CacheBytesPerLayer(a_, s_.shard.cache);
  // A latent is on every rank, a head on the ranks that use it.
  return a_.kind == AttentionKind::kMla ? all : Bytes{all.count * kv_heads_ / a_.kv_heads};
}

void AttentionLists::CacheWrite() {
  const CacheEntry entry = CachePerLayer(a_);
  const std::int64_t elements =
      a_.kind == AttentionKind::kMla ? entry.elements() : KvCols(a_.head_dim + a_.v_head_dim);
  ops_->push_back(kernel::Rows(OpKind::kCopy, tokens_, elements,
                               Bytes{tokens_ * (2 * elements + CacheEntryBytes().count)}, "cache write"));
}

void AttentionLists::DecodeCore(AttentionShape shape) {
  const InBlock core(ops_, Block::kAttention);
  const std::int64_t cached = CacheEntryBytes().count;
  if (cached != Bf16KvBytes(OpKind::kAttentionDecode, shape)) shape.kv_bytes = cached;
  ops_->push_back({.kind = OpKind::kAttentionDecode,
                   .shape = OverSequences(shape, a_, s_.batch, Pass::kDecode),
                   .label = "attention over the cache"});
}

}  // namespace orrery::models
