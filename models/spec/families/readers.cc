#include "models/spec/families/readers.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace orrery::models {
namespace {

constexpr std::int64_t kMostPositions = std::int64_t{1} << 40;

/// Names of layer types before transformers 5.
std::string Today(const std::string& type) {
  if (type == "attention") return "full_attention";
  if (type == "mamba" || type == "mamba2") return "linear_attention";
  return type;
}

/// The shortest list of which `layers` is a repetition.
std::vector<LayerBlocks> Period(const std::vector<LayerBlocks>& layers) {
  for (std::size_t p = 1; p < layers.size(); ++p) {
    bool repeats = true;
    for (std::size_t i = p; i < layers.size() && repeats; ++i) repeats = layers[i] == layers[i % p];
    if (repeats) return {layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(p)};
  }
  return layers;
}

/// Layers before the first with experts, where all have the model's own attention and all after them experts; -1 else.
int DensePrefix(const std::vector<LayerBlocks>& layers) {
  int dense = 0;
  for (const LayerBlocks& blocks : layers) {
    if (blocks.mixer != kOwnMixer || blocks.kind == LayerKind::kNone) return -1;
    if (blocks.kind == LayerKind::kMoe) break;
    ++dense;
  }
  for (std::size_t i = static_cast<std::size_t>(dense); i < layers.size(); ++i)
    if (layers[i].kind != LayerKind::kMoe || layers[i].mixer != kOwnMixer) return -1;
  return dense;
}

}  // namespace

AttentionKind KindOf(const AttentionSpec& a) {
  return a.kv_heads == a.heads ? AttentionKind::kMha
         : a.kv_heads == 1     ? AttentionKind::kMqa
                               : AttentionKind::kGqa;
}

AttentionSpec ReadGrouped(HuggingFaceConfig* c) {
  AttentionSpec a;
  a.heads = c->Int("num_attention_heads");
  a.kv_heads = c->IntOr("num_key_value_heads", a.heads, 1);
  if (a.heads % a.kv_heads != 0)
    throw c->Get("num_key_value_heads").Error("expected a divisor of num_attention_heads");
  const int hidden = c->Int("hidden_size");
  if (c->Quiet("head_dim") == nullptr && hidden % a.heads != 0)
    throw c->root().Error("missing key 'head_dim': heads do not divide hidden_size");
  a.head_dim = c->IntOr("head_dim", hidden / a.heads, 1);
  a.v_head_dim = a.head_dim;
  a.kind = KindOf(a);
  const Value* bias = c->Quiet("attention_bias");
  a.qkv_bias = a.output_bias = bias != nullptr && bias->AsBool();
  return a;
}

AttentionSpec ReadMla(HuggingFaceConfig* c) {
  AttentionSpec a;
  a.kind = AttentionKind::kMla;
  a.heads = a.kv_heads = c->Int("num_attention_heads");
  a.head_dim = c->Int("qk_nope_head_dim");
  a.rope_dim = c->Int("qk_rope_head_dim");
  a.v_head_dim = c->Int("v_head_dim");
  a.kv_lora_rank = c->Int("kv_lora_rank");
  a.q_lora_rank = c->IntOr("q_lora_rank", 0);
  if (const Value* total = c->Quiet("qk_head_dim"))
    total->AsInt(a.head_dim + a.rope_dim, a.head_dim + a.rope_dim);
  return a;
}

std::vector<std::string> LayerTypes(HuggingFaceConfig* c, int layers, const std::vector<std::string>& known) {
  const Value* types = c->Quiet("layer_types");
  std::vector<std::string> found;
  if (types == nullptr) return found;
  for (const Value& t : types->items()) {
    found.push_back(Today(t.AsString()));
    if (std::find(known.begin(), known.end(), found.back()) == known.end())
      throw t.Error(
          fmt::format("not understood: of layers, this architecture may have {}", fmt::join(known, ", ")));
  }
  if (static_cast<int>(found.size()) != layers)
    throw types->Error(
        fmt::format("{} entries, expected one for each of num_hidden_layers = {}", found.size(), layers));
  return found;
}

void SetLayers(const std::vector<LayerBlocks>& layers, ModelSpec* spec) {
  const int dense = DensePrefix(layers);
  spec->pattern = dense >= 0 ? std::vector<LayerBlocks>{} : Period(layers);
  if (spec->moe) spec->moe->first_dense_layers = std::max(0, dense);
}

