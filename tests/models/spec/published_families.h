// Facts of public config.json files, as their repositories have them, with the parameters that their authors publish.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace orrery::models {

/// What every decoder's file tells.
struct ConfigShape {
  int hidden, intermediate, layers, heads, kv_heads;
  int vocabulary, positions;
};

inline std::string ConfigJson(const std::string& type, const std::string& model_class, const ConfigShape& s,
                              const std::string& more) {
  return fmt::format(
      R"({{"architectures": ["{}"], "model_type": "{}", "hidden_size": {}, "intermediate_size": {},
        "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {}, "vocab_size": {},
        "max_position_embeddings": {}, "initializer_range": 0.02, "use_cache": true, "rms_norm_eps": 1e-06,
        "bos_token_id": 1, "eos_token_id": [1, 2], "torch_dtype": "bfloat16"{}{}}})",
      model_class, type, s.hidden, s.intermediate, s.layers, s.heads, s.kv_heads, s.vocabulary, s.positions,
      more.empty() ? "" : ", ", more);
}

/// A list that repeats `period` over `layers`: JSON strings or numbers as they stand.
inline std::string Repeated(const std::string& first, const std::string& last, int period, int layers) {
  std::string list;
  for (int i = 0; i < layers; ++i)
    list += (list.empty() ? "" : ", ") + ((i + 1) % period == 0 ? last : first);
  return "[" + list + "]";
}

/// What a publisher counts among the activated parameters, which are printed to a digit or two.
enum class Active {
  kAll,
  kNoEmbedding,  ///< of the look-up
  kNoEnds        ///< neither embedding nor head
};
/// And among all of them.
enum class Whole {
  kModel,
  kWithMtp,    ///< with its MTP module
  kCheckpoint  ///< with that module, which has an embedding and a head of its own there
};

struct PublishedModel {
  std::string name, json;
  double total_b;  ///< 10^9 parameters, to 0.5 % or half a unit where no more digits are printed
  double activated_b = 0, half_digit = 0;  ///< 0: dense; half a unit of the last digit printed
  Active active = Active::kAll;
  Whole whole = Whole::kModel;
};

inline std::string Glm4Moe(const ConfigShape& s, int experts, int width, int dense, const std::string& norm) {
  return ConfigJson("glm4_moe", "Glm4MoeForCausalLM", s,
                    fmt::format(R"("head_dim": 128, "attention_bias": true, "hidden_act": "silu",
                    "partial_rotary_factor": 0.5, "n_routed_experts": {}, "n_shared_experts": 1,
                    "num_experts_per_tok": 8, "moe_intermediate_size": {}, "first_k_dense_replace": {}, "n_group": 1,
                    "topk_group": 1, "norm_topk_prob": true, "use_qk_norm": {}, "routed_scaling_factor": 2.5,
                    "num_nextn_predict_layers": 1, "tie_word_embeddings": false, "rope_scaling": null)",
                                experts, width, dense, norm));
}

inline std::string Ling(const ConfigShape& s, int width, int dense, int groups) {
  return ConfigJson("bailing_moe_v2", "BailingMoeV2ForCausalLM", s,
                    fmt::format(R"("head_dim": 128, "num_experts": 256, "num_shared_experts": 1,
                    "num_experts_per_tok": 8, "moe_intermediate_size": {0}, "first_k_dense_replace": {1},
                    "n_group": {2}, "topk_group": 4, "score_function": "sigmoid", "routed_scaling_factor": 2.5,
                    "use_bias": false, "use_qkv_bias": false, "use_qk_norm": true, "use_rmsnorm": true,
                    "moe_router_enable_expert_bias": true, "moe_shared_expert_intermediate_size": {0},
                    "norm_head": false, "partial_rotary_factor": 0.5, "rotary_dim": 64, "router_dtype": "fp32",
                    "num_nextn_predict_layers": 0, "hidden_act": "silu", "tie_word_embeddings": false)",
                                width, dense, groups));
}

inline std::string Ernie(const ConfigShape& s, int top_k, int width, int shared, int first) {
  return ConfigJson("ernie4_5_moe", "Ernie4_5_MoeForCausalLM", s,
                    fmt::format(R"("moe_num_experts": 64, "moe_k": {}, "moe_intermediate_size": {},
                    "moe_num_shared_experts": {}, "moe_layer_start_index": {}, "moe_layer_end_index": {},
                    "moe_layer_interval": 1, "moe_capacity": [64, 64, 64], "moe_gate": "topk",
                    "moe_use_aux_free": true, "use_bias": false, "hidden_act": "silu",
                    "tie_word_embeddings": true)",
                                top_k, width, shared, first, s.layers - 1));
}

