// Mixtures of experts on plain attention.
#include "models/spec/families/readers.h"

namespace orrery::models {
namespace {

void ReadMixtral(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->moe = ReadExperts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size");
  ReadLlama(c, spec);
}

/// OLMoE: all heads normed together.
void ReadOlmoe(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm_joint = true;
  spec->moe = ReadExperts(c, "num_experts", "num_experts_per_tok", "intermediate_size");
  c->Ignore({"clip_qkv"});
}

void ReadGraniteMoe(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"});
  ReadMixtral(c, spec);
  if (const Value* shared = c->Quiet("shared_intermediate_size")) {
    spec->moe->shared_intermediate = static_cast<int>(shared->AsInt(0, kMaxDimension));
    spec->moe->shared_experts = spec->moe->shared_intermediate > 0 ? 1 : 0;
  }
}

/// Phi-3.5-MoE: LayerNorms, and biases that the head has too.
void ReadPhiMoe(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"lm_head_bias", "input_jitter_noise", "original_max_position_embeddings"});
  ReadMixtral(c, spec);
  c->LeaveOut("LayerNorms are priced as RMSNorms, and the head's bias is not");
}

/// GLM-4.5, 4.6: DeepSeek-V3's experts on GQA; biases on query, key and value, norms on heads where the file says so.
void ReadGlm4Moe(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c);
  spec->attention = ReadGrouped(c);
  spec->attention.output_bias = false;
  spec->attention.qk_norm = c->Bool("use_qk_norm");
  spec->moe = ReadDeepSeekMoe(c, spec->layers);
  spec->mtp_modules = MtpModules(c);
}

/// dots.llm1: the same with norms on heads whatever the file says.
void ReadDots1(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = true;
  spec->moe = ReadDeepSeekMoe(c, spec->layers);
  c->Ignore({"max_window_layers"});
  ReadWindows(c, spec, [](int) { return false; });
}

/// MiniMax-M2: full attention in every layer, heads normed together, a sigmoid router without groups.
void ReadMiniMaxM2(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c);
  spec->attention = ReadGrouped(c);
  const Value* norm = c->Quiet("use_qk_norm");
  spec->attention.qk_norm_joint = norm == nullptr || norm->AsBool();
  spec->moe = ReadExperts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size");
  const Value* scoring = c->Quiet("scoring_func");
  spec->moe->sigmoid = scoring == nullptr || scoring->AsChoice({"softmax", "sigmoid"}) == 1;
  if (const Value* types = c->Quiet("attn_type_list")) {
    for (const Value& t : types->items())
      if (t.AsInt(0, 100) != 1)
        throw t.Error("not understood: only full attention (1) is modelled of this architecture");
  }
  c->Require({{"shared_intermediate_size", {"0"}, "shared experts are not modelled of this architecture"},
              {"qk_norm_type", {"per_layer"}, "other norms of queries and keys are not modelled"}});
  c->Ignore({"use_grouped_topk", "use_routing_bias", "shared_moe_mode", "rotary_dim", "swa_rope_theta",
             "layernorm_full_attention_alpha", "layernorm_full_attention_beta",
             "layernorm_linear_attention_alpha", "layernorm_linear_attention_beta", "layernorm_mlp_alpha",
             "layernorm_mlp_beta", "max_model_len", "mtp_transformer_layers", "num_mtp_modules",
             "attn_type_list"});
  const Value* mtp = c->Quiet("use_mtp");
  if (mtp != nullptr && mtp->AsBool()) c->LeaveOut("its MTP modules are left out");
}

/// Ling and Ring: of Bailing, version 1 and 2.
void ReadBailing(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c);
  spec->attention = ReadGrouped(c);
  spec->attention.qkv_bias = c->Bool("use_qkv_bias");
  spec->attention.output_bias = c->Bool("use_bias");
  spec->attention.qk_norm = c->Bool("use_qk_norm");
  spec->moe = ReadExperts(c, "num_experts", "num_experts_per_tok", "moe_intermediate_size");
  MoeSpec& m = *spec->moe;
  m.shared_experts = c->IntOr("num_shared_experts", 0);
  const Value* width = c->Quiet("moe_shared_expert_intermediate_size");
  m.shared_intermediate =
      m.shared_experts *
      (width != nullptr ? static_cast<int>(width->AsInt(1, kMaxDimension)) : m.intermediate);
  m.first_dense_layers = c->Int("first_k_dense_replace", 0);
  m.groups = c->IntOr("n_group", 1, 1);
  m.top_groups = c->IntOr("topk_group", m.groups, 1);
  m.sigmoid = c->Get("score_function").AsChoice({"softmax", "sigmoid"}) == 1;
  m.route_scale = c->Get("routed_scaling_factor").AsDouble(1e-6, 1e6);
  CheckMoe(c, "num_experts", m, spec->layers);
  spec->mtp_modules = MtpModules(c);
  c->Ignore({"moe_router_enable_expert_bias", "moe_router_enable_routed_scaling",
             "moe_router_topk_scaling_factor", "rotary_dim", "use_rmsnorm", "norm_head", "norm_softmax",
             "multi_gate", "router_type", "embedding_dropout", "output_dropout", "mtp_loss_scaling_factor",
             "router_dtype", "moe_shared_expert_overlap", "max_window_layers"});
  c->Require({{"use_sliding_window", {"false"}, "windows are not modelled of this architecture"}});
}

