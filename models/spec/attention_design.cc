#include "models/spec/attention_design.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/error.h"

namespace orrery::models {
namespace {

constexpr const char* kNotPublished = "not published";

/// V2 report, appendix D (tables 8 and 9): dense 7B models for MHA/GQA/MQA, MoE models for MLA.
constexpr const char* kGroupedQuality =
    "below MHA on hard benchmarks at 7B, MQA below GQA (DeepSeek-V2 report, table 8)";
constexpr const char* kMlaQuality =
    "better than MHA on most benchmarks at 16B and 250B (DeepSeek-V2 report, table 9)";
constexpr const char* kReappliedQuality =
    "not published; rejected because every prefix key is recomputed each step (DeepSeek-V2 report, section "
    "2.1.3)";
constexpr const char* kNoRopeQuality =
    "not published for MLA; ALiBi trained at 1024 matches sinusoidal trained at 2048 in perplexity, 1.3B, "
    "MHA "
    "(arXiv 2108.12409)";

/// "gqa-8" -> 8; InputError names what is wrong.
int ParseGroups(const std::string& name, int heads) {
  int groups = 0;
  const char* begin = name.data() + 4;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, groups);
  if (error != std::errc{} || stop != end || groups < 1) {
    throw InputError("design '" + name + "': expected gqa-N with N groups, for example gqa-8");
  }
  if (groups > heads || heads % groups != 0) {
    throw InputError("design '" + name + "': the groups must divide the " + std::to_string(heads) +
                     " query heads");
  }
  return groups;
}

AttentionDesign Grouped(const std::string& name, const AttentionSpec& base, int groups) {
  AttentionDesign d;
  d.name = name;
  d.spec.kind = groups == base.heads ? AttentionKind::kMha
                : groups == 1        ? AttentionKind::kMqa
                                     : AttentionKind::kGqa;
  d.spec.heads = base.heads;
  d.spec.kv_heads = groups;
  d.spec.head_dim = base.head_dim;
  d.spec.v_head_dim = base.v_head_dim;
  d.spec.qkv_bias = base.qkv_bias;
  d.spec.qk_norm = base.qk_norm;
  d.spec.qk_norm_joint = base.qk_norm_joint;
  d.spec.output_bias = base.output_bias;
  d.spec.output_gate = base.output_gate;
  d.quality = groups == base.heads ? "the reference" : kGroupedQuality;
  if (base.kind == AttentionKind::kMla) {
    d.assumption = "RoPE on the whole head of " + std::to_string(base.head_dim) + ", no compression";
  }
  return d;
}

AttentionDesign Latent(const std::string& name, const AttentionSpec& base) {
  AttentionDesign d;
  d.name = name;
  d.spec = base;
  d.spec.window = d.spec.chunk = d.spec.index_heads = d.spec.index_dim = d.spec.index_top_k = 0;
  d.spec.sinks = false;
  d.rope = RopeMode::kDecoupled;
  d.quality = kMlaQuality;
  if (base.kind != AttentionKind::kMla) {
    d.spec.kind = AttentionKind::kMla;
    d.spec.kv_heads = base.heads;
    d.spec.kv_lora_rank = 4 * base.head_dim;
    d.spec.rope_dim = base.head_dim / 2;
    d.spec.q_lora_rank = 0;
    d.spec.qkv_bias = d.spec.qk_norm = d.spec.qk_norm_joint = d.spec.output_gate = false;
    d.assumption = "d_c = 4 d_h, d_h^R = d_h / 2, no query compression (proportions of DeepSeek-V2)";
  }
  return d;
}

/// MLA without the decoupled key.
AttentionDesign WithoutDecoupledKey(const std::string& name, const AttentionSpec& base, RopeMode rope,
                                    const char* quality) {
  AttentionDesign d = Latent(name, base);
  d.spec.rope_dim = 0;
  d.rope = rope;
  d.decode = rope == RopeMode::kReapplied ? MlaDecode::kMaterialised : MlaDecode::kAbsorbed;
  d.quality = quality;
  return d;
}

}  // namespace

std::string OwnDesign(const AttentionSpec& spec) {
  if (spec.kind == AttentionKind::kMla) return "mla";
  if (spec.kv_heads == spec.heads) return "mha";
  return spec.kv_heads == 1 ? "mqa" : "gqa-" + std::to_string(spec.kv_heads);
}

std::string OwnDesign(const ModelSpec& spec) { return spec.IsUniform() ? OwnDesign(spec.attention) : "own"; }

std::vector<std::string> KnownDesigns() {
  return {"own",
          "mha",
          "gqa-8",
          "mqa",
          "mla",
          "mla-materialised",
          "mla-rope-reapplied",
          "mla-rope-on-latent",
          "mla-no-rope"};
}

AttentionDesign MakeDesign(const std::string& name, const AttentionSpec& base) {
  if (name == "own") {
    AttentionDesign d = MakeDesign(OwnDesign(base), base);
    d.spec = base;
    return d;
  }
  if (name == "mha") return Grouped(name, base, base.heads);
  if (name == "mqa") return Grouped(name, base, 1);
  if (name.starts_with("gqa-")) return Grouped(name, base, ParseGroups(name, base.heads));
  if (name == "mla") return Latent(name, base);
  if (name == "mla-materialised") {
    AttentionDesign d = Latent(name, base);
    d.decode = MlaDecode::kMaterialised;
    return d;
  }
  if (name == "mla-rope-reapplied")
    return WithoutDecoupledKey(name, base, RopeMode::kReapplied, kReappliedQuality);
  if (name == "mla-rope-on-latent")
    return WithoutDecoupledKey(name, base, RopeMode::kOnLatent, kNotPublished);
  if (name == "mla-no-rope") return WithoutDecoupledKey(name, base, RopeMode::kNone, kNoRopeQuality);
  std::string all;
  for (const std::string& known : KnownDesigns()) all += (all.empty() ? "" : ", ") + known;
  throw InputError("unknown attention design '" + name + "'; expected one of: " + all +
                   DidYouMean(name, KnownDesigns()));
}

