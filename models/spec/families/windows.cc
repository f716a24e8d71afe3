// Models whose layers differ in what they see: windows, chunks, sinks; and experts in some layers only.
#include <algorithm>

#include "models/spec/families/readers.h"

namespace orrery::models {
namespace {

/// gpt-oss: a window in every other layer, sinks in all, biases on everything.
void ReadGptOss(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.sinks = true;
  spec->moe = ReadExperts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size");
  ReadWindows(c, spec, [](int layer) { return layer % 2 == 0; });
  c->Ignore(
      {"swiglu_limit", "initial_context_length", "rope_scaling_factor", "rope_ntk_alpha", "rope_ntk_beta"});
  c->LeaveOut("biases of the experts and of the router are left out (0.03 % of the parameters)");
}

/// Gemma 2 and 3: norms before and after attention and feed-forward.
void ReadGemma(HuggingFaceConfig* c, ModelSpec* spec, bool head_norms, bool (*sliding)(int)) {
  AcceptGatedGelu(c);
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = head_norms;
  ReadWindows(c, spec, sliding);
  c->Ignore({"attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar",
             "rope_local_base_freq", "cache_implementation"});
  c->Require({{"use_bidirectional_attention", {"false"}, "attention to later positions is not modelled"}});
  c->LeaveOut("the norms after attention and feed-forward are not priced");
}

/// Gemma 1: neither windows nor norms after.
void ReadGemma1(HuggingFaceConfig* c, ModelSpec* spec) {
  AcceptGatedGelu(c);
  ReadLlama(c, spec);
}

void ReadGemma2(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadGemma(c, spec, false, [](int layer) { return layer % 2 == 0; });
}

/// Five layers with a window, then one without, unless the file says otherwise.
void ReadGemma3(HuggingFaceConfig* c, ModelSpec* spec) {
  if (const Value* every = c->Quiet("sliding_window_pattern")) every->AsInt(6, 6);
  c->Ignore({"_sliding_window_pattern"});
  ReadGemma(c, spec, true, [](int layer) { return (layer + 1) % 6 != 0; });
}

/// Whether each layer has experts: moe_layers, or every so many.
std::vector<bool> LlamaExperts(HuggingFaceConfig* c, int layers) {
  std::vector<bool> experts(static_cast<std::size_t>(layers), false);
  if (const Value* listed = c->Quiet("moe_layers"); listed != nullptr && !listed->items().empty()) {
    for (const Value& layer : listed->items())
      experts[static_cast<std::size_t>(layer.AsInt(0, layers - 1))] = true;
    c->Ignore({"interleave_moe_layer_step"});
    return experts;
  }
  const int step = c->Int("interleave_moe_layer_step");
  for (int i = step - 1; i < layers; i += step) experts[static_cast<std::size_t>(i)] = true;
  return experts;
}

/// Whether each layer sees its chunk alone: those that rotate (no_rope_layers has 1 for them).
std::vector<bool> LlamaChunks(HuggingFaceConfig* c, int layers) {
  std::vector<bool> chunks;
  const std::vector<std::string> types = LayerTypes(c, layers, {"full_attention", "chunked_attention"});
  for (const std::string& type : types) chunks.push_back(type == "chunked_attention");
  const Value* rope = c->Quiet("no_rope_layers");
  c->Ignore({"no_rope_layer_interval"});
  if (!chunks.empty()) return chunks;
  if (rope != nullptr && !rope->items().empty()) {
    if (static_cast<int>(rope->items().size()) != layers) throw rope->Error("expected one entry a layer");
    for (const Value& layer : rope->items()) chunks.push_back(layer.AsInt(0, 1) == 1);
    return chunks;
  }
  for (int i = 0; i < layers; ++i) chunks.push_back((i + 1) % 4 != 0);
  return chunks;
}

/// Llama-4: chunks in three layers of four, a shared expert as wide as a routed one, dense layers of another width.
void ReadLlama4(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = c->Bool("use_qk_norm");
  MoeSpec m = ReadExperts(c, "num_local_experts", "num_experts_per_tok", "intermediate_size");
  m.shared_experts = 1;
  m.shared_intermediate = m.intermediate;
  spec->moe = m;
  const std::vector<bool> experts = LlamaExperts(c, spec->layers), chunked = LlamaChunks(c, spec->layers);
  const Value* size = c->Quiet("attention_chunk_size");
  const bool chunks = size != nullptr && std::find(chunked.begin(), chunked.end(), true) != chunked.end();
  if (chunks) {
    MixerSpec mixer{"chunk", spec->attention, {}};
    mixer.attention->chunk = static_cast<int>(size->AsInt(1, 1 << 30));
    spec->mixers = {std::move(mixer)};
    spec->attention.qk_norm = false;  // only layers that rotate
  }
  std::vector<LayerBlocks> layers;
  for (std::size_t i = 0; i < experts.size(); ++i)
    layers.emplace_back(experts[i] ? LayerKind::kMoe : LayerKind::kDense,
                        chunks && chunked[i] ? 1 : kOwnMixer);
  SetLayers(layers, spec);
  spec->dense_intermediate = spec->DenseLayers() > 0 ? c->Int("intermediate_size_mlp") : 0;
  c->Ignore({"intermediate_size_mlp", "attn_temperature_tuning", "floor_scale", "attn_scale",
             "for_llm_compressor", "cache_implementation"});
  c->LeaveOut("layers without rotation are priced with one, and a gate by sigmoid as one by softmax");
}

/// The attention of MiMo-V2's window layers, which have numbers of their own.
AttentionSpec MiMoWindow(HuggingFaceConfig* c, AttentionSpec a, int window) {
  const auto own = [c](const char* key, int otherwise) {
    const Value* value = c->Quiet(key);
    return value != nullptr ? static_cast<int>(value->AsInt(1, kMaxDimension)) : otherwise;
  };
  a.heads = own("swa_num_attention_heads", a.heads);
  a.kv_heads = own("swa_num_key_value_heads", a.kv_heads);
  if (a.heads % a.kv_heads != 0)
    throw c->Get("swa_num_key_value_heads").Error("expected a divisor of the heads of its layers");
  a.head_dim = own("swa_head_dim", a.head_dim);
  a.v_head_dim = own("swa_v_head_dim", a.v_head_dim);
  a.window = window;
  a.kind = KindOf(a);
  const Value* sinks = c->Quiet("add_swa_attention_sink_bias");
  a.sinks = sinks != nullptr && sinks->AsBool();
  return a;
}

/// One of 0 and 1 a layer.
std::vector<bool> OneALayer(const Value& list, int layers) {
  std::vector<bool> ones;
  for (const Value& item : list.items()) ones.push_back(item.AsInt(0, 1) == 1);
  if (static_cast<int>(ones.size()) != layers) throw list.Error("expected one entry a layer");
  return ones;
}

/// MiMo-V2: windows with sinks and more key heads in most layers.
void ReadMiMoV2(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.v_head_dim = c->Int("v_head_dim");
  const Value* sinks = c->Quiet("add_full_attention_sink_bias");
  spec->attention.sinks = sinks != nullptr && sinks->AsBool();
  MoeSpec m = ReadExperts(c, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
  m.shared_experts = c->IntOr("n_shared_experts", 0);
  m.shared_intermediate = m.shared_experts * m.intermediate;
  m.groups = c->IntOr("n_group", 1, 1);
  m.top_groups = c->IntOr("topk_group", m.groups, 1);
  m.sigmoid = c->Get("scoring_func").AsChoice({"softmax", "sigmoid"}) == 1;
  if (const Value* scale = c->Quiet("routed_scaling_factor")) m.route_scale = scale->AsDouble(1e-6, 1e6);
  CheckMoe(c, "n_routed_experts", m, spec->layers);
  spec->moe = m;
  spec->mixers = {{"window", MiMoWindow(c, spec->attention, c->Int("sliding_window", 1, 1 << 30)), {}}};
  const std::vector<bool> windows = OneALayer(c->Get("hybrid_layer_pattern"), spec->layers);
  const std::vector<bool> experts = OneALayer(c->Get("moe_layer_freq"), spec->layers);
  std::vector<LayerBlocks> layers;
  for (std::size_t i = 0; i < windows.size(); ++i)
    layers.emplace_back(experts[i] ? LayerKind::kMoe : LayerKind::kDense, windows[i] ? 1 : kOwnMixer);
  SetLayers(layers, spec);
  c->Ignore({"topk_method", "attention_value_scale", "attention_chunk_size", "sliding_window_size",
             "swa_rope_theta", "hybrid_block_size", "layernorm_epsilon"});
  c->LeaveOut("its MTP modules are left out");
}

constexpr const char* kGptOss = R"({"num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128,
  "attention_bias": true, "max_position_embeddings": 131072, "tie_word_embeddings": false})";

constexpr const char* kGemma1 = R"({"num_key_value_heads": 16, "head_dim": 256,
  "max_position_embeddings": 8192, "tie_word_embeddings": true})";