inline std::vector<PublishedModel> MoeModels() {
  const std::string hunyuan = fmt::format(
      R"("head_dim": 128, "attention_head_dim": 128, "num_experts": 64, "moe_topk": {}, "moe_intermediate_size": {},
      "num_shared_expert": {}, "use_mixed_mlp_moe": true, "moe_layer_num_skipped": 0, "use_qk_norm": true,
      "use_cla": false, "use_mla": false, "cla_share_factor": 2, "norm_type": "rms", "attention_bias": false,
      "mlp_bias": false, "hidden_act": "silu", "tie_word_embeddings": true, "sep_token_id": 127960,
      "rope_scaling": {{"alpha": 1000.0, "factor": 1.0, "type": "dynamic"}})",
      Repeated("8", "8", 1, 32), Repeated("3072", "3072", 1, 32), Repeated("1", "1", 1, 32));
  return {
      // GLM-4.5 report (arXiv 2508.06471) table 1: 355B and 32B, 106B and 12B; safetensors: 358B and 110B with MTP.
      {"GLM-4.5", Glm4Moe({5120, 12288, 92, 96, 8, 151552, 131072}, 160, 1536, 3, "true"), 358.3, 32, 0.5,
       Active::kNoEnds, Whole::kCheckpoint},
      {"GLM-4.5-Air", Glm4Moe({4096, 10944, 46, 96, 8, 151552, 131072}, 128, 1408, 1, "false"), 110.5, 12,
       0.5, Active::kNoEnds, Whole::kCheckpoint},
      // Model card: 230B and 10B; its safetensors hold 229B.
      {"MiniMax-M2",
       ConfigJson("minimax_m2", "MiniMaxM2ForCausalLM", {3072, 1536, 62, 48, 8, 200064, 196608},
                  fmt::format(R"("head_dim": 128, "num_local_experts": 256, "num_experts_per_tok": 8,
                  "attn_type_list": {}, "qk_norm_type": "per_layer", "use_qk_norm": true, "rotary_dim": 64,
                  "scoring_func": "sigmoid", "use_routing_bias": true, "shared_intermediate_size": 0,
                  "num_mtp_modules": 3, "mtp_transformer_layers": 1, "use_mtp": true, "hidden_act": "silu",
                  "tie_word_embeddings": false, "sliding_window": null)",
                              Repeated("1", "1", 1, 62))),
       229, 10, 0.5, Active::kNoEnds},
      // Model cards: 16B and 1.4B; 100B (safetensors: 103B) and 6.1B; 1T and about 50B.
      {"Ling-mini-2.0", Ling({2048, 5120, 20, 16, 4, 157184, 32768}, 512, 1, 8), 16, 1.4, 0.05},
      {"Ling-flash-2.0", Ling({4096, 9216, 32, 32, 4, 157184, 32768}, 1024, 1, 8), 103, 6.1, 0.06},
      {"Ling-1T", Ling({8192, 18432, 80, 64, 8, 157184, 32768}, 2048, 4, 8), 1000, 50, 1.5},
      // ERNIE 4.5 report (2025) table 1: 21B (safetensors: 22B) and 3B, 300B and 47B.
      {"ERNIE-4.5-21B-A3B", Ernie({2560, 12288, 28, 20, 4, 103424, 131072}, 6, 1536, 2, 1), 22, 3, 0.5},
      {"ERNIE-4.5-300B-A47B", Ernie({8192, 28672, 54, 64, 8, 103424, 131072}, 8, 3584, 0, 3), 300, 47, 0.5},
      // OLMoE (arXiv 2409.02060) table 1.
      {"OLMoE-1B-7B",
       ConfigJson("olmoe", "OlmoeForCausalLM", {2048, 1024, 16, 16, 16, 50304, 4096},
                  R"("num_experts": 64, "num_experts_per_tok": 8, "norm_topk_prob": false, "clip_qkv": null,
                  "hidden_act": "silu", "attention_bias": false, "router_aux_loss_coef": 0.01,
                  "tie_word_embeddings": false)"),
       6.9, 1.3, 0.05},
      // dots.llm1 (arXiv 2506.05767): 142B (safetensors: 143B) and 14B.
      {"dots.llm1",
       ConfigJson("dots1", "Dots1ForCausalLM", {4096, 10944, 62, 32, 32, 152064, 32768},
                  R"("n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6,
                  "moe_intermediate_size": 1408, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
                  "norm_topk_prob": true, "routed_scaling_factor": 2.5, "scoring_func": "noaux_tc",
                  "hidden_act": "silu", "attention_bias": false, "sliding_window": null, "max_window_layers": 62,
                  "use_sliding_window": false, "tie_word_embeddings": false, "rope_scaling": null)"),
       143, 14, 0.5},
      // Model card: 80B and 13B.
      {"Hunyuan-A13B",
       ConfigJson("hunyuan_v1_moe", "HunYuanMoEV1ForCausalLM", {4096, 3072, 32, 32, 8, 128167, 32768},
                  hunyuan),
       80, 13, 0.5},
      // Model card: 41.9B and 6.6B.
      {"Phi-3.5-MoE",
       ConfigJson(
           "phimoe", "PhiMoEForCausalLM", {4096, 6400, 32, 32, 8, 32064, 131072},
           R"("num_local_experts": 16, "num_experts_per_tok": 2, "attention_bias": true, "lm_head_bias": true,
                  "hidden_act": "silu", "input_jitter_noise": 0.01, "sliding_window": 131072,
                  "original_max_position_embeddings": 4096, "tie_word_embeddings": false,
                  "rope_scaling": {"type": "longrope", "long_factor": [1.0], "short_factor": [1.0]})"),
       41.9, 6.6, 0.05},
      // Model card: 3.3B and 800M.
      {"Granite-3.1-3B-A800M",
       ConfigJson("granitemoe", "GraniteMoeForCausalLM", {1536, 512, 32, 24, 8, 49155, 131072},
                  R"("num_local_experts": 40, "num_experts_per_tok": 8, "attention_multiplier": 0.015625,
                  "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "logits_scaling": 6.0,
                  "hidden_act": "silu", "attention_bias": false, "tie_word_embeddings": true,
                  "router_aux_loss_coef": 0.0)"),
       3.3, 0.8, 0.05, Active::kNoEnds},
      // By name: 30B and 3B.
      {"GLM-4.7-Flash",
       ConfigJson("glm4_moe_lite", "Glm4MoeLiteForCausalLM", {2048, 10240, 47, 20, 20, 154880, 202752},
                  R"("hidden_act": "silu", "q_lora_rank": 768, "kv_lora_rank": 512, "qk_nope_head_dim": 192,
                  "qk_rope_head_dim": 64, "v_head_dim": 256, "n_routed_experts": 64, "n_shared_experts": 1,
                  "num_experts_per_tok": 4, "moe_intermediate_size": 1536, "first_k_dense_replace": 1, "n_group": 1,
                  "topk_group": 1, "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 1.8,
                  "num_nextn_predict_layers": 1, "attention_bias": false, "tie_word_embeddings": false)"),
       30, 3, 0.5, Active::kNoEnds},
      // DeepSeekMoE (arXiv 2401.06066) table 1: 16.4B and 2.8B.
      {"DeepSeekMoE-16B",
       ConfigJson("deepseek", "DeepseekForCausalLM", {2048, 10944, 28, 16, 16, 102400, 4096},
                  R"("n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
                  "moe_intermediate_size": 1408, "first_k_dense_replace": 1, "moe_layer_freq": 1,
                  "norm_topk_prob": false, "scoring_func": "softmax", "hidden_act": "silu", "attention_bias": false,
                  "tie_word_embeddings": false)"),
       16.4, 2.8, 0.05},
  };
}

