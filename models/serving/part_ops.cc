#include "models/serving/part_ops.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "models/layers/end_ops.h"

namespace orrery::models {
namespace {

using Ops = std::vector<PlacedOp>;

/// Bytes of one (token, expert) pair as it lies in the low-latency buffers: FP8 with its scales and a header, or BF16.
std::int64_t DispatchedBytes(const ModelSpec& spec, bool fp8) {
  return fp8 ? spec.hidden + spec.hidden / 128 * 4 + 16 : 2LL * spec.hidden;
}

/// A kernel that moves `bytes` in all.
Ops Moves(std::int64_t rows, std::int64_t cols, std::int64_t bytes, const char* label) {
  return {{{OpKind::kCopy, RowsShape{rows, cols, bytes}, label}, 1, Block::kExperts}};
}

std::int64_t RoutedRowsOf(const LayerShape& shape) {
  std::int64_t rows = 0;
  for (const std::int64_t of_expert : shape.batch.routed.expert_rows) rows += of_expert;
  return rows;
}

bool IsShared(const PlacedOp& o) { return o.block == Block::kSharedExperts; }

/// The sublayer of an MoE layer that stands `index`-th.
Ops Sub(const ModelSpec& spec, std::size_t index, Pass pass, const LayerShape& shape) {
  const LayerRef layer{LayerKind::kMoe};
  return SublayerOps(spec, layer, SublayersOf(spec, layer)[index], pass, shape);
}

Ops AttentionPart(const ModelSpec& spec, bool input, Pass pass, const LayerShape& shape) {
  Ops ops = Sub(spec, 0, pass, shape);
  const auto core =
      std::find_if(ops.begin(), ops.end(), [](const PlacedOp& o) { return o.block == Block::kAttention; });
  if (input) {
    ops.erase(core, ops.end());
    return ops;
  }
  ops.erase(ops.begin(), core);
  Ops behind = Sub(spec, 1, pass, shape);
  std::erase_if(behind, IsShared);  // the shared expert casts its input itself
  std::move(behind.begin(), behind.end(), std::back_inserter(ops));
  return ops;
}

Ops FeedForwardPart(const ModelSpec& spec, bool shared, Pass pass, const LayerShape& shape) {
  Ops ops;
  if (shared) {
    ops = Sub(spec, 1, pass, shape);
    std::erase_if(ops, [](const PlacedOp& o) { return !IsShared(o); });
    if (spec.moe->shared_intermediate == 0) ops.clear();
  }
  for (PlacedOp& o : Sub(spec, 2, pass, shape))
    if (IsShared(o) == shared) ops.push_back(std::move(o));
  return ops;
}

/// Softmax and draw: the logits are read, what a draw needs is written and read again.
Ops Sampling(const ModelSpec& spec, Pass pass, const LayerShape& shape) {
  const std::int64_t rows = pass == Pass::kPrefill ? shape.batch.count() : shape.tokens();
  return {{{OpKind::kCopy, RowsShape{rows, spec.vocabulary}, "sampling"}, 1, Block::kHead}};
}

}  // namespace

Ops PartOps(const ModelSpec& spec, ServedPart part, Pass pass, const LayerShape& shape) {
  const std::int64_t tokens = shape.tokens(), hidden = spec.hidden;
  const std::int64_t dispatched = DispatchedBytes(spec, shape.fp8());
  switch (part) {
    case ServedPart::kEmbedding:
      return EmbeddingOps(spec, pass, shape);
    case ServedPart::kDenseLayer:
      return LayerOps(spec, {LayerKind::kDense}, pass, shape);
    case ServedPart::kAttentionInput:
      return AttentionPart(spec, true, pass, shape);
    case ServedPart::kAttentionCore:
      return AttentionPart(spec, false, pass, shape);
    case ServedPart::kShared:
      return FeedForwardPart(spec, true, pass, shape);
    case ServedPart::kExperts:
      return FeedForwardPart(spec, false, pass, shape);
    case ServedPart::kDispatchSend:  // cast, then posted from where it lies
      return Moves(tokens, hidden, tokens * (2 * hidden + dispatched), "dispatch send");
    case ServedPart::kDispatchReceive: {  // from the buffers to where the grouped GEMM reads
      const std::int64_t rows = RoutedRowsOf(shape);
      return Moves(rows, hidden, 2 * rows * dispatched, "dispatch receive");
    }
    case ServedPart::kCombineSend: {
      const std::int64_t rows = RoutedRowsOf(shape);
      return Moves(rows, hidden, 4 * rows * hidden, "combine send");
    }
    case ServedPart::kCombineReceive:  // a token's top-k results summed
      return Moves(tokens, hidden, 2 * tokens * hidden * (spec.moe->top_k + 1), "combine receive");
    case ServedPart::kMtpInput:
      return MtpProjectionOps(spec, pass, shape);
    case ServedPart::kHead:
      return HeadOps(spec, pass, shape, {});
    case ServedPart::kSampling:
      return Sampling(spec, pass, shape);
    case ServedPart::kHost:
    case ServedPart::kDispatch:
    case ServedPart::kCombine:
      break;
  }
  return {};
}

}  // namespace orrery::models