constexpr const char* kGemma2 = R"({"num_key_value_heads": 4, "head_dim": 256, "sliding_window": 4096,
  "max_position_embeddings": 8192, "tie_word_embeddings": true})";

/// Published files leave out its vocabulary and, of the smallest, its heads.
constexpr const char* kGemma3 = R"({"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4,
  "head_dim": 256, "sliding_window": 4096, "max_position_embeddings": 131072, "tie_word_embeddings": true})";

constexpr const char* kLlama4 = R"({"num_key_value_heads": 8, "head_dim": 128, "interleave_moe_layer_step": 1,
  "attention_chunk_size": 8192, "use_qk_norm": true, "max_position_embeddings": 131072,
  "tie_word_embeddings": false})";

/// configuration_mimo_v2_flash.py of XiaomiMiMo/MiMo-V2-Flash has no defaults of its sizes that it shares.
constexpr const char* kMiMoV2 = R"({"n_shared_experts": null, "n_group": null, "topk_group": null,
  "scoring_func": "sigmoid", "tie_word_embeddings": false})";

}  // namespace

std::vector<HuggingFaceFamily> WindowFamilies() {
  return {
      {"gpt_oss",
       {"GptOssForCausalLM"},
       {"GptOssConfig",
        kGptOss,
        {{"experts_per_token", "num_experts_per_tok"}, {"num_experts", "num_local_experts"}}},
       {},
       ReadGptOss},
      {"gemma", {"GemmaForCausalLM"}, {"GemmaConfig", kGemma1, {}}, {}, ReadGemma1},
      {"gemma2", {"Gemma2ForCausalLM"}, {"Gemma2Config", kGemma2, {}}, {}, ReadGemma2},
      {"gemma3_text",
       {"Gemma3ForCausalLM", "Gemma3TextModel"},
       {"Gemma3TextConfig", kGemma3, {}},
       {},
       ReadGemma3},
      {"llama4_text",
       {"Llama4ForCausalLM", "Llama4TextModel"},
       {"Llama4TextConfig", kLlama4, {}},
       {},
       ReadLlama4},
      {"mimo_v2_flash", {"MiMoV2FlashForCausalLM"}, {"MiMoV2FlashConfig", kMiMoV2, {}}, {}, ReadMiMoV2},
  };
}

}  // namespace orrery::models