/// ERNIE-4.5: shared experts are one as wide as all of them; the router's bias corrects a softmax.
void ReadErnieMoe(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->moe = ReadExperts(c, "moe_num_experts", "moe_k", "moe_intermediate_size");
  MoeSpec& m = *spec->moe;
  m.shared_experts = c->IntOr("moe_num_shared_experts", 0);
  m.shared_intermediate = m.shared_experts * m.intermediate;
  const int first = c->Int("moe_layer_start_index", 0), interval = c->Int("moe_layer_interval");
  const auto end = c->Get("moe_layer_end_index").AsInt(-1, kMaxDimension);
  const int last = end < 0 || end >= spec->layers ? spec->layers - 1 : static_cast<int>(end);
  std::vector<LayerBlocks> layers;
  for (int i = 0; i < spec->layers; ++i) {
    const bool experts = i >= first && i <= last && (i + 1) % interval == 0;
    layers.emplace_back(experts ? LayerKind::kMoe : LayerKind::kDense);
  }
  SetLayers(layers, spec);
  spec->mtp_modules = MtpModules(c);
  c->Ignore({"moe_capacity", "moe_gate", "moe_use_aux_free", "moe_norm_min", "moe_group",
             "moe_aux_loss_lambda", "moe_norm_gate_logits", "moe_gate_act"});
}

/// The one value that a list of one a layer repeats.
int SameInEvery(const Value& value) {
  if (!value.is_list()) return static_cast<int>(value.AsInt(0, kMaxDimension));
  const std::int64_t first = value.items().empty() ? 0 : value.items().front().AsInt(0, kMaxDimension);
  for (const Value& item : value.items())
    if (item.AsInt(0, kMaxDimension) != first)
      throw item.Error("not understood: experts that differ from layer to layer");
  return static_cast<int>(first);
}

/// Hunyuan-A13B: a shared expert as wide as intermediate_size beside the routed ones.
void ReadHunyuanMoe(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadLlama(c, spec);
  const Value* norm = c->Quiet("use_qk_norm");
  spec->attention.qk_norm = norm == nullptr || norm->AsBool();
  MoeSpec m;
  m.routed_experts = SameInEvery(c->Get("num_experts"));
  m.top_k = SameInEvery(c->Get("moe_topk"));
  const Value* width = c->Quiet("moe_intermediate_size");
  m.intermediate = width != nullptr ? SameInEvery(*width) : c->Int("intermediate_size");
  const Value* mixed = c->Quiet("use_mixed_mlp_moe");
  if (mixed != nullptr && mixed->AsBool()) {
    const Value* shared = c->Quiet("num_shared_expert");
    m.shared_experts = shared != nullptr ? SameInEvery(*shared) : 1;
    m.shared_intermediate = m.shared_experts * c->Int("intermediate_size");
  }
  if (m.routed_experts < 1 || m.top_k < 1 || m.top_k > m.routed_experts)
    throw c->Get("moe_topk").Error("expected from 1 to num_experts");
  if (const Value* skipped = c->Quiet("moe_layer_num_skipped"))
    m.first_dense_layers = static_cast<int>(skipped->AsInt(0, spec->layers));
  spec->moe = m;
  c->Require({{"use_cla", {"false"}, "layers that share keys and values are not modelled"},
              {"use_mla", {"false"}, "latent attention of this class is not modelled"}});
  c->Ignore({"attention_head_dim",
             "cla_share_factor",
             "norm_type",
             "moe_drop_tokens",
             "moe_random_routing_dropped_token",
             "capacity_factor",
             "group_limited_greedy",
             "n_group",
             "topk_group",
             "kv_lora_rank",
             "q_lora_rank",
             "qk_nope_head_dim",
             "qk_rope_head_dim",
             "v_head_dim",
             "anyres_vit_max_image_size",
             "routed_scaling_factor",
             "enable_lm_head_fp32",
             "mlp_bias",
             "use_rotary_pos_emb",
             "add_classification_head",
             "class_num",
             "pool_type",
             "position_embedding_xdrope",
             "skip_cls_token"});
}

constexpr const char* kMixtral = R"({"num_key_value_heads": 8, "head_dim": null, "sliding_window": null,
  "max_position_embeddings": 131072, "tie_word_embeddings": false})";

constexpr const char* kOlmoe = R"({"num_key_value_heads": null, "head_dim": null,
  "max_position_embeddings": 4096, "tie_word_embeddings": false})";

constexpr const char* kGlm4Moe =
    R"({"num_key_value_heads": 8, "head_dim": null, "n_shared_experts": 1, "n_group": 1,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "routed_scaling_factor": 1.0,
  "first_k_dense_replace": 1, "use_qk_norm": false, "max_position_embeddings": 131072,
  "tie_word_embeddings": false})";

