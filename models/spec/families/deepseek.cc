// DeepSeek-V2 and V3, what others built on them, and sparse attention on MLA (DeepSeek-V3.2, GLM-5).
#include "models/spec/families/readers.h"

namespace orrery::models {
namespace {

/// Whether n_routed_experts is there; null makes the model dense (DeepSeek's own configuration_deepseek.py).
bool HasExperts(HuggingFaceConfig* c) {
  if (!c->InFile("n_routed_experts"))
    throw c->root().Error(
        "missing key 'n_routed_experts': how many experts a layer routes to (null in a dense model)");
  if (c->Quiet("n_routed_experts") != nullptr) return true;
  for (const char* key : {"num_experts_per_tok", "moe_intermediate_size", "n_shared_experts"}) {
    if (const Value* value = c->Quiet(key); value != nullptr && c->InFile(key))
      throw value->Error("expected null, as n_routed_experts: the model would have no experts");
  }
  c->Ignore({"first_k_dense_replace", "n_group", "topk_group", "topk_method", "scoring_func",
             "routed_scaling_factor"});
  return false;
}

/// An indexer on MLA that every layer has.
void ReadIndexer(HuggingFaceConfig* c, ModelSpec* spec) {
  AttentionSpec& a = spec->attention;
  a.index_heads = c->Int("index_n_heads");
  a.index_dim = c->Int("index_head_dim");
  a.index_top_k = c->Int("index_topk", 1, 1 << 30);
  if (a.q_lora_rank == 0) throw c->root().Error("an indexer reads the query latent: expected a q_lora_rank");
  LayerTypes(c, spec->layers, {"deepseek_sparse_attention", "full_attention"});
}

void ReadDeepSeekV32(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadDeepSeek(c, spec);
  ReadIndexer(c, spec);
}

/// The first first_k_dense_replace layers are dense whether mlp_layer_types says it or not.
void ReadGlmDsa(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadDeepSeekV32(c, spec);
  c->Ignore({"head_dim"});
  if (const Value* types = c->Quiet("mlp_layer_types")) {
    std::vector<LayerBlocks> layers;
    for (const Value& t : types->items())
      layers.emplace_back(t.AsChoice({"dense", "sparse"}) == 0 ? LayerKind::kDense : LayerKind::kMoe);
    if (static_cast<int>(layers.size()) != spec->layers) throw types->Error("expected one entry a layer");
    SetLayers(layers, spec);
  }
  if (const Value* types = c->Quiet("indexer_types")) {
    for (const Value& t : types->items())
      if (t.AsString() != "full") throw t.Error("not understood: a layer that reuses another's choice");
  }
  c->Require({{"index_topk_freq", {"1"}, "layers that reuse another's choice are not modelled"},
              {"index_topk_pattern", {}, "layers that reuse another's choice are not modelled"}});
  c->Ignore({"index_skip_topk_offset", "indexer_rope_interleave"});
}

/// DeepSeekMoE of January 2024: the same experts on plain attention.
void ReadDeepSeekV1(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c);
  spec->attention = ReadGrouped(c);
  if (HasExperts(c)) spec->moe = ReadDeepSeekMoe(c, spec->layers);
}

constexpr const char* kDeepseekV2 = R"({"n_shared_experts": 2, "n_group": null, "topk_group": null,
  "topk_method": "greedy", "scoring_func": "softmax", "q_lora_rank": 1536,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

/// DeepseekV3Config knows neither topk_method nor scoring_func: its gate is noaux_tc over sigmoids.
constexpr const char* kDeepseekV3 = R"({"n_shared_experts": 1, "n_group": 8, "topk_group": 4,
  "topk_method": "noaux_tc", "scoring_func": "sigmoid", "q_lora_rank": 1536,
  "max_position_embeddings": 4096, "tie_word_embeddings": false})";

