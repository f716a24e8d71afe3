// What latent and grouped attention have in common: the norm before them, the kernel over the sequences, the output
// projection.
#pragma once

#include <string>

#include "models/layers/kernels.h"
#include "models/layers/linear_ops.h"
#include "models/layers/norm_ops.h"
#include "models/layers/op_list.h"

namespace orrery::models {

/// Sizes of one rank's attention, and the passes over its two ends. Heads are this rank's.
class AttentionLists {
 public:
  AttentionLists(const SublayerContext& context, OpList* ops);

 protected:
  std::int64_t HeadCols(int dim) const { return heads_ * dim; }
  std::int64_t KvCols(int dim) const { return kv_heads_ * dim; }
  /// The norm of the layer's input; it adds the residual stream on the way, in training (whose analysis counts its
  /// traffic without it) and when served.
  void InputNorm();
  /// From attention's result to the layer's, saved as training saves it.
  void OutputForward();
  /// The attention output from its saved form, the gradient through the output projection.
  void OutputBackward();
  /// The kernel with its preparation and conversion.
  void FlashBackward();
  /// Gradients of the projections that read the normed input, joined, and through the norm.
  void InputBackward();
  void WeightGradient();
  /// New tokens' entries written to the cache.
  void CacheWrite();
  /// A token's entry in this rank's part of the cache.
  Bytes CacheEntryBytes() const;
  /// Decode attention of `shape` over a cache of these bytes a token.
  void DecodeCore(AttentionShape shape);

  const SublayerContext& c_;
  const AttentionSpec& a_;
  const LayerShape& s_;
  const std::int64_t tokens_, heads_, kv_heads_;
  const AttentionLinears linears_;
  const LinearPass pass_;
  OpList* ops_;
};

}  // namespace orrery::models
