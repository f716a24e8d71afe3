// How many parameters the parts of a model have: the only place that counts them. Sizes of weights, gradients and
// optimizer states, operations by the usual 6 a parameter, and the GEMMs of a layer all follow from these.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/spec/model_spec.h"

namespace orrery::models {

/// A linear layer: a matrix of `out` x `in`.
struct Linear {
  std::string name;
  std::int64_t in = 0;
  std::int64_t out = 0;

  std::int64_t parameters() const { return in * out; }
};

/// The projections of one layer's attention. MLA: q_a, kv_a, q_b, kv_b, o (no q_a and "q" for q_b without query
/// compression); else qkv, o. A gate on the output is a part of qkv.
struct AttentionLinears {
  std::vector<Linear> from_hidden;  ///< read the layer's normed input
  std::vector<Linear> up;           ///< MLA: from the latents to the heads
  Linear output;

  std::int64_t parameters() const;
};
/// On one of `tensor` ranks that split the heads. Compressions are on every rank, a key/value head on several where
/// there are fewer heads than ranks.
AttentionLinears AttentionProjections(const AttentionSpec& attention, std::int64_t hidden, int tensor = 1);
inline AttentionLinears AttentionProjections(const ModelSpec& spec, int tensor = 1) {
  return AttentionProjections(spec.attention, spec.hidden, tensor);
}

/// The projections of an indexer (DeepSeek-V3.2 report, arXiv 2512.02556, section 2.1): its queries from the normed
/// query latent, its one key and the weights of its heads from the layer's normed input.
struct IndexerLinears {
  Linear query, key, weights;
  std::int64_t parameters() const { return query.parameters() + key.parameters() + weights.parameters(); }
};
IndexerLinears IndexerProjections(const AttentionSpec& mla, std::int64_t hidden);

/// The projections of a recurrence: those that read the layer's normed input, as few GEMMs as an engine makes of
/// them, those that read others' results, and the output.
struct RecurrenceLinears {
  std::vector<Linear> from_hidden, inner;
  Linear output;
  std::int64_t parameters() const;
};
/// On one of `tensor` ranks that split the heads.
RecurrenceLinears RecurrenceProjections(const RecurrenceSpec& recurrence, std::int64_t hidden,
                                        int tensor = 1);

/// A SwiGLU feed-forward of `width`: gate and up as one matrix, and down. Where it is not gated, up alone.
struct SwiGluLinears {
  Linear gate_up, down;
  std::int64_t width = 0;

  std::int64_t parameters() const { return gate_up.parameters() + down.parameters(); }
};
SwiGluLinears SwiGlu(const std::string& name, std::int64_t hidden, std::int64_t width, bool gated = true);

/// The projection of an MTP module, [hidden; embedding] to hidden (V3 report section 2.2).
Linear MtpProjection(const ModelSpec& spec);
/// Its norms but those of its layer: of hidden and embedding, and the one before the shared head.
std::int64_t MtpNormParameters(const ModelSpec& spec);

/// Parameters of one transformer layer.
struct LayerParameterCount {
  std::int64_t attention = 0;          ///< matrices of its mixer
  std::int64_t attention_vectors = 0;  ///< inner norms and biases
  std::int64_t norms = 0;              ///< before attention and feed-forward
  std::int64_t dense = 0;              ///< feed-forward of a dense layer
  std::int64_t shared_experts = 0;
  std::int64_t one_expert = 0;  ///< of the routed ones
  std::int64_t gate = 0;        ///< the router's matrix
  std::int64_t gate_bias = 0;  ///< of sigmoid routers: what balances without a loss (V3 report section 2.1.2)
  std::int64_t shared_gate = 0;

  std::int64_t router() const { return gate + gate_bias; }
  /// With `experts` of the routed ones.
  std::int64_t Total(std::int64_t experts) const {
    return attention + attention_vectors + norms + dense + shared_experts + shared_gate + router() +
           experts * one_expert;
  }
};
LayerParameterCount CountLayer(const ModelSpec& spec, LayerBlocks blocks);
/// Of a layer with the model's own attention.
inline LayerParameterCount CountLayer(const ModelSpec& spec, bool moe_layer) {
  return CountLayer(spec, LayerBlocks{moe_layer ? LayerKind::kMoe : LayerKind::kDense, kOwnMixer});
}
/// What an MTP module's layer has: the model's own attention, and experts where the model has any.
inline LayerBlocks MtpBlocks(const ModelSpec& spec) {
  return {spec.moe ? LayerKind::kMoe : LayerKind::kDense, kOwnMixer};
}

/// Parameters of each part of a model; biases and norms included.
struct ParameterCount {
  std::int64_t embedding = 0, head = 0;  ///< head is 0 when tied
  std::int64_t attention = 0;            ///< mixers of all layers of the main model
  std::int64_t dense_ffn = 0;
  std::int64_t router = 0, shared_experts = 0, routed_experts = 0;
  std::int64_t norms = 0;
  std::int64_t mtp = 0;            ///< MTP modules, without the shared embedding and head
  std::int64_t mtp_activated = 0;  ///< per token, without the shared embedding and head
  std::int64_t total = 0;          ///< main model, without MTP
  std::int64_t activated = 0;      ///< per token in the main model, embedding and head included
};
ParameterCount CountParameters(const ModelSpec& spec);

/// Parameters of the model's own attention in one layer: projections, inner norms, biases.
std::int64_t AttentionParameters(const ModelSpec& spec);

}  // namespace orrery::models