constexpr const char* kDots1 = R"({"num_key_value_heads": null, "head_dim": null, "n_shared_experts": null,
  "n_group": 1, "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "routed_scaling_factor": 1.0,
  "first_k_dense_replace": 0, "sliding_window": 4096, "max_position_embeddings": 2048,
  "tie_word_embeddings": false})";

constexpr const char* kMiniMaxM2 = R"({"num_key_value_heads": 8, "head_dim": 128,
  "max_position_embeddings": 196608, "tie_word_embeddings": false})";

/// configuration_bailing_moe_v2.py of inclusionAI/Ling-mini-2.0.
constexpr const char* kBailing2 = R"({"num_key_value_heads": 0, "head_dim": 128, "use_qkv_bias": false,
  "use_bias": true, "use_qk_norm": true, "num_shared_experts": 0, "first_k_dense_replace": 0, "n_group": 8,
  "topk_group": 4, "score_function": "sigmoid", "routed_scaling_factor": 2.5, "max_position_embeddings": 16384,
  "tie_word_embeddings": false})";

/// configuration_bailing_moe.py of inclusionAI/Ling-lite.
constexpr const char* kBailing = R"({"num_key_value_heads": 0, "head_dim": null, "use_qkv_bias": false,
  "use_bias": false, "use_qk_norm": false, "num_shared_experts": 0, "first_k_dense_replace": 0, "n_group": null,
  "topk_group": null, "score_function": "softmax", "routed_scaling_factor": 1.0, "max_position_embeddings": 16384,
  "tie_word_embeddings": false})";

constexpr const char* kErnieMoe = R"({"num_key_value_heads": 4, "head_dim": null, "moe_num_shared_experts": 2,
  "moe_layer_start_index": 1, "moe_layer_end_index": -1, "moe_layer_interval": 1, "max_position_embeddings": 131072,
  "tie_word_embeddings": true})";

constexpr const char* kHunyuanMoe = R"({"num_key_value_heads": null, "head_dim": null, "sliding_window": null,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

const FixedKey kNoUseBias = {"use_bias", {"false"}, "biases on all projections are not modelled"};

}  // namespace

std::vector<HuggingFaceFamily> MoeFamilies() {
  const std::vector<std::pair<std::string, std::string>> local = {{"num_experts", "num_local_experts"}};
  return {
      {"mixtral", {"MixtralForCausalLM"}, {"MixtralConfig", kMixtral, local}, {}, ReadMixtral},
      {"olmoe",
       {"OlmoeForCausalLM"},
       {"OlmoeConfig", kOlmoe, {{"num_local_experts", "num_experts"}}},
       {},
       ReadOlmoe},
      {"granitemoe", {"GraniteMoeForCausalLM"}, {"GraniteMoeConfig", kOlmoe, {}}, {}, ReadGraniteMoe},
      {"granitemoeshared",
       {"GraniteMoeSharedForCausalLM"},
       {"GraniteMoeSharedConfig", kOlmoe, {}},
       {},
       ReadGraniteMoe},
      {"phimoe", {"PhimoeForCausalLM", "PhiMoEForCausalLM"}, {"PhimoeConfig", kMixtral, {}}, {}, ReadPhiMoe},
      {"glm4_moe",
       {"Glm4MoeForCausalLM"},
       {"Glm4MoeConfig", kGlm4Moe, {{"num_experts", "n_routed_experts"}}},
       {},
       ReadGlm4Moe},
      {"glm4v_moe_text",
       {"Glm4vMoeTextModel", "Glm4vMoeForConditionalGeneration"},
       {"Glm4vMoeTextConfig", kGlm4Moe, {}},
       {},
       ReadGlm4Moe},
      {"dots1",
       {"Dots1ForCausalLM"},
       {"Dots1Config", kDots1, {{"num_local_experts", "n_routed_experts"}}},
       {},
       ReadDots1},
      {"minimax_m2", {"MiniMaxM2ForCausalLM"}, {"MiniMaxM2Config", kMiniMaxM2, local}, {}, ReadMiniMaxM2},
      {"minimax", {"MiniMaxM2ForCausalLM"}, {"MiniMaxM2Config", kMiniMaxM2, local}, {}, ReadMiniMaxM2},
      {"bailing_moe", {"BailingMoeForCausalLM"}, {"BailingMoeConfig", kBailing, {}}, {}, ReadBailing},
      {"bailing_moe_v2", {"BailingMoeV2ForCausalLM"}, {"BailingMoeV2Config", kBailing2, {}}, {}, ReadBailing},
      {"ernie4_5_moe",
       {"Ernie4_5_MoeForCausalLM", "Ernie4_5_MoEForCausalLM"},
       {"Ernie4_5_MoeConfig",
        kErnieMoe,
        {{"num_experts", "moe_num_experts"}, {"num_experts_per_tok", "moe_k"}}},
       {kNoUseBias},
       ReadErnieMoe},
      {"hunyuan_v1_moe",
       {"HunYuanMoEV1ForCausalLM"},
       {"HunYuanMoEV1Config", kHunyuanMoe, {}},
       {},
       ReadHunyuanMoe},
  };
}

}  // namespace orrery::models
