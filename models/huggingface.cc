#include "models/huggingface.h"

#include <algorithm>
#include <initializer_list>

#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/limits.h"

namespace orrery::models {
namespace {

constexpr std::int64_t kMaxDimension = 1 << 20;

/// One architecture: the classes that may stand in `architectures`, and which family of keys it uses.
struct Architecture {
  const char* model_type;
  std::vector<std::string> classes;
  enum class Family { kMla, kDense, kQwen2Moe, kQwen3Moe, kMixtral } family;
  bool qkv_bias;  ///< Qwen2 has one whatever the config says; the class, not a key, decides
  bool qk_norm;   ///< Qwen3, likewise
};

const std::vector<Architecture>& Architectures() {
  using Family = Architecture::Family;
  static const std::vector<Architecture> table = {
      {"deepseek_v2", {"DeepseekV2ForCausalLM"}, Family::kMla, false, false},
      {"deepseek_v3", {"DeepseekV3ForCausalLM"}, Family::kMla, false, false},
      {"kimi_k2", {"DeepseekV3ForCausalLM", "KimiK2ForCausalLM"}, Family::kMla, false, false},
      {"llama", {"LlamaForCausalLM"}, Family::kDense, false, false},
      {"qwen2", {"Qwen2ForCausalLM"}, Family::kDense, true, false},
      {"qwen3", {"Qwen3ForCausalLM"}, Family::kDense, false, true},
      {"qwen2_moe", {"Qwen2MoeForCausalLM"}, Family::kQwen2Moe, true, false},
      {"qwen3_moe", {"Qwen3MoeForCausalLM"}, Family::kQwen3Moe, false, true},
      {"mixtral", {"MixtralForCausalLM"}, Family::kMixtral, false, false},
  };
  return table;
}

/// Keys that change neither a shape nor a cache: training constants, tokens, names, serving hints.
const std::vector<std::string> kIgnored = {"_name_or_path",
                                           "_attn_implementation",
                                           "attention_dropout",
                                           "auto_map",
                                           "aux_loss_alpha",
                                           "bos_token_id",
                                           "dtype",
                                           "embd_pdrop",
                                           "eos_token_id",
                                           "ep_size",
                                           "id2label",
                                           "initializer_range",
                                           "label2id",
                                           "max_window_layers",
                                           "norm_topk_prob",
                                           "output_router_logits",
                                           "pad_token_id",
                                           "pretraining_tp",
                                           "quantization_config",
                                           "resid_pdrop",
                                           "rms_norm_eps",
                                           "rope_interleave",
                                           "rope_theta",
                                           "router_aux_loss_coef",
                                           "router_jitter_noise",
                                           "seq_aux",
                                           "torch_dtype",
                                           "transformers_version",
                                           "unsloth_version",
                                           "use_cache"};

/// Keys every architecture may have, read or checked below.
const std::vector<std::string> kCommon = {
    "architectures",  "model_type",        "num_hidden_layers",       "hidden_size",
    "vocab_size",     "intermediate_size", "num_attention_heads",     "num_key_value_heads",
    "head_dim",       "hidden_act",        "max_position_embeddings", "tie_word_embeddings",
    "attention_bias", "mlp_bias",          "sliding_window",          "use_sliding_window",
    "layer_types",    "rope_scaling",      "rope_parameters"};

/// A config being read: its keys, and the defaults that had to stand in for absent ones.
struct Config {
  const Value& root;
  std::string defaults;