inline std::string Dense(const std::string& type, const std::string& model_class, const ConfigShape& s,
                         bool tied, const std::string& more) {
  return ConfigJson(type, model_class, s,
                    fmt::format(R"("hidden_act": "silu", "tie_word_embeddings": {}{}{})", tied,
                                more.empty() ? "" : ", ", more));
}

inline std::vector<PublishedModel> DenseModels() {
  return {
      // Phi-4 report (arXiv 2412.08905): 14B; its safetensors hold 14.66B. Phi-3 (arXiv 2404.14219): 3.8B.
      {"Phi-4",
       Dense("phi3", "Phi3ForCausalLM", {5120, 17920, 40, 40, 10, 100352, 16384}, false,
             R"("attention_bias": false, "sliding_window": null, "original_max_position_embeddings": 16384,
             "partial_rotary_factor": 1.0, "rope_scaling": null, "embd_pdrop": 0.0, "resid_pdrop": 0.0)"),
       14.66},
      {"Phi-3-mini-128k",
       Dense("phi3", "Phi3ForCausalLM", {3072, 8192, 32, 32, 32, 32064, 131072}, false,
             R"("attention_bias": false, "sliding_window": 262144, "original_max_position_embeddings": 4096,
             "rope_scaling": {"type": "longrope", "long_factor": [1.0], "short_factor": [1.0]})"),
       3.821},
      // OLMo 2 (arXiv 2501.00656): 13.7B and 32.2B in their safetensors.
      {"OLMo-2-13B",
       Dense("olmo2", "Olmo2ForCausalLM", {5120, 13824, 40, 40, 40, 100352, 4096}, false,
             R"("attention_bias": false)"),
       13.72},
      {"OLMo-2-32B",
       Dense("olmo2", "Olmo2ForCausalLM", {5120, 27648, 64, 40, 8, 100352, 4096}, false,
             R"("attention_bias": false)"),
       32.23},
      // Model cards and safetensors: 8.17B; 32.6B; 36.2B; 3.08B; with its MTP module 7.83B.
      {"Granite-3.1-8B",
       Dense("granite", "GraniteForCausalLM", {4096, 12800, 40, 32, 8, 49155, 131072}, true,
             R"("attention_bias": false, "mlp_bias": false, "attention_multiplier": 0.0078125,
             "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "logits_scaling": 16.0)"),
       8.17},
      {"GLM-4-32B-0414",
       Dense("glm4", "Glm4ForCausalLM", {6144, 23040, 61, 48, 2, 151552, 32768}, false,
             R"("attention_bias": false, "head_dim": 128, "partial_rotary_factor": 0.5)"),
       32.6},
      {"Seed-OSS-36B",
       Dense("seed_oss", "SeedOssForCausalLM", {5120, 27648, 64, 80, 8, 155136, 524288}, false,
             R"("attention_bias": true, "attention_out_bias": false, "head_dim": 128, "mlp_bias": false,
             "residual_dropout": 0.1, "rope_scaling": {"rope_type": "default"})"),
       36.2},
      {"SmolLM3-3B",
       Dense("smollm3", "SmolLM3ForCausalLM", {2048, 11008, 36, 16, 4, 128256, 65536}, true,
             fmt::format(R"("attention_bias": false, "mlp_bias": false, "no_rope_layer_interval": 4,
                         "no_rope_layers": {}, "layer_types": {}, "use_sliding_window": false,
                         "sliding_window": null, "max_window_layers": 28, "rope_scaling": null)",
                         Repeated("1", "0", 4, 36),
                         Repeated(R"("full_attention")", R"("full_attention")", 4, 36))),
       3.08},
      // EXAONE 4.0 (arXiv 2507.11407): 32B. OLMo 3 (2025): 32.2B in its safetensors.
      {"EXAONE-4.0-32B",
       Dense("exaone4", "Exaone4ForCausalLM", {5120, 27392, 64, 40, 8, 102400, 131072}, false,
             R"("head_dim": 128, "sliding_window": 4096, "sliding_window_pattern": "LLLG", "layer_types": )" +
                 Repeated(R"("sliding_attention")", R"("full_attention")", 4, 64)),
       32},
      {"OLMo-3-32B",
       Dense("olmo3", "Olmo3ForCausalLM", {5120, 27648, 64, 40, 8, 100278, 65536}, false,
             R"("attention_bias": false, "sliding_window": 4096, "layer_types": )" +
                 Repeated(R"("sliding_attention")", R"("full_attention")", 4, 64)),
       32.2},
      // Safetensors: 9.40B; 7.74B; 2.72B; 6.89B; 8.54B; 7.50B.
      {"GLM-4-9B",
       Dense("glm", "GlmForCausalLM", {4096, 13696, 40, 32, 2, 151552, 131072}, false,
             R"("attention_bias": true, "head_dim": 128, "partial_rotary_factor": 0.5)"),
       9.4},
      {"InternLM2.5-7B",
       Dense("internlm2", "InternLM2ForCausalLM", {4096, 14336, 32, 32, 8, 92544, 32768}, false,
             R"("bias": false, "attn_implementation": "eager", "pretraining_tp": 1,
             "rope_scaling": {"factor": 2.0, "type": "dynamic"})"),
       7.74},
      {"MiniCPM-2B",
       Dense("minicpm", "MiniCPMForCausalLM", {2304, 5760, 40, 36, 36, 122753, 4096}, true,
             R"("scale_emb": 12, "dim_model_base": 256, "scale_depth": 1.4, "rope_scaling": null)"),
       2.72},
      {"OLMo-7B",
       Dense("olmo", "OlmoForCausalLM", {4096, 11008, 32, 32, 32, 50304, 2048}, false,
             R"("attention_bias": false, "clip_qkv": null)"),
       6.89},
      {"Gemma-7B",
       ConfigJson("gemma", "GemmaForCausalLM", {3072, 24576, 28, 16, 16, 256000, 8192},
                  R"("head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "hidden_activation": null,
                  "attention_bias": false)"),
       8.54},
      {"Hunyuan-7B",
       Dense(
           "hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", {4096, 14336, 32, 32, 8, 128256, 32768}, true,
           R"("head_dim": 128, "attention_head_dim": 128, "use_qk_norm": true, "use_cla": false, "mlp_bias": false,
             "attention_bias": false, "norm_type": "rms", "rope_scaling": {"alpha": 1000.0, "factor": 1.0,
             "type": "dynamic"})"),
       7.5},
      {"MiMo-7B",
       Dense(
           "mimo", "MiMoForCausalLM", {4096, 11008, 36, 32, 8, 151680, 32768}, false,
           R"("attention_bias": true, "head_dim": 128, "num_nextn_predict_layers": 1, "sliding_window": 4096,
             "use_sliding_window": false, "max_window_layers": 28, "rope_scaling": null)"),
       7.83, 0, 0, Active::kAll, Whole::kWithMtp},
  };
}