int WindowOf(HuggingFaceConfig* c, const std::string& key) {
  const Value* window = c->Quiet(key);
  if (window == nullptr) return 0;
  const std::int64_t positions = window->AsInt(-1, kMostPositions);
  const Value* most = c->Quiet("max_position_embeddings");
  if (positions <= 0 || (most != nullptr && positions >= most->AsInt(1, kMostPositions))) return 0;
  return static_cast<int>(std::min<std::int64_t>(positions, 1 << 30));
}

void SetWindows(int window, const std::vector<bool>& sliding, ModelSpec* spec) {
  const auto slides = std::count(sliding.begin(), sliding.end(), true);
  if (window == 0 || slides == 0) return;
  if (slides == static_cast<std::ptrdiff_t>(sliding.size())) {
    spec->attention.window = window;
    return;
  }
  MixerSpec mixer{"window", spec->attention, {}};
  mixer.attention->window = window;
  spec->mixers = {std::move(mixer)};
  std::vector<LayerBlocks> layers;
  for (int i = 0; i < spec->layers; ++i)
    layers.emplace_back(spec->BlocksOf(i).kind, sliding[static_cast<std::size_t>(i)] ? 1 : kOwnMixer);
  SetLayers(layers, spec);
}

void ReadWindows(HuggingFaceConfig* c, ModelSpec* spec, bool (*otherwise)(int layer)) {
  const std::vector<std::string> types = LayerTypes(c, spec->layers, {"full_attention", "sliding_attention"});
  const int window = WindowOf(c);
  std::vector<bool> sliding;
  for (int i = 0; i < spec->layers; ++i)
    sliding.push_back(types.empty() ? otherwise(i)
                                    : types[static_cast<std::size_t>(i)] == "sliding_attention");
  const bool named = !types.empty() && std::find(sliding.begin(), sliding.end(), true) != sliding.end();
  if (named && c->Quiet("sliding_window") == nullptr)
    throw c->root().Error("missing key 'sliding_window': layer_types has sliding layers");
  SetWindows(window, sliding, spec);
}

void RefuseWindow(HuggingFaceConfig* c) {
  if (WindowOf(c) > 0)
    throw c->Get("sliding_window")
        .Error("not understood: a sliding window caps the cache (null where attention sees every position)");
}

void CheckMoe(HuggingFaceConfig* c, const std::string& experts_key, const MoeSpec& m, int layers) {
  if (m.top_k > m.routed_experts)
    throw c->Get("num_experts_per_tok").Error("expected at most " + experts_key);
  if (m.routed_experts % m.groups != 0) throw c->Get("n_group").Error("expected a divisor of " + experts_key);
  if (m.top_groups > m.groups) throw c->Get("topk_group").Error("expected at most n_group");
  if (m.top_k > m.top_groups * (m.routed_experts / m.groups))
    throw c->Get("topk_group").Error("its groups hold fewer experts than num_experts_per_tok");
  if (m.first_dense_layers > layers)
    throw c->Get("first_k_dense_replace").Error("expected at most num_hidden_layers");
}

MoeSpec ReadExperts(HuggingFaceConfig* c, const std::string& experts, const std::string& top_k,
                    const std::string& width) {
  MoeSpec m;
  m.routed_experts = c->Int(experts, 1, 65536);
  m.top_k = c->Int(top_k);
  m.intermediate = c->Int(width);
  if (m.top_k > m.routed_experts) throw c->Get(top_k).Error("expected at most " + experts);
  return m;
}

int MtpModules(HuggingFaceConfig* c, const std::string& key) {
  const Value* mtp = c->Quiet(key);
  return mtp != nullptr ? static_cast<int>(mtp->AsInt(0, kMaxDimension)) : 0;
}

void AcceptGatedGelu(HuggingFaceConfig* c) {
  for (const char* key : {"hidden_act", "hidden_activation"}) {
    const Value* activation = c->Quiet(key);
    if (activation != nullptr) activation->AsChoice({"gelu", "gelu_pytorch_tanh", "silu"});
  }
  c->LeaveOut("the gated GELU of the feed-forward is priced as SwiGLU, of the same matrices and bytes");
}

}  // namespace orrery::models