  int Int(const char* key, std::int64_t min = 1, std::int64_t max = kMaxDimension) const {
    return static_cast<int>(root.At(key).AsInt(min, max));
  }
  /// The key's value, or `fallback`, the default of the architecture's configuration class, which is noted.
  int IntOr(const char* key, int fallback, std::int64_t min = 0) {
    if (const Value* value = root.Find(key)) return static_cast<int>(value->AsInt(min, kMaxDimension));
    Note(key, std::to_string(fallback));
    return fallback;
  }
  bool BoolOr(const char* key, bool fallback) {
    if (const Value* value = root.Find(key)) return value->AsBool();
    Note(key, fallback ? "true" : "false");
    return fallback;
  }
  void Note(const std::string& key, const std::string& value) {
    defaults += (defaults.empty() ? "; class defaults: " : ", ") + key + " = " + value;
  }
};

void Refuse(const Value& root, const char* key, const std::string& why) {
  throw root.At(key).Error("not understood: " + why);
}

const Architecture& FindArchitecture(const Value& root) {
  const Value& type = root.At("model_type");
  const std::string& name = type.AsString();
  const Architecture* found = nullptr;
  std::string all;
  for (const Architecture& a : Architectures()) {
    if (a.model_type == name) found = &a;
    all += (all.empty() ? "" : ", ") + std::string(a.model_type);
  }
  if (found == nullptr) {
    throw type.Error("unknown architecture; expected one of: " + all +
                     DidYouMean(name, HuggingFaceModelTypes()));
  }
  if (const Value* classes = root.Find("architectures")) {
    for (const Value& c : classes->items()) {
      if (std::find(found->classes.begin(), found->classes.end(), c.AsString()) != found->classes.end())
        continue;
      throw c.Error("unknown architecture for model_type '" + name + "'; expected " + found->classes.front());
    }
  }
  return *found;
}

void RefuseUnknownKeys(const Value& root, std::initializer_list<const char*> own) {
  std::vector<std::string> keys = kCommon;
  keys.insert(keys.end(), kIgnored.begin(), kIgnored.end());
  keys.insert(keys.end(), own.begin(), own.end());
  root.AllowKeys(keys);
}

/// A window shorter than the context would cap the cache; none of the models here use one.
void RefuseSlidingWindows(const Value& root) {
  const Value* use = root.Find("use_sliding_window");
  const bool off = use != nullptr && !use->AsBool();
  if (use != nullptr && use->AsBool()) Refuse(root, "use_sliding_window", "a sliding window caps the cache");
  if (!off && root.Find("sliding_window") != nullptr) {
    Refuse(root, "sliding_window", "a sliding window caps the cache");
  }
  if (const Value* types = root.Find("layer_types")) {
    for (const Value& t : types->items()) {
      if (t.AsString() != "full_attention")
        throw t.Error("not understood: only full_attention layers are modelled");
    }
  }
}

void RefuseOtherFeatures(const Value& root) {
  RefuseSlidingWindows(root);
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    const Value* value = root.Find(key);
    if (value != nullptr && value->AsBool())
      Refuse(root, key, "biases on these projections are not modelled");
  }
  if (const Value* act = root.Find("hidden_act"); act != nullptr && act->AsString() != "silu") {
    Refuse(root, "hidden_act", "only SwiGLU (silu) feed-forward layers are modelled");
  }
}

/// RoPE scaling changes no shape; YaRN's original length is the window the model was pre-trained with.
std::int64_t MaxPositions(const Value& root) {
  const std::int64_t positions = root.At("max_position_embeddings").AsInt(1, std::int64_t{1} << 40);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Value* rope = root.Find(key);
    if (rope == nullptr) continue;
    const Value* type = rope->Find("rope_type") != nullptr ? rope->Find("rope_type") : rope->Find("type");
    if (type == nullptr) throw rope->Error("missing key 'rope_type' (or 'type')");
    const std::size_t choice = type->AsChoice({"default", "linear", "dynamic", "yarn", "llama3"});
    if (choice == 3) return rope->At("original_max_position_embeddings").AsInt(1, std::int64_t{1} << 40);
  }
  return positions;
}

AttentionSpec ReadMla(Config* c) {
  AttentionSpec a;
  a.kind = AttentionKind::kMla;
  a.heads = a.kv_heads = c->Int("num_attention_heads");
  a.head_dim = c->Int("qk_nope_head_dim");
  a.rope_dim = c->Int("qk_rope_head_dim");
  a.v_head_dim = c->Int("v_head_dim");
  a.kv_lora_rank = c->Int("kv_lora_rank");
  a.q_lora_rank = c->IntOr("q_lora_rank", 0);
  if (const Value* total = c->root.Find("qk_head_dim"))
    total->AsInt(a.head_dim + a.rope_dim, a.head_dim + a.rope_dim);
  return a;
}

