// Hybrids of softmax attention with linear attention or state spaces.
#include "models/spec/families/readers.h"

namespace orrery::models {
namespace {

/// Puts `recurrence` on the layers that `linear` names, the model's own attention on the others.
void SetRecurrence(const std::string& name, const RecurrenceSpec& recurrence, const std::vector<bool>& linear,
                   ModelSpec* spec) {
  spec->mixers = {{name, {}, recurrence}};
  std::vector<LayerBlocks> layers;
  for (int i = 0; i < spec->layers; ++i)
    layers.emplace_back(spec->BlocksOf(i).kind, linear[static_cast<std::size_t>(i)] ? 1 : kOwnMixer);
  SetLayers(layers, spec);
}

/// What is in no price of a recurrent mixer.
constexpr const char* kScanNote =
    "recurrent mixers: no kernel of theirs is measured; matrix products of a prefill's scan stand at the "
    "data sheet's "
    "rate, a decoded token streams the states (FP32), decays, cumulative sums and triangular inverses are "
    "left out";

/// Of layer_types, or else one layer of full attention after full_attention_interval - 1 linear ones.
std::vector<bool> LinearLayers(HuggingFaceConfig* c, int layers) {
  const std::vector<std::string> types = LayerTypes(c, layers, {"full_attention", "linear_attention"});
  const Value* interval = c->Quiet("full_attention_interval");
  const std::int64_t every = interval != nullptr ? interval->AsInt(1, kMaxDimension) : 4;
  std::vector<bool> linear;
  for (int i = 0; i < layers; ++i)
    linear.push_back(types.empty() ? (i + 1) % every != 0
                                   : types[static_cast<std::size_t>(i)] == "linear_attention");
  return linear;
}

/// Qwen3-Next and Qwen3.5: gated delta nets, attention with a gate on its output and norms on heads.
void ReadGatedDelta(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = spec->attention.output_gate = true;
  RecurrenceSpec r;
  r.kind = RecurrenceKind::kGatedDelta;
  r.heads = c->Int("linear_num_value_heads");
  r.key_heads = c->Int("linear_num_key_heads");
  r.key_dim = c->Int("linear_key_head_dim");
  r.value_dim = c->Int("linear_value_head_dim");
  r.conv = c->Int("linear_conv_kernel_dim", 1, 64);
  if (r.heads % r.key_heads != 0)
    throw c->Get("linear_num_value_heads").Error("expected a multiple of linear_num_key_heads");
  SetRecurrence("delta", r, LinearLayers(c, spec->layers), spec);
  c->Require({{"attn_output_gate", {"true"}, "attention of this class without a gate is not modelled"}});
  c->Ignore({"mamba_ssm_dtype", "mtp_use_dedicated_embeddings", "output_gate_type", "swish_gate"});
  spec->mtp_modules = MtpModules(c, "mtp_num_hidden_layers");
  c->LeaveOut(kScanNote);
}

void ReadQwenNext(HuggingFaceConfig* c, ModelSpec* spec) {
  MoeSpec m = ReadExperts(c, "num_experts", "num_experts_per_tok", "moe_intermediate_size");
  m.shared_experts = 1;
  m.shared_intermediate = c->Int("shared_expert_intermediate_size");
  m.shared_gate = true;
  if (const Value* only = c->Quiet("mlp_only_layers"); only != nullptr && !only->items().empty())
    throw only->Error("not understood: dense layers are not modelled of this architecture");
  spec->moe = m;
  ReadGatedDelta(c, spec);
}

/// Layers, counted from 1, that a list names.
std::vector<bool> Named(const Value& list, int layers) {
  std::vector<bool> named(static_cast<std::size_t>(layers), false);
  for (const Value& layer : list.items()) named[static_cast<std::size_t>(layer.AsInt(1, layers) - 1)] = true;
  return named;
}

/// Kimi Linear: Kimi delta attention in three layers of four, MLA without rotation in the others.
void ReadKimiLinear(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadMla(c);
  MoeSpec m = ReadExperts(c, "num_experts", "num_experts_per_token", "moe_intermediate_size");
  m.shared_experts = c->IntOr("num_shared_experts", 0);
  m.shared_intermediate = m.shared_experts * m.intermediate;
  m.first_dense_layers = c->Int("first_k_dense_replace", 0, spec->layers);
  m.groups = c->IntOr("num_expert_group", 1, 1);
  m.top_groups = c->IntOr("topk_group", m.groups, 1);
  m.sigmoid = c->Get("moe_router_activation_func").AsChoice({"softmax", "sigmoid"}) == 1;
  m.route_scale = c->Get("routed_scaling_factor").AsDouble(1e-6, 1e6);
  CheckMoe(c, "num_experts", m, spec->layers);
  spec->moe = m;
  const Value& linear = c->Get("linear_attn_config");
  RecurrenceSpec r;
  r.kind = RecurrenceKind::kKimiDelta;
  r.heads = r.key_heads = static_cast<int>(linear.At("num_heads").AsInt(1, kMaxDimension));
  r.key_dim = r.value_dim = static_cast<int>(linear.At("head_dim").AsInt(1, kMaxDimension));
  r.conv = static_cast<int>(linear.At("short_conv_kernel_size").AsInt(1, 64));
  SetRecurrence("delta", r, Named(linear.At("kda_layers"), spec->layers), spec);
  spec->mtp_modules = MtpModules(c);
  c->Ignore({"head_dim", "mla_use_nope", "moe_renormalize", "use_grouped_topk", "num_key_value_heads"});
  c->LeaveOut("latent attention without rotation is priced with one");
  c->LeaveOut(kScanNote);
}

/// The blocks of Nemotron-H's layers, each of which is one.
std::vector<LayerBlocks> NemotronLayers(HuggingFaceConfig* c, int layers) {
  std::vector<std::string> types =
      LayerTypes(c, layers, {"full_attention", "linear_attention", "mlp", "moe"});
  if (types.empty()) {
    const Value& pattern = c->Get("hybrid_override_pattern");
    for (const char letter : pattern.AsString()) {
      const std::string known = "M*-E";
      const std::size_t at = known.find(letter);
      if (at == std::string::npos) throw pattern.Error("expected a letter M, *, - or E for each layer");
      types.emplace_back(std::vector<const char*>{"linear_attention", "full_attention", "mlp", "moe"}[at]);
    }
    if (static_cast<int>(types.size()) != layers)
      throw pattern.Error("expected a letter for each of num_hidden_layers");
  }
  std::vector<LayerBlocks> blocks;
  for (const std::string& type : types) {
    if (type == "linear_attention") blocks.emplace_back(LayerKind::kNone, 1);
    if (type == "full_attention") blocks.emplace_back(LayerKind::kNone, kOwnMixer);
    if (type == "mlp") blocks.emplace_back(LayerKind::kDense, kNoMixer);
    if (type == "moe") blocks.emplace_back(LayerKind::kMoe, kNoMixer);
  }
  return blocks;
}

bool Any(const std::vector<LayerBlocks>& layers, LayerKind kind) {
  for (const LayerBlocks& blocks : layers)
    if (blocks.kind == kind) return true;
  return false;
}

/// Nemotron-H: Mamba-2, attention and feed-forward layers, each a block of its own; no gates in feed-forwards.
void ReadNemotronH(HuggingFaceConfig* c, ModelSpec* spec) {
  if (const Value* dim = c->Quiet("attention_head_dim"); dim != nullptr && c->Quiet("head_dim") == nullptr)
    throw dim->Error("expected head_dim");
  spec->attention = ReadGrouped(c);
  spec->gated = false;
  RecurrenceSpec r;
  r.kind = RecurrenceKind::kMamba2;
  r.heads = c->Int("mamba_num_heads");
  r.value_dim = c->Int("mamba_head_dim");
  r.key_heads = c->Int("n_groups");
  r.key_dim = c->Int("ssm_state_size");
  r.conv = c->Int("conv_kernel", 1, 64);
  r.chunk = c->Int("chunk_size");
  if (r.heads % r.key_heads != 0) throw c->Get("n_groups").Error("expected a divisor of mamba_num_heads");
  const std::vector<LayerBlocks> layers = NemotronLayers(c, spec->layers);
  if (Any(layers, LayerKind::kMoe)) {
    MoeSpec m = ReadExperts(c, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
    m.shared_experts = c->IntOr("n_shared_experts", 0);
    m.shared_intermediate = m.shared_experts > 0 ? c->Int("moe_shared_expert_intermediate_size") : 0;
    m.groups = c->IntOr("n_group", 1, 1);
    m.top_groups = c->IntOr("topk_group", m.groups, 1);
    m.sigmoid = true;
    m.route_scale = c->Get("routed_scaling_factor").AsDouble(1e-6, 1e6);
    CheckMoe(c, "n_routed_experts", m, spec->layers);
    spec->moe = m;
  }
  spec->mixers = {{"mamba", {}, r}};
  SetLayers(layers, spec);
  c->Require({{"moe_latent_size", {}, "experts on a latent are not modelled"},
              {"mlp_hidden_act", {"relu2"}, "other feed-forwards without a gate are not modelled"},
              {"use_bias", {"false"}, "biases on all projections are not modelled"},
              {"mamba_proj_bias", {"false"}, "biases on these projections are not modelled"}});
  c->Ignore({"mamba_hidden_act",
             "mamba_num_groups",
             "expand",
             "time_step_limit",
             "time_step_floor",
             "time_step_max",
             "time_step_min",
             "time_step_rank",
             "use_conv_bias",
             "use_mamba_kernels",
             "mamba_ssm_cache_dtype",
             "residual_in_fp32",
             "rescale_prenorm_residual",
             "num_logits_to_keep",
             "layer_norm_epsilon",
             "hidden_dropout",
             "attention_head_dim",
             "sliding_window",
             "n_routed_experts",
             "n_shared_experts",
             "num_experts_per_tok",
             "moe_intermediate_size",
             "moe_shared_expert_intermediate_size",
             "n_group",
             "topk_group",
             "routed_scaling_factor",
             "moe_shared_expert_overlap",
             "hybrid_override_pattern",
             "chunk_size",
             "mtp_hybrid_override_pattern",
             "mtp_layers_block_type",
             "hidden_act"});
  if (MtpModules(c) > 0) c->LeaveOut("its MTP modules are left out");
  c->LeaveOut("attention without rotation is priced with one; a squared ReLU as a kernel of its bytes");
  c->LeaveOut(kScanNote);
}

/// The Mamba-2 keys of IBM's and TII's classes.
RecurrenceSpec ReadMambaKeys(HuggingFaceConfig* c, std::int64_t inner) {
  RecurrenceSpec r;
  r.kind = RecurrenceKind::kMamba2;
  r.heads = c->Int("mamba_n_heads");
  r.key_heads = c->Int("mamba_n_groups");
  r.key_dim = c->Int("mamba_d_state");
  r.conv = c->Int("mamba_d_conv", 1, 64);
  r.chunk = c->Int("mamba_chunk_size");
  const Value* head = c->Quiet("mamba_d_head");
  const bool given = head != nullptr && head->AsString() != "auto";
  r.value_dim = given ? static_cast<int>(head->AsInt(1, kMaxDimension)) : static_cast<int>(inner / r.heads);
  if (std::int64_t{r.value_dim} * r.heads != inner)
    throw c->Get("mamba_n_heads").Error("expected heads that make up the mixer's inner width");
  if (r.heads % r.key_heads != 0) throw c->Get("mamba_n_groups").Error("expected a divisor of mamba_n_heads");
  c->Require({{"mamba_proj_bias", {"false"}, "biases on these projections are not modelled"}});
  c->Ignore({"mamba_conv_bias", "mamba_expand", "mamba_d_head", "mamba_chunk_size", "time_step_limit",
             "time_step_min", "time_step_max"});
  return r;
}

/// Falcon-H1: attention and Mamba-2 side by side in every layer.
void ReadFalconH1(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  const Value* ssm = c->Quiet("mamba_d_ssm");
  const std::int64_t inner =
      ssm != nullptr ? ssm->AsInt(1, kMaxDimension) : std::int64_t{c->Int("mamba_expand")} * spec->hidden;
  spec->mixers = {{"parallel", spec->attention, ReadMambaKeys(c, inner)}};
  spec->pattern = {{LayerKind::kDense, 1}};
  c->Require({{"projectors_bias", {"false"}, "biases on these projections are not modelled"}});
  c->Ignore({"attention_in_multiplier", "attention_out_multiplier", "embedding_multiplier",
             "lm_head_multiplier", "mlp_multipliers", "key_multiplier", "ssm_multipliers",
             "ssm_in_multiplier", "ssm_out_multiplier", "mamba_norm_before_gate", "mamba_rms_norm",
             "mamba_use_mlp", "mlp_expansion_factor", "num_logits_to_keep", "attn_layer_indices",
             "layers_block_type", "layer_types"});
  c->LeaveOut(kScanNote);
}

/// Granite 4: attention in few layers, Mamba-2 in the others, a shared feed-forward in each, experts in some models.
void ReadGraniteHybrid(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  const int experts = c->Int("num_local_experts", 0, 65536), shared = c->Int("shared_intermediate_size");
  if (experts > 0) {
    MoeSpec m = ReadExperts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size");
    m.shared_experts = 1;
    m.shared_intermediate = shared;
    spec->moe = m;
  } else {
    spec->dense_intermediate = shared;
  }
  const std::vector<std::string> types = LayerTypes(c, spec->layers, {"full_attention", "linear_attention"});
  if (types.empty()) throw c->root().Error("missing key 'layer_types': which layers have attention");
  std::vector<bool> linear;
  for (const std::string& type : types) linear.push_back(type == "linear_attention");
  const RecurrenceSpec r = ReadMambaKeys(c, std::int64_t{c->Int("mamba_expand")} * spec->hidden);
  SetRecurrence("mamba", r, linear, spec);
  c->Ignore({"embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling",
             "num_experts_per_tok", "intermediate_size", "position_embedding_type", "normalization_function",
             "init_method"});
  c->LeaveOut(kScanNote);
}

constexpr const char* kQwenNext = R"({"num_key_value_heads": 2, "head_dim": 256, "linear_conv_kernel_dim": 4,
  "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
  "shared_expert_intermediate_size": 512, "max_position_embeddings": 32768, "tie_word_embeddings": false})";

/// configuration_kimi.py of moonshotai/Kimi-Linear-48B-A3B-Instruct.
constexpr const char* kKimiLinear =
    R"({"q_lora_rank": null, "num_shared_experts": 0, "first_k_dense_replace": 0,
  "num_expert_group": 1, "topk_group": 1, "moe_router_activation_func": "sigmoid", "routed_scaling_factor": 1.0,
  "tie_word_embeddings": false})";

