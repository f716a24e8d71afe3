#include "models/spec/model_spec.h"

#include <utility>

#include "core/config/resources.h"
#include "models/spec/huggingface.h"

namespace orrery::models {
namespace {

constexpr std::int64_t kMaxDimension = 1 << 20;

int ReadInt(const Value& map, const char* key, std::int64_t min, std::int64_t max = kMaxDimension) {
  return static_cast<int>(map.At(key).AsInt(min, max));
}

int ReadIntOr(const Value& map, const char* key, int fallback, std::int64_t min = 0) {
  const Value* value = map.Find(key);
  return value == nullptr ? fallback : static_cast<int>(value->AsInt(min, kMaxDimension));
}

bool ReadBoolOr(const Value& map, const char* key, bool fallback) {
  const Value* value = map.Find(key);
  return value == nullptr ? fallback : value->AsBool();
}

AttentionSpec ReadAttention(const Value& value) {
  value.AllowKeys({"kind", "heads", "kv_heads", "head_dim", "rope_dim", "v_head_dim", "q_lora_rank",
                   "kv_lora_rank", "qkv_bias", "qk_norm"});
  AttentionSpec a;
  a.kind = static_cast<AttentionKind>(value.At("kind").AsChoice({"mha", "gqa", "mqa", "mla"}));
  a.heads = ReadInt(value, "heads", 1);
  a.head_dim = ReadInt(value, "head_dim", 1);
  a.v_head_dim = ReadIntOr(value, "v_head_dim", a.head_dim, 1);
  if (a.kind == AttentionKind::kMla) {
    a.kv_heads = a.heads;
    a.rope_dim = ReadInt(value, "rope_dim", 0);
    a.q_lora_rank = ReadIntOr(value, "q_lora_rank", 0);
    a.kv_lora_rank = ReadInt(value, "kv_lora_rank", 1);
  } else {
    const int fallback = a.kind == AttentionKind::kMha ? a.heads : 1;
    a.kv_heads = a.kind == AttentionKind::kGqa ? ReadInt(value, "kv_heads", 1)
                                               : ReadIntOr(value, "kv_heads", fallback, 1);
    if (a.heads % a.kv_heads != 0) throw value.At("kv_heads").Error("expected a divisor of heads");
  }
  a.qkv_bias = ReadBoolOr(value, "qkv_bias", false);
  a.qk_norm = ReadBoolOr(value, "qk_norm", false);
  return a;
}

MoeSpec ReadMoe(const Value& value, int layers) {
  value.AllowKeys({"routed_experts", "shared_experts", "top_k", "intermediate", "shared_intermediate",
                   "first_dense_layers", "groups", "top_groups", "affinity", "route_scale", "shared_gate"});
  MoeSpec m;
  m.routed_experts = ReadInt(value, "routed_experts", 1, 65536);
  m.shared_experts = ReadIntOr(value, "shared_experts", 0);
  m.top_k = ReadInt(value, "top_k", 1);
  if (m.top_k > m.routed_experts) throw value.At("top_k").Error("expected at most routed_experts");
  m.intermediate = ReadInt(value, "intermediate", 1);
  m.shared_intermediate = ReadIntOr(value, "shared_intermediate", m.shared_experts * m.intermediate);
  m.first_dense_layers = ReadIntOr(value, "first_dense_layers", 0);
  if (m.first_dense_layers > layers)
    throw value.At("first_dense_layers").Error("expected at most the number of layers");
  m.groups = ReadIntOr(value, "groups", 1, 1);
  m.top_groups = ReadIntOr(value, "top_groups", m.groups, 1);
  if (m.routed_experts % m.groups != 0)
    throw value.At("groups").Error("expected a divisor of routed_experts");
  if (m.top_groups > m.groups) throw value.At("top_groups").Error("expected at most groups");
  if (m.top_k > m.top_groups * (m.routed_experts / m.groups)) {
    throw value.At("top_k").Error("expected at most the experts of the groups that are kept");
  }
  if (const Value* a = value.Find("affinity")) m.sigmoid = a->AsChoice({"softmax", "sigmoid"}) == 1;
  if (const Value* s = value.Find("route_scale")) m.route_scale = s->AsDouble(1e-6, 1e6);
  m.shared_gate = ReadBoolOr(value, "shared_gate", false);
  return m;
}

ModelSpec ReadSpec(const Value& value, const std::string& name) {
  value.AllowKeys({"name", "source", "layers", "hidden", "vocabulary", "dense_intermediate", "attention",
                   "moe", "mtp_modules", "tied_embeddings", "max_positions", "scaled_positions"});
  ModelSpec spec;
  spec.name = value.Find("name") != nullptr ? value.At("name").AsString() : name;
  if (const Value* s = value.Find("source")) spec.source = s->AsString();
  spec.layers = ReadInt(value, "layers", 1, 10000);
  spec.hidden = ReadInt(value, "hidden", 1);
  spec.vocabulary = value.At("vocabulary").AsInt(1, std::int64_t{1} << 32);
  spec.attention = ReadAttention(value.At("attention"));
  if (const Value* m = value.Find("moe")) spec.moe = ReadMoe(*m, spec.layers);
  spec.dense_intermediate = ReadIntOr(value, "dense_intermediate", 0);
  if (spec.dense_intermediate == 0 && spec.MoeLayers() < spec.layers) {
    throw value.Error("missing key 'dense_intermediate': the model has dense layers");
  }
  spec.mtp_modules = ReadIntOr(value, "mtp_modules", 0);
  spec.tied_embeddings = ReadBoolOr(value, "tied_embeddings", false);
  for (const auto& [key, positions] : {std::pair{"max_positions", &spec.max_positions},
                                       std::pair{"scaled_positions", &spec.scaled_positions}}) {
    if (const Value* p = value.Find(key)) *positions = p->AsInt(1, std::int64_t{1} << 40);
  }
  return spec;
}

/// Names that people type for a preset of the same shape: fine-tuned from it or its successor, with its
/// config.json but for the length of positions (model cards of each).
struct SameShape {
  std::string name, preset;
};

const std::vector<SameShape>& NamesOfTheSameShape() {
  static const std::vector<SameShape> names = {{"deepseek-r1", "deepseek-v3"},
                                               {"deepseek-r1-zero", "deepseek-v3"},
                                               {"deepseek-v3.1", "deepseek-v3"},
                                               {"deepseek-v2.5", "deepseek-v2"},
                                               {"deepseek-coder-v2", "deepseek-v2"},
                                               {"deepseek-coder-v2-lite", "deepseek-v2-lite"},
                                               {"deepseek-llm-67b", "deepseek-67b"},
                                               {"kimi-k2-thinking", "kimi-k2"},
                                               {"kimi-k2.5", "kimi-k2"},
                                               {"llama-3.3-70b", "llama-3.1-70b"},
                                               {"llama-3-70b", "llama-3.1-70b"},
                                               {"llama3-70b", "llama-3.1-70b"},
                                               {"llama3.1-70b", "llama-3.1-70b"},
                                               {"llama3.3-70b", "llama-3.1-70b"},
                                               {"llama-70b", "llama-3.1-70b"},
                                               {"llama3.1-405b", "llama-3.1-405b"},
                                               {"llama-405b", "llama-3.1-405b"},
                                               {"qwen2-72b", "qwen2.5-72b"}};
  return names;
}

std::filesystem::path PresetFile(const std::string& name) {
  return ResourceRoot() / "models" / "data" / (name + ".yaml");
}

Document PresetDocument(const std::string& name, const Value* asked) {
  const std::vector<std::string> known = ModelPresets();
  for (const std::string& k : known) {
    if (k == name) return Document::Load(PresetFile(name));
  }
  std::string all;
  for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
  const std::string message = "unknown model; expected one of: " + all + ModelHint(name);
  throw asked != nullptr ? asked->Error(message) : InputError("model '" + name + "': " + message);
}

/// Every scalar below `changes` as a Set on `document`.
void Apply(const Value& changes, const std::string& path, Document* document) {
  for (const auto& [key, value] : changes.entries()) {
    const std::string full = path.empty() ? key : path + "." + key;
    if (value.is_map()) {
      Apply(value, full, document);
    } else if (value.is_scalar()) {
      document->Set(full, value.AsString());
    } else {
      throw value.Error("expected a number or a word");
    }
  }
}

/// "deepseek-v3 with layers, moe changed", so that no changed model passes for its preset in a report.
std::string ChangedName(const std::string& preset, const Value& changes) {
  std::string keys;
  for (const auto& [key, value] : changes.entries()) keys += (keys.empty() ? "" : ", ") + key;
  return keys.empty() ? preset : preset + " with " + keys + " changed";
}

}  // namespace

std::vector<std::string> ModelPresets() { return ResourceNames("models/data", "yaml"); }

std::string ModelHint(const std::string& name) {
  const std::string folded = FoldName(name);
  const SameShape* found = nullptr;
  for (const SameShape& same : NamesOfTheSameShape()) {
    if (!BeginsWithWords(folded, same.name)) continue;
    if (found == nullptr || same.name.size() > found->name.size()) found = &same;
  }
  if (found == nullptr) return DidYouMean(name, ModelPresets());
  return " (did you mean '" + found->preset + "', which has its shape?)";
}

ModelSpec ModelPreset(const std::string& name) {
  return ReadSpec(PresetDocument(name, nullptr).root(), name);
}

ModelSpec ReadModel(const Value& value) {
  if (value.is_scalar()) return ReadSpec(PresetDocument(value.AsString(), &value).root(), value.AsString());
  if (const Value* preset = value.Find("preset")) {
    value.AllowKeys({"preset", "override"});
    Document document = PresetDocument(preset->AsString(), preset);
    const Value* changes = value.Find("override");
    if (changes == nullptr) return ReadSpec(document.root(), preset->AsString());
    Apply(*changes, "", &document);
    return ReadSpec(document.root(), ChangedName(preset->AsString(), *changes));
  }
  if (const Value* file = value.Find("huggingface")) {
    value.AllowKeys({"huggingface"});
    return ReadHuggingFace(ResolveBeside(*file));
  }
  return ReadSpec(value, "model");
}

}  // namespace orrery::models