AttentionSpec ReadGrouped(Config* c, const Architecture& architecture) {
  AttentionSpec a;
  a.heads = c->Int("num_attention_heads");
  a.kv_heads = c->IntOr("num_key_value_heads", a.heads, 1);
  if (a.heads % a.kv_heads != 0)
    throw c->root.At("num_key_value_heads").Error("expected a divisor of num_attention_heads");
  if (c->root.Find("head_dim") != nullptr) {
    a.head_dim = c->Int("head_dim");
  } else {
    const int hidden = c->Int("hidden_size");
    if (hidden % a.heads != 0) throw c->root.Error("missing key 'head_dim': heads do not divide hidden_size");
    a.head_dim = hidden / a.heads;
    c->Note("head_dim", std::to_string(a.head_dim));
  }
  a.v_head_dim = a.head_dim;
  a.kind = a.kv_heads == a.heads ? AttentionKind::kMha
           : a.kv_heads == 1     ? AttentionKind::kMqa
                                 : AttentionKind::kGqa;
  a.qkv_bias = architecture.qkv_bias;
  a.qk_norm = architecture.qk_norm;
  return a;
}

void CheckMoe(const Value& root, const char* experts_key, const MoeSpec& m, int layers) {
  if (m.top_k > m.routed_experts)
    throw root.At("num_experts_per_tok").Error("expected at most " + std::string(experts_key));
  if (m.routed_experts % m.groups != 0)
    throw root.At("n_group").Error("expected a divisor of " + std::string(experts_key));
  if (m.top_groups > m.groups) throw root.At("topk_group").Error("expected at most n_group");
  if (m.top_k > m.top_groups * (m.routed_experts / m.groups)) {
    throw root.At("topk_group").Error("its groups hold fewer experts than num_experts_per_tok");
  }
  if (m.first_dense_layers > layers)
    throw root.At("first_k_dense_replace").Error("expected at most num_hidden_layers");
}

MoeSpec ReadDeepSeekMoe(Config* c, int layers, bool v3) {
  MoeSpec m;
  m.routed_experts = c->Int("n_routed_experts", 1, 65536);
  m.shared_experts = c->IntOr("n_shared_experts", 0);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("moe_intermediate_size");
  m.shared_intermediate = m.shared_experts * m.intermediate;
  m.first_dense_layers = c->Int("first_k_dense_replace", 0);
  m.groups = c->IntOr("n_group", 1, 1);
  m.top_groups = c->IntOr("topk_group", m.groups, 1);
  // "greedy" chooses among all experts, whatever n_group says (transformers, DeepseekV2MoEGate).
  if (const Value* t = c->root.Find("topk_method");
      t != nullptr && t->AsChoice({"greedy", "group_limited_greedy", "noaux_tc"}) == 0)
    m.groups = m.top_groups = 1;
  m.route_scale = c->root.At("routed_scaling_factor").AsDouble(1e-6, 1e6);
  if (const Value* f = c->root.Find("moe_layer_freq"); f != nullptr && f->AsInt(1, 1000) != 1) {
    Refuse(c->root, "moe_layer_freq", "only MoE in every layer after the first dense ones is modelled");
  }
  if (const Value* s = c->root.Find("scoring_func")) {
    m.sigmoid = s->AsChoice({"softmax", "sigmoid"}) == 1;
  } else {
    m.sigmoid = v3;
    c->Note("scoring_func", v3 ? "sigmoid" : "softmax");
  }
  CheckMoe(c->root, "n_routed_experts", m, layers);
  return m;
}

/// `mlp_only_layers` must be the first layers: [0, 1, ... k-1].
int DensePrefix(const Value& root) {
  if (const Value* step = root.Find("decoder_sparse_step"); step != nullptr && step->AsInt(1, 1000) != 1) {
    Refuse(root, "decoder_sparse_step", "only MoE in every layer is modelled");
  }
  const Value* only = root.Find("mlp_only_layers");
  if (only == nullptr) return 0;
  int expected = 0;
  for (const Value& layer : only->items()) {
    if (layer.AsInt(0, kMaxDimension) != expected++) {
      Refuse(root, "mlp_only_layers", "dense layers are modelled only as the first ones");
    }
  }
  return expected;
}

MoeSpec ReadQwenMoe(Config* c, int layers, bool shared) {
  MoeSpec m;
  m.routed_experts = c->Int("num_experts", 1, 65536);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("moe_intermediate_size");
  m.first_dense_layers = DensePrefix(c->root);
  if (shared) {
    m.shared_experts = 1;
    m.shared_intermediate = c->Int("shared_expert_intermediate_size");
    m.shared_gate = true;
  }
  CheckMoe(c->root, "num_experts", m, layers);
  return m;
}