inline std::string GptOss(int layers, int experts) {
  return ConfigJson(
      "gpt_oss", "GptOssForCausalLM", {2880, 2880, layers, 64, 8, 201088, 131072},
      fmt::format(R"("head_dim": 64, "num_local_experts": {0}, "num_experts_per_tok": 4,
                    "experts_per_token": 4, "attention_bias": true, "sliding_window": 128, "layer_types": {1},
                    "swiglu_limit": 7.0, "initial_context_length": 4096, "hidden_act": "silu",
                    "router_aux_loss_coef": 0.9, "tie_word_embeddings": false, "rope_scaling": {{"rope_type": "yarn",
                    "factor": 32.0, "original_max_position_embeddings": 4096, "truncate": false}},
                    "quantization_config": {{"quant_method": "mxfp4"}})",
                  experts, Repeated(R"("sliding_attention")", R"("full_attention")", 2, layers)));
}

/// As nested in a Gemma-3 file, which leaves most keys out.
inline std::string Gemma3(int hidden, int intermediate, int layers, int heads, int kv_heads, int head_dim) {
  return fmt::format(R"({{"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
    "boi_token_index": 255999, "image_token_index": 262144, "mm_tokens_per_image": 256,
    "text_config": {{"model_type": "gemma3_text", "hidden_size": {}, "intermediate_size": {},
    "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {}, "head_dim": {},
    "query_pre_attn_scalar": 168, "rope_scaling": {{"factor": 8.0, "rope_type": "linear"}}, "sliding_window": 1024}},
    "vision_config": {{"hidden_size": 1152, "model_type": "siglip_vision_model"}}}})",
                     hidden, intermediate, layers, heads, kv_heads, head_dim);
}

