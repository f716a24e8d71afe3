// Attention of one layer in training: projections, rotary embedding, flash attention. MLA and MHA/GQA/MQA.
#pragma once

#include <vector>

#include "core/op/op.h"
#include "models/layers/layer_ops.h"
#include "models/layers/linear_ops.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// The projections of one layer. MLA: q_a, kv_a, q_b, kv_b, o (no q_a and "q" for q_b without query compression);
/// else qkv, o. Those of `from_hidden` read the layer's normed input.
struct AttentionLinears {
  std::vector<Linear> from_hidden;
  std::vector<Linear> up;  ///< MLA: from the latents to the heads
  Linear output;
};
AttentionLinears AttentionProjections(const ModelSpec& spec);

/// Flash attention's shape for one micro-batch.
AttentionShape FlashShape(const ModelSpec& spec, const TrainingShape& shape);

/// From the normed input to the output projection.
void AppendAttentionForward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);
/// From the gradient of the output projection's result to that of the normed input.
void AppendAttentionBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);
void AppendAttentionWeight(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);

}  // namespace orrery::models