MoeSpec ReadMixtral(Config* c, int layers) {
  MoeSpec m;
  m.routed_experts = c->Int("num_local_experts", 1, 65536);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("intermediate_size");
  CheckMoe(c->root, "num_local_experts", m, layers);
  return m;
}

/// Attention, experts and the widths that depend on the architecture's family of keys.
void ReadFamily(const Architecture& architecture, Config* c, ModelSpec* spec) {
  using Family = Architecture::Family;
  const bool mla = architecture.family == Family::kMla;
  switch (architecture.family) {
    case Family::kMla:
      RefuseUnknownKeys(c->root, {"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim",
                                  "qk_head_dim", "v_head_dim", "n_routed_experts", "n_shared_experts",
                                  "num_experts_per_tok", "moe_intermediate_size", "first_k_dense_replace",
                                  "n_group", "topk_group", "routed_scaling_factor", "moe_layer_freq",
                                  "scoring_func", "topk_method", "num_nextn_predict_layers"});
      if (c->root.Find("n_routed_experts") != nullptr) {
        spec->moe = ReadDeepSeekMoe(c, spec->layers, std::string(architecture.model_type) != "deepseek_v2");
      }
      spec->mtp_modules = c->IntOr("num_nextn_predict_layers", 0);
      break;
    case Family::kDense:
      RefuseUnknownKeys(c->root, {});
      break;
    case Family::kQwen2Moe:
    case Family::kQwen3Moe:
      RefuseUnknownKeys(c->root,
                        {"num_experts", "num_experts_per_tok", "moe_intermediate_size", "decoder_sparse_step",
                         "mlp_only_layers", "shared_expert_intermediate_size"});
      spec->moe = ReadQwenMoe(c, spec->layers, architecture.family == Family::kQwen2Moe);
      break;
    case Family::kMixtral:
      RefuseUnknownKeys(c->root, {"num_local_experts", "num_experts_per_tok"});
      spec->moe = ReadMixtral(c, spec->layers);
      break;
  }
  spec->attention = mla ? ReadMla(c) : ReadGrouped(c, architecture);
  const bool dense_layers = spec->MoeLayers() < spec->layers;
  if (dense_layers) spec->dense_intermediate = c->Int("intermediate_size");
}

}  // namespace

std::vector<std::string> HuggingFaceModelTypes() {
  std::vector<std::string> names;
  for (const Architecture& a : Architectures()) names.emplace_back(a.model_type);
  return names;
}

ModelSpec ReadHuggingFace(const Value& root) {
  const Architecture& architecture = FindArchitecture(root);
  RefuseOtherFeatures(root);
  Config config{root, ""};
  ModelSpec spec;
  spec.name = architecture.model_type;
  spec.layers = config.Int("num_hidden_layers", 1, 10000);
  spec.hidden = config.Int("hidden_size");
  spec.vocabulary = root.At("vocab_size").AsInt(1, std::int64_t{1} << 32);
  ReadFamily(architecture, &config, &spec);
  spec.tied_embeddings = config.BoolOr("tie_word_embeddings", false);
  spec.max_positions = MaxPositions(root);
  spec.source = root.place().file + config.defaults;
  return spec;
}

ModelSpec ReadHuggingFace(const std::filesystem::path& file) {
  const Document document = Document::Load(file);
  if (!nlohmann::json::accept(ReadTextFile(file, kMaxDocumentBytes)))
    throw InputError(Place{file.string()}, "not JSON; expected a Hugging Face config.json");
  ModelSpec spec = ReadHuggingFace(document.root());
  // "DeepSeek-V3/config.json" is best known by its folder.
  const std::string folder = std::filesystem::absolute(file).parent_path().filename().string();
  spec.name = file.filename() == "config.json" && !folder.empty() ? folder : file.stem().string();
  return spec;
}

std::filesystem::path ResolveBeside(const Value& path) {
  std::filesystem::path written = path.AsString();
  std::error_code error;
  const std::filesystem::path named_in = path.place().file;
  if (written.is_absolute() || !std::filesystem::is_regular_file(named_in, error)) return written;
  return named_in.parent_path() / written;
}

}  // namespace orrery::models