inline std::string Llama4(int experts, int step, const std::string& norm) {
  const std::string text =
      ConfigJson("llama4_text", "Llama4ForCausalLM", {5120, 8192, 48, 40, 8, 202048, 1048576},
                 fmt::format(R"("head_dim": 128, "intermediate_size_mlp": 16384, "num_local_experts": {},
      "num_experts_per_tok": 1, "interleave_moe_layer_step": {}, "attention_chunk_size": 8192, "no_rope_layers": {},
      "attn_temperature_tuning": 4, "floor_scale": 8192, "attn_scale": 0.1, "use_qk_norm": {},
      "attention_bias": false, "hidden_act": "silu", "for_llm_compressor": false, "tie_word_embeddings": false,
      "rope_scaling": null)",
                             experts, step, Repeated("1", "0", 4, 48), norm));
  return R"({"model_type": "llama4", "architectures": ["Llama4ForConditionalGeneration"], "boi_token_index": 200080,
    "eoi_token_index": 200081, "image_token_index": 200092, "tie_word_embeddings": false, "text_config": )" +
         text + R"(, "vision_config": {"model_type": "llama4_vision_model", "hidden_size": 1408}})";
}

inline std::string MiMoV2() {
  std::string hybrid = "[0", experts = "[0";
  for (int i = 1; i < 48; ++i) {
    hybrid += (i + 1) % 6 == 0 ? ", 0" : ", 1";
    experts += ", 1";
  }
  return ConfigJson("mimo_v2_flash", "MiMoV2FlashForCausalLM", {4096, 16384, 48, 64, 4, 152576, 262144},
                    fmt::format(R"("head_dim": 192, "v_head_dim": 128, "swa_num_attention_heads": 64,
                    "swa_num_key_value_heads": 8, "swa_head_dim": 192, "swa_v_head_dim": 128, "sliding_window": 128,
                    "sliding_window_size": 128, "hybrid_layer_pattern": {}], "moe_layer_freq": {}],
                    "add_swa_attention_sink_bias": true, "add_full_attention_sink_bias": false,
                    "n_routed_experts": 256, "n_shared_experts": null, "num_experts_per_tok": 8,
                    "moe_intermediate_size": 2048, "n_group": 1, "topk_group": 1, "scoring_func": "sigmoid",
                    "topk_method": "noaux_tc", "routed_scaling_factor": null, "norm_topk_prob": true,
                    "attention_bias": false, "attention_value_scale": 0.707, "attention_chunk_size": 128,
                    "partial_rotary_factor": 0.334, "swa_rope_theta": 10000, "hidden_act": "silu",
                    "layernorm_epsilon": 1e-05, "tie_word_embeddings": false)",
                                hybrid, experts));
}

