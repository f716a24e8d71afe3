// The kernels at the ends of the model: embedding, output head with its loss, and the projection of an MTP
// module.
#pragma once

#include <vector>

#include "core/op/op.h"
#include "models/layers/layer.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// Embedding look-up (forward, prefill, decode) and the accumulation of its gradient in FP32 (weight). Nothing in the input
/// pass.
std::vector<PlacedOp> EmbeddingOps(const ModelSpec& spec, Pass pass, const LayerShape& shape);

/// How the head bounds its logits. Unchunked, the softmax writes the logits' gradient in their place, and they
/// stay until the weight pass. Chunked, each chunk of tokens runs all three GEMMs in the forward pass and its
/// logits are dropped (Liger Kernel's fused linear cross-entropy), so the two other passes hold the norm alone.
struct HeadShape {
  std::int64_t chunk_tokens = 0;  ///< 0: unchunked
};

/// Final norm, BF16 GEMM to the vocabulary (V3 3.3.1 keeps the head in BF16), softmax cross-entropy. A prefill needs
/// the logits of each sequence's last token alone, and serving has no loss.
std::vector<PlacedOp> HeadOps(const ModelSpec& spec, Pass pass, const LayerShape& shape,
                              const HeadShape& head);

/// BF16 logits that live at a time.
Bytes LogitsBytes(const ModelSpec& spec, const LayerShape& shape, const HeadShape& head);

/// What an MTP module adds before its transformer layer (V3 2.2): the next tokens' embeddings, two norms, and the
/// projection of [hidden; embedding] to hidden. Its layer is LayerOps of an MoE layer (dense if the model is),
/// its loss HeadOps a second time.
std::vector<PlacedOp> MtpProjectionOps(const ModelSpec& spec, Pass pass, const LayerShape& shape);

}  // namespace orrery::models
