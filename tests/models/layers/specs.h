// Small models of several kinds for property tests.
#pragma once

#include "models/parallel/stage_split.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// Grouped-query attention, dense, like Llama or Qwen3 with head norms.
inline ModelSpec GqaDense() {
  ModelSpec spec;
  spec.name = "gqa-dense";
  spec.layers = 8;
  spec.hidden = 1024;
  spec.vocabulary = 32000;
  spec.dense_intermediate = 2816;
  spec.attention = {.kind = AttentionKind::kGqa,
                    .heads = 16,
                    .kv_heads = 4,
                    .head_dim = 64,
                    .v_head_dim = 64,
                    .qk_norm = true};
  return spec;
}

/// Plain attention with softmax-routed experts, no groups, a gated shared expert, like Qwen2-MoE.
inline ModelSpec MhaMoe() {
  ModelSpec spec = GqaDense();
  spec.name = "mha-moe";
  spec.dense_intermediate = 0;
  spec.attention.kind = AttentionKind::kMha;
  spec.attention.kv_heads = 16;
  spec.attention.qk_norm = false;
  spec.moe = MoeSpec{.routed_experts = 16,
                     .shared_experts = 4,
                     .top_k = 4,
                     .intermediate = 512,
                     .shared_intermediate = 2048,
                     .shared_gate = true};
  return spec;
}

/// Latent attention without query compression, experts without shared ones, a first dense layer.
inline ModelSpec MlaNoQueryCompression() {
  ModelSpec spec = MhaMoe();
  spec.name = "mla-lite";
  spec.dense_intermediate = 4096;
  spec.attention = {.kind = AttentionKind::kMla,
                    .heads = 16,
                    .kv_heads = 16,
                    .head_dim = 128,
                    .rope_dim = 64,
                    .v_head_dim = 128,
                    .q_lora_rank = 0,
                    .kv_lora_rank = 512};
  spec.moe = MoeSpec{.routed_experts = 16,
                     .top_k = 4,
                     .intermediate = 512,
                     .first_dense_layers = 1,
                     .groups = 4,
                     .top_groups = 2,
                     .sigmoid = true};
  return spec;
}

/// One stage a rank, balanced by forward operations.
inline StageLayout EvenStages(const ModelSpec& spec, int stages, std::int64_t sequence) {
  return BalancedStageLayout(spec, MakeSchedule({ScheduleKind::k1F1B, stages, 1}), FlopCosts(spec, sequence));
}

inline std::vector<ModelSpec> AllKinds() {
  return {ModelPreset("deepseek-v3"), GqaDense(), MhaMoe(), MlaNoQueryCompression()};
}

}  // namespace orrery::models