inline std::vector<PublishedModel> WindowModels() {
  return {
      // gpt-oss model card (arXiv 2508.10925) table 1, which counts no embedding among the activated.
      {"gpt-oss-120b", GptOss(36, 128), 116.83, 5.13, 0.005, Active::kNoEmbedding},
      {"gpt-oss-20b", GptOss(24, 32), 20.91, 3.61, 0.005, Active::kNoEmbedding},
      // Gemma 3 report (arXiv 2503.19786) table 1, embedding and other parameters.
      {"Gemma-3-27B", Gemma3(5376, 21504, 62, 32, 16, 128), 1.416 + 25.6},
      {"Gemma-3-12B", Gemma3(3840, 15360, 48, 16, 8, 256), 1.012 + 10.759},
      // Gemma 2 report (arXiv 2408.00118) table 2.
      {"Gemma-2-9B",
       ConfigJson(
           "gemma2", "Gemma2ForCausalLM", {3584, 14336, 42, 16, 8, 256000, 8192},
           R"("head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh",
                  "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 256,
                  "sliding_window": 4096, "attention_bias": false, "cache_implementation": "hybrid")"),
       0.918 + 8.324},
      // Model card: 109B and 17B, 400B and 17B; Scout's safetensors hold 108.64B, 0.87B of them its vision tower.
      {"Llama-4-Scout", Llama4(16, 1, "true"), 108.64 - 0.87, 17, 0.5},
      {"Llama-4-Maverick", Llama4(128, 2, "false"), 400, 17, 0.5},
      // Model card: 309B and 15B.
      {"MiMo-V2-Flash", MiMoV2(), 309, 15, 0.5},
  };
}

inline std::string DeepSeekV32() {
  return ConfigJson(
      "deepseek_v32", "DeepseekV32ForCausalLM", {7168, 18432, 61, 128, 128, 129280, 163840},
      R"("q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
                    "v_head_dim": 128, "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
                    "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "moe_layer_freq": 1, "n_group": 8,
                    "topk_group": 4, "routed_scaling_factor": 2.5, "norm_topk_prob": true, "scoring_func": "sigmoid",
                    "topk_method": "noaux_tc", "num_nextn_predict_layers": 1, "index_head_dim": 128,
                    "index_n_heads": 64, "index_topk": 2048, "attention_bias": false, "ep_size": 1,
                    "hidden_act": "silu", "tie_word_embeddings": false, "rope_scaling": {"type": "yarn",
                    "factor": 40, "original_max_position_embeddings": 4096},
                    "quantization_config": {"quant_method": "fp8", "scale_fmt": "ue8m0"})");
}

inline std::string Glm5() {
  return ConfigJson(
      "glm_moe_dsa", "GlmMoeDsaForCausalLM", {6144, 12288, 78, 64, 64, 154880, 202752},
      R"("q_lora_rank": 2048, "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64,
                    "qk_head_dim": 256, "v_head_dim": 256, "head_dim": 64, "n_routed_experts": 256,
                    "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
                    "first_k_dense_replace": 3, "moe_layer_freq": 1, "n_group": 1, "topk_group": 1,
                    "routed_scaling_factor": 2.5, "norm_topk_prob": true, "scoring_func": "sigmoid",
                    "topk_method": "noaux_tc", "num_nextn_predict_layers": 1, "index_head_dim": 128,
                    "index_n_heads": 32, "index_topk": 2048, "indexer_rope_interleave": true, "attention_bias": false,
                    "ep_size": 1, "hidden_act": "silu", "tie_word_embeddings": false,
                    "rope_parameters": {"rope_theta": 1000000, "rope_type": "default"})");
}

inline std::vector<PublishedModel> SparseModels() {
  return {
      // DeepSeek-V3's 671B and 37B (report arXiv 2512.02556 gives no count of its own) and the indexers.
      {"DeepSeek-V3.2", DeepSeekV32(), 671, 37, 0.5, Active::kNoEmbedding},
      // Model card: 744B and 40B.
      {"GLM-5", Glm5(), 744, 40, 0.5, Active::kNoEnds},
  };
}

inline std::string QwenNext() {
  return ConfigJson("qwen3_next", "Qwen3NextForCausalLM", {2048, 5120, 48, 16, 2, 151936, 262144},
                    R"("head_dim": 256, "full_attention_interval": 4, "linear_conv_kernel_dim": 4,
                    "linear_key_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
                    "linear_value_head_dim": 128, "num_experts": 512, "num_experts_per_tok": 10,
                    "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "decoder_sparse_step": 1,
                    "mlp_only_layers": [], "norm_topk_prob": true, "partial_rotary_factor": 0.25,
                    "attention_bias": false, "hidden_act": "silu", "router_aux_loss_coef": 0.001,
                    "tie_word_embeddings": false, "rope_scaling": null)");
}