constexpr const char* kDeepseekV1 = R"({"n_shared_experts": null, "n_group": null, "topk_group": null,
  "topk_method": "greedy", "scoring_func": "softmax", "routed_scaling_factor": 1.0, "num_key_value_heads": null,
  "head_dim": null, "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kGlmDsa =
    R"({"n_shared_experts": 1, "n_group": 1, "topk_group": 1, "topk_method": "noaux_tc",
  "scoring_func": "sigmoid", "routed_scaling_factor": 2.5, "first_k_dense_replace": 3, "q_lora_rank": 2048,
  "index_topk": 2048, "index_head_dim": 128, "index_n_heads": 32, "max_position_embeddings": 202752,
  "tie_word_embeddings": false})";

constexpr const char* kGlm4Lite =
    R"({"n_shared_experts": 1, "n_group": 1, "topk_group": 1, "topk_method": "noaux_tc",
  "scoring_func": "sigmoid", "routed_scaling_factor": 1.8, "first_k_dense_replace": 1, "q_lora_rank": 768,
  "max_position_embeddings": 202752, "tie_word_embeddings": false})";

const FixedKey kMla = {"use_mla", {"true"}, "attention of this class without MLA is not modelled"};

}  // namespace

MoeSpec ReadDeepSeekMoe(HuggingFaceConfig* c, int layers) {
  MoeSpec m;
  m.routed_experts = c->Int("n_routed_experts", 1, 65536);
  m.shared_experts = c->IntOr("n_shared_experts", 0);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("moe_intermediate_size");
  m.shared_intermediate = m.shared_experts * m.intermediate;
  m.first_dense_layers = c->Int("first_k_dense_replace", 0);
  // "greedy" chooses among all experts, whatever n_group says (DeepseekV2Moe.route_tokens_to_experts).
  const bool greedy = c->Get("topk_method").AsChoice({"greedy", "group_limited_greedy", "noaux_tc"}) == 0;
  c->Ignore({"n_group", "topk_group"});
  m.groups = greedy ? 1 : c->IntOr("n_group", 1, 1);
  m.top_groups = greedy ? 1 : c->IntOr("topk_group", m.groups, 1);
  m.route_scale = c->Get("routed_scaling_factor").AsDouble(1e-6, 1e6);
  // dots.llm1 names its gate, of sigmoids, where the others name a function.
  m.sigmoid = c->Get("scoring_func").AsChoice({"softmax", "sigmoid", "noaux_tc"}) > 0;
  CheckMoe(c, "n_routed_experts", m, layers);
  return m;
}

void ReadDeepSeek(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c);
  if (HasExperts(c)) spec->moe = ReadDeepSeekMoe(c, spec->layers);
  // No key of transformers' class, whose model leaves the modules out; DeepSeek's own files have it.
  spec->mtp_modules = MtpModules(c);
  spec->attention = ReadMla(c);
}

std::vector<HuggingFaceFamily> DeepSeekFamilies() {
  const std::vector<std::pair<std::string, std::string>> local = {{"num_local_experts", "n_routed_experts"}};
  return {
      {"deepseek", {"DeepseekForCausalLM"}, {"DeepseekConfig", kDeepseekV1, {}}, {}, ReadDeepSeekV1},
      {"deepseek_v2",
       {"DeepseekV2ForCausalLM"},
       {"DeepseekV2Config", kDeepseekV2, {{"num_experts", "n_routed_experts"}}},
       {kMla},
       ReadDeepSeek},
      {"deepseek_v3",
       {"DeepseekV3ForCausalLM"},
       {"DeepseekV3Config", kDeepseekV3, local},
       {kMla},
       ReadDeepSeek},
      {"deepseek_v32",
       {"DeepseekV32ForCausalLM"},
       {"DeepseekV3Config", kDeepseekV3, local},
       {kMla},
       ReadDeepSeekV32},
      {"kimi_k2",
       {"DeepseekV3ForCausalLM", "KimiK2ForCausalLM"},
       {"DeepseekV3Config", kDeepseekV3, local},
       {kMla},
       ReadDeepSeek},
      {"glm4_moe_lite",
       {"Glm4MoeLiteForCausalLM"},
       {"Glm4MoeLiteConfig", kGlm4Lite, local},
       {},
       ReadDeepSeek},
      {"glm_moe_dsa", {"GlmMoeDsaForCausalLM"}, {"GlmMoeDsaConfig", kGlmDsa, local}, {}, ReadGlmDsa},
  };
}

}  // namespace orrery::models