constexpr const char* kNemotronH = R"({"num_key_value_heads": 8, "head_dim": 128, "mamba_num_heads": 128,
  "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128, "conv_kernel": 4, "chunk_size": 128,
  "n_shared_experts": 1, "moe_shared_expert_intermediate_size": 7688, "n_group": 1, "topk_group": 1,
  "routed_scaling_factor": 1.0, "max_position_embeddings": 4096, "tie_word_embeddings": false})";

constexpr const char* kFalconH1 = R"({"num_key_value_heads": 8, "head_dim": null, "mamba_n_heads": 128,
  "mamba_d_head": "auto", "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_expand": 2,
  "mamba_chunk_size": 256, "max_position_embeddings": 8192, "tie_word_embeddings": false})";

constexpr const char* kGraniteHybrid =
    R"({"num_key_value_heads": null, "head_dim": null, "mamba_n_heads": 128,
  "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_d_head": "auto", "mamba_expand": 2,
  "mamba_chunk_size": 256, "num_local_experts": 8, "shared_intermediate_size": 1024,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

}  // namespace

std::vector<HuggingFaceFamily> HybridFamilies() {
  const std::vector<std::pair<std::string, std::string>> local = {{"num_local_experts", "num_experts"}};
  return {
      {"qwen3_next", {"Qwen3NextForCausalLM"}, {"Qwen3NextConfig", kQwenNext, local}, {}, ReadQwenNext},
      {"qwen3_5_text",
       {"Qwen3_5ForCausalLM", "Qwen3_5TextModel", "Qwen3_5ForConditionalGeneration"},
       {"Qwen3_5TextConfig", kQwenNext, {}},
       {},
       ReadGatedDelta},
      {"qwen3_5_moe_text",
       {"Qwen3_5MoeForCausalLM", "Qwen3_5MoeTextModel", "Qwen3_5MoeForConditionalGeneration"},
       {"Qwen3_5MoeTextConfig", kQwenNext, local},
       {},
       ReadQwenNext},
      {"kimi_linear",
       {"KimiLinearForCausalLM"},
       {"KimiLinearConfig",
        kKimiLinear,
        {{"model_max_length", "max_position_embeddings"}, {"num_experts_per_tok", "num_experts_per_token"}}},
       {},
       ReadKimiLinear},
      {"nemotron_h",
       {"NemotronHForCausalLM"},
       {"NemotronHConfig",
        kNemotronH,
        {{"layers_block_type", "layer_types"},
         {"num_local_experts", "n_routed_experts"},
         {"attention_head_dim", "head_dim"},
         {"mamba_n_groups", "n_groups"},
         {"mamba_d_conv", "conv_kernel"},
         {"mamba_chunk_size", "chunk_size"}}},
       {},
       ReadNemotronH},
      {"falcon_h1", {"FalconH1ForCausalLM"}, {"FalconH1Config", kFalconH1, {}}, {}, ReadFalconH1},
      {"granitemoehybrid",
       {"GraniteMoeHybridForCausalLM"},
       {"GraniteMoeHybridConfig", kGraniteHybrid, {}},
       {},
       ReadGraniteHybrid},
  };
}

}  // namespace orrery::models
