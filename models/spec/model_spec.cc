#include "models/spec/model_spec.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/config/codecs.h"
#include "core/config/resources.h"
#include "models/spec/huggingface.h"

namespace orrery::models {
namespace {

constexpr std::int64_t kMaxDimension = 1 << 20;
constexpr std::int64_t kMaxPositionsSeen = 1 << 30;
constexpr int kMaxLayers = 10000;

Codec<int> Dimension(std::int64_t least, std::int64_t most = kMaxDimension) {
  return Whole<int>(least, most);
}

/// 0 stands for unknown and is not written.
Codec<std::int64_t> Positions(std::int64_t most) { return Whole<std::int64_t>(1, most, "tokens"); }

bool IsMla(const AttentionSpec& a) { return a.kind == AttentionKind::kMla; }

/// Defaults that follow from other keys, and keys that a kind needs.
void CompleteAttention(AttentionSpec* a, const GivenKeys& given) {
  if (!given.Has("v_head_dim")) a->v_head_dim = a->head_dim;
  if (a->window > 0 && a->chunk > 0) throw given.ErrorAt("chunk", "expected none beside a window");
  if (IsMla(*a)) {
    given.map().At("rope_dim");  // throws, naming the key
    given.map().At("kv_lora_rank");
    a->kv_heads = a->heads;
    if (a->index_heads > 0 && (a->index_dim == 0 || a->index_top_k == 0 || a->q_lora_rank == 0))
      throw given.ErrorAt("index_heads", "an indexer needs index_dim, index_top_k and q_lora_rank");
    return;
  }
  a->rope_dim = a->q_lora_rank = a->kv_lora_rank = 0;
  if (a->kind == AttentionKind::kGqa) given.map().At("kv_heads");
  if (!given.Has("kv_heads")) a->kv_heads = a->kind == AttentionKind::kMha ? a->heads : 1;
  if (a->heads % a->kv_heads != 0) throw given.ErrorAt("kv_heads", "expected a divisor of heads");
}

const Fields<AttentionSpec>& AttentionFields() {
  static const Fields<AttentionSpec> fields = [] {
    using A = AttentionSpec;
    const auto of_mla = [](const A& a) { return IsMla(a); };
    Fields<A> f;
    f.Add("kind", &A::kind,
          Choice<AttentionKind>({{"mha", AttentionKind::kMha},
                                 {"gqa", AttentionKind::kGqa},
                                 {"mqa", AttentionKind::kMqa},
                                 {"mla", AttentionKind::kMla}}),
          "how keys and values are shared")
        .Required();
    f.Add("heads", &A::heads, Dimension(1), "query heads").Required();
    f.Add("kv_heads", &A::kv_heads, Dimension(1), "key and value heads; required of gqa")
        .DefaultText("heads of mha, 1 of mqa")
        .OnlyFor("kinds but mla", [](const A& a) { return !IsMla(a); });
    f.Add("head_dim", &A::head_dim, Dimension(1), "query and key dimension, of mla without the RoPE part")
        .Required();
    f.Add("rope_dim", &A::rope_dim, Dimension(0), "decoupled RoPE dimension of a head; required of mla")
        .OnlyFor("kind mla", of_mla);
    f.Add("v_head_dim", &A::v_head_dim, Dimension(1), "value dimension of a head").DefaultText("head_dim");
    f.Add("q_lora_rank", &A::q_lora_rank, Dimension(0), "query compression; 0: none")
        .OnlyFor("kind mla", of_mla);
    f.Add("kv_lora_rank", &A::kv_lora_rank, Dimension(1), "key and value compression; required of mla")
        .OnlyFor("kind mla", of_mla);
    f.Add("qkv_bias", &A::qkv_bias, Flag(), "bias on the query, key and value projections");
    f.Add("qk_norm", &A::qk_norm, Flag(), "RMSNorm on each query and key head");
    f.Add("qk_norm_joint", &A::qk_norm_joint, Flag(),
          "RMSNorm over all query heads together, and all key heads");
    f.Add("output_bias", &A::output_bias, Flag(), "bias on the output projection");
    f.Add("output_gate", &A::output_gate, Flag(), "a gate on the heads' values, projected beside the query");
    f.Add("sinks", &A::sinks, Flag(), "a learned logit a head in every softmax");
    f.Add("window", &A::window, Whole<int>(0, kMaxPositionsSeen, "tokens"),
          "positions a token sees, its own among them; 0: all before it");
    f.Add("chunk", &A::chunk, Whole<int>(0, kMaxPositionsSeen, "tokens"),
          "a token sees its own chunk of so many alone; 0: no chunks");
    f.Add("index_heads", &A::index_heads, Dimension(0),
          "heads of the indexer that chooses positions; 0: none")
        .OnlyFor("kind mla", of_mla);
    f.Add("index_dim", &A::index_dim, Dimension(0), "of a head of the indexer").OnlyFor("kind mla", of_mla);
    f.Add("index_top_k", &A::index_top_k, Whole<int>(0, kMaxPositionsSeen, "tokens"),
          "positions that a token attends to")
        .OnlyFor("kind mla", of_mla);
    f.After(CompleteAttention);
    return f;
  }();
  return fields;
}

void CompleteMoe(MoeSpec* m, const GivenKeys& given) {
  if (m->top_k > m->routed_experts) throw given.ErrorAt("top_k", "expected at most routed_experts");
  if (!given.Has("shared_intermediate")) m->shared_intermediate = m->shared_experts * m->intermediate;
  if (!given.Has("top_groups")) m->top_groups = m->groups;
  if (m->routed_experts % m->groups != 0)
    throw given.ErrorAt("groups", "expected a divisor of routed_experts");
  if (m->top_groups > m->groups) throw given.ErrorAt("top_groups", "expected at most groups");
  if (m->top_k > m->top_groups * (m->routed_experts / m->groups))
    throw given.ErrorAt("top_k", "expected at most the experts of the groups that are kept");
}

const Fields<MoeSpec>& MoeFields() {
  static const Fields<MoeSpec> fields = [] {
    using M = MoeSpec;
    Fields<M> f;
    f.Add("routed_experts", &M::routed_experts, Dimension(1, 65536), "experts that a router chooses from")
        .Required();
    f.Add("shared_experts", &M::shared_experts, Dimension(0), "experts of every token");
    f.Add("top_k", &M::top_k, Dimension(1), "routed experts of a token").Required();
    f.Add("intermediate", &M::intermediate, Dimension(1), "SwiGLU width of a routed expert").Required();
    f.Add("shared_intermediate", &M::shared_intermediate, Dimension(0), "of all shared experts together")
        .DefaultText("shared_experts x intermediate");
    f.Add("first_dense_layers", &M::first_dense_layers, Dimension(0), "layers before the first with experts");
    f.Add("groups", &M::groups, Dimension(1), "expert groups of group-limited routing");
    f.Add("top_groups", &M::top_groups, Dimension(1), "groups kept of a token").DefaultText("groups");
    f.Add("affinity", &M::sigmoid, Choice<bool>({{"softmax", false}, {"sigmoid", true}}),
          "what makes affinities of logits");
    f.Add("route_scale", &M::route_scale, Number(1e-6, 1e6), "factor on gate values");
    f.Add("shared_gate", &M::shared_gate, Flag(), "a learned gate on the shared expert");
    f.After(CompleteMoe);
    return f;
  }();
  return fields;
}

const Fields<RecurrenceSpec>& RecurrenceFields() {
  static const Fields<RecurrenceSpec> fields = [] {
    using R = RecurrenceSpec;
    Fields<R> f;
    f.Add("kind", &R::kind,
          Choice<RecurrenceKind>({{"gated-delta", RecurrenceKind::kGatedDelta},
                                  {"kimi-delta", RecurrenceKind::kKimiDelta},
                                  {"mamba2", RecurrenceKind::kMamba2}}),
          "how the state changes")
        .Required();
    f.Add("heads", &R::heads, Dimension(1), "with a state each").Required();
    f.Add("key_heads", &R::key_heads, Dimension(1), "that share keys and queries; groups of mamba2")
        .Required();
    f.Add("key_dim", &R::key_dim, Dimension(1), "of a key; the state's size of mamba2").Required();
    f.Add("value_dim", &R::value_dim, Dimension(1), "of a head's values").Required();
    f.Add("conv", &R::conv, Dimension(0, 64), "taps of the short convolution before it");
    f.Add("chunk", &R::chunk, Dimension(1), "tokens that a prefill takes at a time");
    f.After([](R* r, const GivenKeys& given) {
      if (r->heads % r->key_heads != 0) throw given.ErrorAt("key_heads", "expected a divisor of heads");
    });
    return f;
  }();
  return fields;
}

const Fields<MixerSpec>& MixerFields() {
  static const Fields<MixerSpec> fields = [] {
    using M = MixerSpec;
    Fields<M> f;
    f.Add("name", &M::name, Text(), "what the pattern calls it").Required();
    f.Add("attention", &M::attention, Maybe(MapOf(AttentionFields())), "softmax attention");
    f.Add("recurrence", &M::recurrence, Maybe(MapOf(RecurrenceFields())),
          "linear attention or a state space; with `attention`, side by side");
    f.After([](M* m, const GivenKeys& given) {
      if (!m->attention && !m->recurrence)
        throw given.map().Error("expected 'attention', 'recurrence' or both");
      for (const std::string_view taken : {"attention", "none", "dense", "moe"})
        if (m->name == taken) throw given.ErrorAt("name", "expected another name: this one has a meaning");
      if (m->name.find('+') != std::string::npos) throw given.ErrorAt("name", "expected a name without '+'");
    });
    return f;
  }();
  return fields;
}

constexpr std::array<std::string_view, 3> kKindNames = {"dense", "moe", "none"};  // in the order of LayerKind

std::string_view MixerName(const ModelSpec& spec, int mixer) {
  if (mixer == kNoMixer) return "none";
  return mixer == kOwnMixer ? "attention"
                            : std::string_view(spec.mixers[static_cast<std::size_t>(mixer - 1)].name);
}

/// "window+moe" of a layer's blocks.
std::string BlocksText(const ModelSpec& spec, const LayerBlocks& blocks) {
  return std::string(MixerName(spec, blocks.mixer)) + "+" +
         std::string(kKindNames[static_cast<std::size_t>(blocks.kind)]);
}

/// Every pair that a pattern may name.
std::vector<std::pair<std::string, LayerBlocks>> KnownBlocks(const ModelSpec& spec) {
  std::vector<std::pair<std::string, LayerBlocks>> known;
  for (int mixer = kNoMixer; mixer <= static_cast<int>(spec.mixers.size()); ++mixer) {
    for (const LayerKind kind : {LayerKind::kDense, LayerKind::kMoe, LayerKind::kNone}) {
      if (kind == LayerKind::kMoe && !spec.moe) continue;
      if (kind == LayerKind::kNone && mixer == kNoMixer) continue;
      known.emplace_back(BlocksText(spec, {kind, mixer}), LayerBlocks{kind, mixer});
    }
  }
  return known;
}

void ReadPattern(const Value& list, ModelSpec* spec) {
  const auto known = KnownBlocks(*spec);
  std::vector<std::string> names;
  for (const auto& [name, blocks] : known) names.push_back(name);
  spec->pattern.clear();
  for (const Value& item : list.items()) spec->pattern.push_back(known[item.AsChoice(names)].second);
  if (spec->pattern.size() > kMaxLayers) throw list.Error("expected at most 10000 layers");
}

Written WritePattern(const ModelSpec& spec) {
  Written w = Written::List();
  for (const LayerBlocks& blocks : spec.pattern) w.items.push_back(Written::Scalar(BlocksText(spec, blocks)));
  return w;
}

FieldType PatternType() { return ListOf(Text("MIXER+dense, MIXER+moe or MIXER+none"), 0, kMaxLayers).type; }

/// Names of mixers are unlike, and each layer of a pattern can be there.
void CompletePattern(ModelSpec* spec, const GivenKeys& given) {
  for (std::size_t i = 0; i < spec->mixers.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k)
      if (spec->mixers[i].name == spec->mixers[k].name)
        throw given.ErrorAt("mixers", "'" + spec->mixers[i].name + "' is there twice");
  }
  if (spec->pattern.empty()) {
    if (!spec->mixers.empty())
      throw given.ErrorAt("mixers", "expected a 'pattern' that says which layer has which");
    return;
  }
  if (spec->moe && spec->moe->first_dense_layers > 0)
    throw given.map()
        .At("moe")
        .At("first_dense_layers")
        .Error("expected none: the pattern tells dense layers");
  if (spec->moe && spec->MoeLayers() == 0)
    throw given.ErrorAt("pattern", "no layer has the experts of 'moe'");
}

void CompleteModel(ModelSpec* spec, const GivenKeys& given) {
  CompletePattern(spec, given);
  if (spec->moe && spec->moe->first_dense_layers > spec->layers)
    throw given.map().At("moe").At("first_dense_layers").Error("expected at most the number of layers");
  if (spec->dense_intermediate == 0 && spec->DenseLayers() > 0)
    throw given.map().Error("missing key 'dense_intermediate': the model has dense layers");
}

/// Of a map that does not say its name, `name`.
ModelSpec ReadSpec(const Value& value, const std::string& name) {
  ModelSpec spec = ModelFields().Read(value);
  if (spec.name.empty()) spec.name = name;
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
  std::error_code error;
  if (asked != nullptr && std::filesystem::is_regular_file(ResolveBeside(*asked), error))
    throw asked->Error(
        "is a file, and a name is expected here; a model's config.json is {huggingface: " + name + "}");
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

/// The model of a config.json, changed as a preset is.
ModelSpec ReadFromHuggingFace(const Value& value) {
  value.AllowKeys({"huggingface", "override"});
  const Value& named = value.At("huggingface");
  const std::filesystem::path file = ResolveBeside(named);
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    throw named.Error("no such file: " + file.string() + ModelHint(file.filename().string()));
  ModelSpec spec = ReadHuggingFace(file);
  const Value* changes = value.Find("override");
  if (changes == nullptr) return spec;
  const std::string name = ChangedName(spec.name, *changes);
  spec.name.clear();
  Document document = Document::Parse(YamlText(ModelFields().Write(spec)), file.string());
  Apply(*changes, "", &document);
  return ReadSpec(document.root(), name);
}

}  // namespace

const Fields<ModelSpec>& ModelFields() {
  static const Fields<ModelSpec> fields = [] {
    constexpr std::int64_t kMaxPositions = std::int64_t{1} << 40;
    using S = ModelSpec;
    Fields<S> f;
    f.Add("name", &S::name, Text(), "what reports call it").DefaultText("model");
    f.Add("source", &S::source, Text(), "where the figures come from");
    f.Add("notes", &S::notes, ListOf(Text()), "what of its configuration file is not taken");
    f.Add("layers", &S::layers, Dimension(1, 10000), "of the main model, without MTP modules").Required();
    f.Add("hidden", &S::hidden, Dimension(1), "width between layers").Required();
    f.Add("vocabulary", &S::vocabulary, Whole<std::int64_t>(1, std::int64_t{1} << 32), "tokens known")
        .Required();
    f.Add("dense_intermediate", &S::dense_intermediate, Dimension(0),
          "SwiGLU width of dense layers; required where there are any");
    f.Add("attention", &S::attention, MapOf(AttentionFields()), "of every layer").Required();
    f.Add("mixers", &S::mixers, ListOf(MapOf(MixerFields()), 0, 8), "of layers without `attention`");
    f.Add("moe", &S::moe, Maybe(MapOf(MoeFields())), "experts; absent: every layer is dense");
    f.AddWith(
        "pattern", PatternType(), ReadPattern, WritePattern,
        "blocks of the layers, over and over: a mixer's name, 'attention' or 'none', and a feed-forward, "
        "as in window+moe");
    f.Add("mtp_modules", &S::mtp_modules, Dimension(0), "multi-token prediction modules");
    f.Add("tied_embeddings", &S::tied_embeddings, Flag(), "the head is the embedding");
    f.Add("gated", &S::gated, Flag(), "feed-forwards are SwiGLU; else one matrix up and one down");
    f.Add("max_positions", &S::max_positions, Positions(kMaxPositions), "of pre-training");
    f.Add("scaled_positions", &S::scaled_positions, Positions(kMaxPositions),
          "after the declared RoPE scaling");
    f.After(CompleteModel);
    return f;
  }();
  return fields;
}

LayerBlocks ModelSpec::BlocksOf(int layer) const {
  if (!pattern.empty()) return pattern[static_cast<std::size_t>(layer) % pattern.size()];
  return {moe && layer >= moe->first_dense_layers ? LayerKind::kMoe : LayerKind::kDense, kOwnMixer};
}

std::vector<LayerGroup> ModelSpec::Groups() const {
  std::vector<LayerGroup> groups;
  const auto add = [&groups](const LayerBlocks& blocks, int count) {
    for (LayerGroup& g : groups) {
      if (g.blocks == blocks) return void(g.count += count);
    }
    groups.push_back({blocks, count});
  };
  if (pattern.empty()) {
    if (MoeLayers() < layers) add({LayerKind::kDense, kOwnMixer}, layers - MoeLayers());
    if (MoeLayers() > 0) add({LayerKind::kMoe, kOwnMixer}, MoeLayers());
    return groups;
  }
  for (int layer = 0; layer < layers; ++layer) add(BlocksOf(layer), 1);
  std::stable_sort(groups.begin(), groups.end(), [](const LayerGroup& a, const LayerGroup& b) {
    return std::pair(a.blocks.kind, a.blocks.mixer) < std::pair(b.blocks.kind, b.blocks.mixer);
  });
  return groups;
}

int ModelSpec::CountMoe(int end) const {
  int count = 0;
  for (int layer = 0; layer < end; ++layer) count += IsMoeLayer(layer) ? 1 : 0;
  return count;
}

int ModelSpec::LayersWith(int mixer) const {
  if (pattern.empty()) return mixer == kOwnMixer ? layers : 0;
  int count = 0;
  for (int layer = 0; layer < layers; ++layer) count += BlocksOf(layer).mixer == mixer ? 1 : 0;
  return count;
}

int ModelSpec::DenseLayers() const {
  if (pattern.empty()) return layers - MoeLayers();
  int count = 0;
  for (int layer = 0; layer < layers; ++layer) count += BlocksOf(layer).kind == LayerKind::kDense ? 1 : 0;
  return count;
}

const AttentionSpec* ModelSpec::AttentionOf(int mixer) const {
  if (mixer == kOwnMixer) return &attention;
  if (mixer == kNoMixer) return nullptr;
  const MixerSpec& m = mixers[static_cast<std::size_t>(mixer - 1)];
  return m.attention ? &*m.attention : nullptr;
}

const RecurrenceSpec* ModelSpec::RecurrenceOf(int mixer) const {
  if (mixer <= kOwnMixer) return nullptr;
  const MixerSpec& m = mixers[static_cast<std::size_t>(mixer - 1)];
  return m.recurrence ? &*m.recurrence : nullptr;
}

Written WriteModel(const ModelSpec& spec) {
  std::vector<Written> shorter;
  for (const std::string& preset : ModelPresets()) {
    if (spec.name != preset && !spec.name.starts_with(preset + " with ")) continue;
    const ModelSpec base = ModelPreset(preset);
    if (spec == base) return Written::Scalar(preset);
    ModelSpec renamed = spec;
    renamed.name = base.name;
    Written map = Written::Map();
    map.Add("preset", Written::Scalar(preset));
    map.Add("override", ModelFields().WriteChanged(renamed, base));
    shorter.push_back(std::move(map));
  }
  return FirstThatReadsBack<ModelSpec>(shorter, spec, ReadModel).value_or(ModelFields().Write(spec));
}

Codec<ModelSpec> ModelCodec() {
  Codec<ModelSpec> c;
  c.type = {
      FieldType::Kind::kMap,
      "name of a model, {preset: NAME, override: {...}}, {huggingface: FILE, override: {...}}, or a map",
      "",
      {},
      {},
      ModelPresets(),
      ModelFields().Infos()};
  c.read = ReadModel;
  c.write = WriteModel;
  return c;
}

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
  if (value.Find("huggingface") != nullptr) return ReadFromHuggingFace(value);
  return ReadSpec(value, "model");
}

}  // namespace orrery::models