inline std::string KimiLinear() {
  return R"({"architectures": ["KimiLinearForCausalLM"], "model_type": "kimi_linear", "hidden_size": 2304,
    "intermediate_size": 9216, "num_hidden_layers": 27, "num_attention_heads": 32, "num_key_value_heads": 32,
    "vocab_size": 163840, "model_max_length": 1048576, "head_dim": 72, "kv_lora_rank": 512, "q_lora_rank": null,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "mla_use_nope": true, "num_experts": 256,
    "num_experts_per_token": 8, "num_shared_experts": 1, "moe_intermediate_size": 1024, "first_k_dense_replace": 1,
    "moe_layer_freq": 1, "moe_renormalize": true, "moe_router_activation_func": "sigmoid", "num_expert_group": 1,
    "topk_group": 1, "routed_scaling_factor": 2.446, "use_grouped_topk": true, "num_nextn_predict_layers": 0,
    "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0,
    "tie_word_embeddings": false, "linear_attn_config": {"head_dim": 128, "num_heads": 32,
    "short_conv_kernel_size": 4, "full_attn_layers": [4, 8, 12, 16, 20, 24, 27],
    "kda_layers": [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21, 22, 23, 25, 26]}})";
}

inline std::string NemotronH(const ConfigShape& s, const std::string& pattern, int mamba_heads, int mamba_dim,
                             const std::string& more) {
  return ConfigJson("nemotron_h", "NemotronHForCausalLM", s,
                    fmt::format(R"("head_dim": 128, "hybrid_override_pattern": "{}", "mamba_num_heads": {},
                    "mamba_head_dim": {}, "n_groups": 8, "ssm_state_size": 128, "conv_kernel": 4, "chunk_size": 128,
                    "expand": 2, "mamba_hidden_act": "silu", "mamba_proj_bias": false, "mlp_bias": false,
                    "mlp_hidden_act": "relu2", "use_bias": false, "use_conv_bias": true, "attention_bias": false,
                    "use_mamba_kernels": true, "residual_in_fp32": false, "time_step_floor": 0.0001,
                    "time_step_limit": [0.0, 1e30], "time_step_max": 0.1, "time_step_min": 0.001,
                    "num_logits_to_keep": 1, "rescale_prenorm_residual": true, "layer_norm_epsilon": 1e-05,
                    "sliding_window": null, "tie_word_embeddings": false{})",
                                pattern, mamba_heads, mamba_dim, more));
}

inline std::string Qwen35(const ConfigShape& s, int experts, int top_k, int width, int value_heads) {
  const std::string text =
      ConfigJson("qwen3_5_moe_text", "Qwen3_5MoeForCausalLM", s,
                 fmt::format(R"("head_dim": 256, "attn_output_gate": true, "full_attention_interval": 4,
      "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
      "linear_num_value_heads": {}, "linear_value_head_dim": 128, "mamba_ssm_dtype": "float32", "num_experts": {},
      "num_experts_per_tok": {}, "moe_intermediate_size": {}, "shared_expert_intermediate_size": {},
      "mtp_num_hidden_layers": 1, "mtp_use_dedicated_embeddings": false, "partial_rotary_factor": 0.25,
      "attention_bias": false, "hidden_act": "silu", "router_aux_loss_coef": 0.001,
      "rope_parameters": {{"mrope_interleaved": true, "rope_type": "default", "rope_theta": 10000000}})",
                             value_heads, experts, top_k, width, width));
  return R"({"model_type": "qwen3_5_moe", "architectures": ["Qwen3_5MoeForConditionalGeneration"],
    "image_token_id": 248056, "tie_word_embeddings": false, "vision_config": {"depth": 27}, "text_config": )" +
         text + "}";
}

