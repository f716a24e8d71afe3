// Linear attention and state spaces: projections, a short convolution, a recurrence over a state of constant size a
// head, and a gated norm before the output.
//
// A prefill takes the sequence in chunks: within a chunk every token meets every other by matrix products, between
// chunks the state is carried (Dao and Gu, arXiv 2405.21060, section 6; Yang et al., arXiv 2406.06484, for the delta
// rule). A decoded token reads and writes every state once. No table has measured kernels of these: the products stand
// at the data sheet's rate, the states stream through memory, and triangular inverses, decays and cumulative sums,
// which are none of either, are not in them. Training's backward passes are not listed.
#include <algorithm>

#include "core/base/error.h"
#include "models/layers/kernels.h"
#include "models/layers/linear_ops.h"
#include "models/layers/norm_ops.h"
#include "models/layers/op_list.h"

namespace orrery::models {
namespace {

class Recurrence {
 public:
  Recurrence(const SublayerContext& context, OpList* ops)
      : c_(context),
        r_(*context.recurrence),
        s_(context.shape),
        tokens_(context.shape.tokens()),
        tensor_(context.shape.shard.tensor),
        heads_(r_.heads / tensor_),
        linears_(RecurrenceProjections(r_, context.spec.hidden, tensor_)),
        pass_(OverTokens(context)),
        ops_(ops) {}

  void Forward() {
    if (!c_.beside_attention) {
      const InBlock norm(ops_, Block::kNorm);
      AppendNorm(s_.shard, tokens_, c_.spec.hidden, "mixer norm", ops_);
    }
    const InBlock projection(ops_, Block::kProjection);
    // One cast of the input serves every projection of it.
    Operand input = c_.beside_attention ? Operand::kFp8 : Operand::kBf16;
    for (const Linear& linear : linears_.from_hidden) {
      AppendFprop(linear, pass_, input, "fprop", ops_);
      input = Operand::kFp8;
    }
    for (const Linear& linear : linears_.inner) AppendFprop(linear, pass_, Operand::kBf16, "fprop", ops_);
    Convolution();
    {
      const InBlock core(ops_, Block::kAttention);
      c_.pass == Pass::kDecode ? Update() : Scan();
    }
    AppendNorm(s_.shard, tokens_ * heads_, r_.value_dim, "mixer output norm", ops_);
    ops_->push_back(kernel::ResidualAdd(tokens_, linears_.output.in, "mixer output gate"));
    AppendFprop(linears_.output, pass_, Operand::kBf16, "fprop", ops_);
  }

 private:
  std::int64_t Channels() const { return CeilDiv(r_.channels(), tensor_); }

  /// Inputs read and results written, and in decode the last inputs of every sequence read and shifted.
  void Convolution() {
    if (r_.conv == 0) return;
    const std::int64_t kept = c_.pass == Pass::kDecode ? s_.batch.count() * (r_.conv - 1) : 0;
    ops_->push_back(kernel::Rows(OpKind::kCopy, tokens_, Channels(), Bytes{4 * (tokens_ + kept) * Channels()},
                                 "short convolution"));
  }

  /// Every state is read and written in FP32; what changes it is read and its result written in BF16. Drafted tokens
  /// are taken one after another while the state is at hand.
  void Update() {
    const std::int64_t state = 8 * heads_ * r_.key_dim * r_.value_dim * s_.batch.count();
    const std::int64_t inputs = 2 * tokens_ * (Channels() + heads_ * r_.value_dim);
    ops_->push_back(kernel::Rows(OpKind::kStateUpdate, s_.batch.count(), heads_ * r_.key_dim * r_.value_dim,
                                 Bytes{state + inputs}, "state update"));
  }

  void Product(std::int64_t chunks, std::int64_t m, std::int64_t n, std::int64_t k, const char* label) {
    ops_->push_back(
        {.kind = OpKind::kStateScan, .shape = GemmShape{m, n, k, heads_ * chunks}, .label = label});
  }

  /// Each product is a kernel of its own that reads its operands and writes its result, as the published
  /// implementations have them.
  void Scan() {
    std::int64_t chunks = 0, longest = 1;
    for (const SequenceSpan& s : s_.batch.sequences) {
      chunks += s.count * CeilDiv(s.tokens, r_.chunk);
      longest = std::max(longest, s.tokens);
    }
    const std::int64_t c = std::min<std::int64_t>(r_.chunk, longest);
    Product(chunks, c, c, r_.key_dim, "scan: queries on keys");
    if (r_.kind != RecurrenceKind::kMamba2) {
      // The delta rule: keys on keys, whose triangle is inverted, applied to keys and values; then what the state
      // already holds is taken from the values.
      Product(chunks, c, c, r_.key_dim, "scan: keys on keys");
      Product(chunks, c, r_.key_dim, c, "scan: corrected keys");
      Product(chunks, c, r_.value_dim, c, "scan: corrected values");
      Product(chunks, c, r_.value_dim, r_.key_dim, "scan: values less the state's");
    }
    Product(chunks, r_.key_dim, r_.value_dim, c, "scan: state of a chunk");
    Product(chunks, c, r_.value_dim, r_.key_dim, "scan: queries on the state");
    Product(chunks, c, r_.value_dim, c, "scan: scores on values");
  }

  const SublayerContext& c_;
  const RecurrenceSpec& r_;
  const LayerShape& s_;
  const std::int64_t tokens_;
  const int tensor_;
  const std::int64_t heads_;
  const RecurrenceLinears linears_;
  const LinearPass pass_;
  OpList* ops_;
};

}  // namespace

void AppendRecurrence(const SublayerContext& context, OpList* ops) {
  ORRERY_CHECK(context.pass == Pass::kForward || context.inference(),
               "a recurrence has no backward pass yet");
  Recurrence(context, ops).Forward();
}

}  // namespace orrery::models