AttentionDesign MakeDesign(const std::string& name, const ModelSpec& model) {
  if (name != "own" || model.IsUniform()) return MakeDesign(name, model.attention);
  AttentionDesign d = MakeDesign("own", model.attention);
  d.name = "own";
  d.own_layers = true;
  d.assumption.clear();
  d.quality = "its own";
  return d;
}

double CausalScores(const AttentionSpec& a, std::int64_t from, std::int64_t to) {
  // Of the tokens before position x: a triangle as far as the reach goes, a band beyond it.
  const auto before = [&a](std::int64_t x) {
    double whole = 0;
    if (a.chunk > 0) {
      const double chunk = a.chunk;
      whole = static_cast<double>(x / a.chunk) * chunk * chunk / 2;
      x %= a.chunk;
    }
    const double reach = static_cast<double>(a.Reach(x)), at = static_cast<double>(x);
    return whole + reach * reach / 2 + (at - reach) * reach;
  };
  return before(to) - before(from);
}

const char* Name(CachePrecision precision) {
  switch (precision) {
    case CachePrecision::kBf16:
      return "bf16";
    case CachePrecision::kFp8:
      return "fp8";
    case CachePrecision::kSixBit:
      return "6bit";
  }
  return "";
}

std::vector<std::string> CachePrecisionNames() { return {"bf16", "fp8", "6bit"}; }

CacheEntry CachePerLayer(const AttentionSpec& a) {
  if (a.kind == AttentionKind::kMla) return {a.kv_lora_rank, a.rope_dim};
  return {std::int64_t{a.kv_heads} * (a.head_dim + a.v_head_dim), 0};
}

int CacheLayers(const ModelSpec& spec, bool with_mtp) {
  return spec.layers + (with_mtp ? spec.mtp_modules : 0);
}

Bytes CacheBytesPerLayer(const AttentionSpec& attention, CachePrecision precision) {
  const CacheEntry entry = CachePerLayer(attention);
  switch (precision) {
    case CachePrecision::kBf16:
      return {2 * entry.elements()};
    case CachePrecision::kFp8:
      return {entry.content + 4 * CeilDiv(entry.content, 128) + 2 * entry.rope};
    case CachePrecision::kSixBit:
      return {CeilDiv(6 * entry.elements(), 8)};
  }
  return {};
}

Bytes CacheBytesPerToken(const ModelSpec& spec, const AttentionDesign& design, CachePrecision precision,
                         bool with_mtp) {
  return CacheBytesPerLayer(design, precision) * CacheLayers(spec, with_mtp);
}

Bytes IndexBytesPerLayer(const AttentionSpec& a) {
  return {a.index_heads > 0 ? a.index_dim + 4 * CeilDiv(a.index_dim, 128) : 0};
}

Bytes StateBytesPerLayer(const RecurrenceSpec& r) {
  return {4 * std::int64_t{r.heads} * r.key_dim * r.value_dim + 2 * r.channels() * std::max(0, r.conv - 1)};
}

Bytes CacheBytes(const ModelSpec& spec, const AttentionDesign& design, CachePrecision precision,
                 bool with_mtp, std::int64_t length, int tensor) {
  const ModelSpec model = WithDesign(spec, design);
  Bytes bytes{};
  for (int mixer = kOwnMixer; mixer <= static_cast<int>(model.mixers.size()); ++mixer) {
    const int layers = model.LayersWith(mixer) + (with_mtp && mixer == kOwnMixer ? model.mtp_modules : 0);
    if (const AttentionSpec* a = model.AttentionOf(mixer)) {
      const std::int64_t token =
          CeilDiv((layers * CacheBytesPerLayer(*a, precision)).count, CacheShards(*a, tensor)) +
          (layers * IndexBytesPerLayer(*a)).count;
      bytes += Bytes{token * a->Kept(length)};
    }
    if (const RecurrenceSpec* r = model.RecurrenceOf(mixer))
      bytes += Bytes{CeilDiv((layers * StateBytesPerLayer(*r)).count, std::min(tensor, r->heads))};
  }
  return bytes;
}

int CacheShards(const AttentionSpec& attention, int tensor) {
  return attention.kind == AttentionKind::kMla ? 1 : std::min(tensor, attention.kv_heads);
}

ModelSpec WithDesign(const ModelSpec& spec, const AttentionDesign& design) {
  ModelSpec changed = spec;
  changed.attention = design.spec;
  if (design.own_layers) return changed;
  for (LayerBlocks& blocks : changed.pattern)
    if (blocks.mixer != kNoMixer) blocks.mixer = kOwnMixer;
  changed.mixers.clear();
  return changed;
}

double YarnFactor(std::int64_t context, std::int64_t trained_positions) {
  if (trained_positions <= 0 || context <= trained_positions) return 1;
  return static_cast<double>(context) / static_cast<double>(trained_positions);
}

double YarnAttentionScale(double factor) { return factor <= 1 ? 1 : 0.1 * std::log(factor) + 1; }

}  // namespace orrery::models