inline std::vector<PublishedModel> HybridModels() {
  const std::string granite_layers = [] {
    std::string list;
    for (int i = 0; i < 40; ++i)
      list += (i == 0 ? "" : ", ") + std::string(i % 10 == 5 ? R"("attention")" : R"("mamba")");
    return "[" + list + "]";
  }();
  return {
      // Model card: 80B and 3B, 79B without embeddings.
      {"Qwen3-Next-80B-A3B", QwenNext(), 80, 3, 0.5, Active::kNoEnds},
      // By name: 397B and 17B; 35B and 3B.
      {"Qwen3.5-397B-A17B", Qwen35({4096, 4096, 60, 32, 2, 248320, 262144}, 512, 10, 1024, 64), 397, 17, 0.5},
      {"Qwen3.5-35B-A3B", Qwen35({2048, 2048, 40, 16, 2, 248320, 262144}, 256, 8, 512, 32), 35, 3, 0.5},
      // Kimi Linear (arXiv 2510.26692): 48B and 3B; its safetensors hold 49B.
      {"Kimi-Linear-48B-A3B", KimiLinear(), 49, 3, 0.5},
      // Nemotron-H (arXiv 2504.03624) table 1: 8B; Nemotron Nano 2 (arXiv 2508.14444): 8.9B. Safetensors: 8.10B, 8.89B.
      {"Nemotron-H-8B",
       NemotronH({4096, 21504, 52, 32, 8, 131072, 8192},
                 "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", 128, 64, ""),
       8.10},
      {"Nemotron-Nano-9B-v2",
       NemotronH({4480, 15680, 56, 40, 8, 131072, 131072},
                 "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-", 128, 80, ""),
       8.89},
      // Nemotron 3 Nano report: 31.6B, and 3.2B activated without embeddings.
      {"Nemotron-3-Nano-30B-A3B",
       NemotronH({2688, 1856, 52, 32, 2, 131072, 262144},
                 "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME", 64, 64,
                 R"(, "n_routed_experts": 128, "n_shared_experts": 1, "num_experts_per_tok": 6,
                 "moe_intermediate_size": 1856, "moe_shared_expert_intermediate_size": 3712, "n_group": 1,
                 "topk_group": 1, "norm_topk_prob": true, "routed_scaling_factor": 2.5)"),
       31.6, 3.2, 0.05, Active::kNoEmbedding},
      // Falcon-H1 (arXiv 2507.22448) table 1: 0.5B and 34B; safetensors: 0.521B, 33.6B.
      {"Falcon-H1-0.5B",
       ConfigJson("falcon_h1", "FalconH1ForCausalLM", {1024, 2048, 36, 8, 2, 32784, 16384},
                  R"("head_dim": 64, "mamba_d_ssm": 1536, "mamba_n_heads": 24, "mamba_d_head": 64,
                  "mamba_n_groups": 1, "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_chunk_size": 128,
                  "mamba_expand": 2, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": false,
                  "mamba_norm_before_gate": false, "mamba_use_mlp": true, "attention_bias": false, "mlp_bias": false,
                  "projectors_bias": false, "attention_in_multiplier": 1.0, "attention_out_multiplier": 0.9375,
                  "embedding_multiplier": 5.65, "key_multiplier": 0.39, "lm_head_multiplier": 0.039,
                  "mlp_multipliers": [0.88, 0.58], "ssm_multipliers": [0.35, 0.25, 0.17, 0.5, 0.35],
                  "ssm_in_multiplier": 1.25, "ssm_out_multiplier": 0.23, "num_logits_to_keep": 1,
                  "hidden_act": "silu", "attn_layer_indices": null, "mlp_expansion_factor": 8,
                  "tie_word_embeddings": false)"),
       0.521},
      {"Falcon-H1-34B",
       ConfigJson("falcon_h1", "FalconH1ForCausalLM", {5120, 21504, 72, 20, 4, 261120, 262144},
                  R"("head_dim": 128, "mamba_d_ssm": 4096, "mamba_n_heads": 32, "mamba_d_head": 128,
                  "mamba_n_groups": 2, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_chunk_size": 256,
                  "mamba_expand": 2, "hidden_act": "silu", "attention_bias": false, "tie_word_embeddings": false)"),
       33.64},
      // Model card: 32B and 9B.
      {"Granite-4.0-H-Small",
       ConfigJson("granitemoehybrid", "GraniteMoeHybridForCausalLM", {4096, 768, 40, 32, 8, 100352, 131072},
                  R"("num_local_experts": 72, "num_experts_per_tok": 10, "shared_intermediate_size": 1536,
                  "mamba_n_heads": 128, "mamba_d_head": 64, "mamba_d_state": 128, "mamba_n_groups": 1,
                  "mamba_d_conv": 4, "mamba_expand": 2, "mamba_chunk_size": 256, "mamba_conv_bias": true,
                  "mamba_proj_bias": false, "position_embedding_type": "nope", "attention_multiplier": 0.0078125,
                  "embedding_multiplier": 12, "residual_multiplier": 0.22, "logits_scaling": 16,
                  "hidden_act": "silu", "attention_bias": false, "normalization_function": "rmsnorm",
                  "tie_word_embeddings": true, "layer_types": )" +
                      granite_layers),
       32, 9, 0.5},
  };
}

inline std::vector<PublishedModel> AllModels() {
  std::vector<PublishedModel> all;
  for (const auto& of : {MoeModels, DenseModels, WindowModels, SparseModels, HybridModels}) {
    for (PublishedModel& m : of()) all.push_back(std::move(m));
  }
  return all;
}

}  // namespace orrery::models
