#include "models/layers/serving_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <boost/math/distributions/normal.hpp>

#include "core/base/error.h"
#include "models/layers/end_ops.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

/// Standard deviation in rows from which a binomial distribution is taken for a normal one: its skewness, of which a
/// quantile at z is off by (z^2 - 1) / 6 in rows, is then nothing beside the deviation.
constexpr double kNormalFrom = 100;

std::vector<std::int64_t> NormalQuantiles(double mean, double deviation, int count) {
  const boost::math::normal normal(mean, deviation);
  std::vector<std::int64_t> quantiles;
  for (int i = 0; i < count; ++i)
    quantiles.push_back(std::max<std::int64_t>(0, std::llround(quantile(normal, (i + 0.5) / count))));
  return quantiles;
}

/// Quantiles of the binomial distribution of `trials` of probability `p` at (i + 1/2) / count, ascending.
std::vector<std::int64_t> BinomialQuantiles(std::int64_t trials, double p, int count) {
  const double n = static_cast<double>(trials), mean = n * p, deviation = std::sqrt(mean * (1 - p));
  if (deviation > kNormalFrom) return NormalQuantiles(mean, deviation, count);
  // Eight standard deviations below the mean next to nothing is left out.
  const double first = std::max(0.0, std::floor(mean - 8 * deviation));
  double k = first;
  double log_mass = std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p);
  if (p < 1) log_mass += (n - k) * std::log1p(-p);
  double mass = std::exp(log_mass), below = mass;
  std::vector<std::int64_t> quantiles;
  for (int i = 0; i < count; ++i) {
    const double at = (i + 0.5) / count;
    while (below < at && k < n && mass > 0) {
      mass *= (n - k) / (k + 1) * p / (1 - p);
      below += mass;
      ++k;
    }
    quantiles.push_back(static_cast<std::int64_t>(k));
  }
  return quantiles;
}

/// Adds or takes single rows, from the fullest expert on, until they sum to `total`.
void SumTo(std::int64_t total, std::vector<std::int64_t>* ascending) {
  std::int64_t missing = total;
  for (const std::int64_t rows : *ascending) missing -= rows;
  for (std::size_t i = ascending->size(); missing != 0; i = i == 0 ? ascending->size() : i) {
    std::int64_t& rows = (*ascending)[--i];
    if (missing < 0 && rows == 0) continue;
    rows += missing > 0 ? 1 : -1;
    missing += missing > 0 ? -1 : 1;
  }
}

LayerShape ShapeOf(const ModelSpec& spec, const Layout& layout, const std::vector<SequenceSpan>& sequences) {
  LayerShape shape;
  shape.batch.sequences = sequences;
  shape.shard = ShardOf(spec, layout);
  if (spec.moe) {
    // Tensor groups of the expert group hold tokens of their own; their GPUs share what comes to them.
    const std::int64_t groups = layout.expert / layout.tensor;
    shape.batch.routed = UniformRows(*spec.moe, shape.shard.local_experts, shape.tokens() * groups);
  }
  return shape;
}

/// Elements of one GPU's weights by how they are stored.
struct WeightSplit {
  std::int64_t linear = 0;  ///< in the weights' precision
  std::int64_t bf16 = 0;    ///< embedding, head, router, norms
};

/// Matrices of a layer's mixer on one of the ranks that split the heads.
std::int64_t MixerMatrices(const ModelSpec& model, int mixer, int tensor) {
  std::int64_t matrices = 0;
  if (const AttentionSpec* a = model.AttentionOf(mixer)) {
    matrices += AttentionProjections(*a, model.hidden, tensor).parameters();
    if (a->index_heads > 0) matrices += IndexerProjections(*a, model.hidden).parameters();
  }
  if (const RecurrenceSpec* r = model.RecurrenceOf(mixer))
    matrices += RecurrenceProjections(*r, model.hidden, tensor).parameters();
  return matrices;
}

WeightSplit LayerWeights(const ModelSpec& model, const Layout& layout, const LayerBlocks& blocks) {
  const LayerParameterCount c = CountLayer(model, blocks);
  const std::int64_t experts = blocks.kind == LayerKind::kMoe ? model.moe->routed_experts / layout.expert : 0;
  return {MixerMatrices(model, blocks.mixer, layout.tensor) +
              (c.dense + c.shared_experts + c.shared_gate) / layout.tensor + experts * c.one_expert,
          c.router() + c.norms};
}

WeightSplit Count(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout, bool with_mtp) {
  const ModelSpec model = WithDesign(spec, design);
  const ParameterCount p = CountParameters(model);
  WeightSplit w{0, (p.embedding + p.head) / layout.tensor + spec.hidden};
  const auto add = [&](const WeightSplit& layer, std::int64_t times) {
    w.linear += times * layer.linear;
    w.bf16 += times * layer.bf16;
  };
  for (const LayerGroup& g : model.Groups()) add(LayerWeights(model, layout, g.blocks), g.count);
  if (with_mtp && spec.mtp_modules > 0) {
    WeightSplit module = LayerWeights(model, layout, MtpBlocks(model));
    module.linear += MtpProjection(spec).parameters();
    module.bf16 += MtpNormParameters(spec);
    add(module, spec.mtp_modules);
  }
  return w;
}

/// A mixer's kernels: all of a layer's but its feed-forward's.
std::vector<PlacedOp> MixerOps(const ModelSpec& model, LayerRef layer, Pass pass, const LayerShape& shape) {
  layer.kind = LayerKind::kNone;
  return LayerOps(model, layer, pass, shape);
}

}  // namespace

void CheckLayout(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout) {
  const auto refuse = [&](const std::string& what) {
    throw InputError("model '" + spec.name + "': " + what);
  };
  const std::string tensor = std::to_string(layout.tensor);
  if (layout.tensor < 1 || design.spec.heads % layout.tensor != 0) {
    refuse("tensor degree " + tensor + " does not divide the " + std::to_string(design.spec.heads) +
           " heads");
  }
  const int kv = design.spec.kv_heads;
  if (!design.is_mla() && kv % layout.tensor != 0 && layout.tensor % kv != 0) {
    refuse("tensor degree " + tensor + " and " + std::to_string(kv) +
           " key/value heads do not divide one another");
  }
  for (const MixerSpec& m : design.own_layers ? spec.mixers : std::vector<MixerSpec>{}) {
    if ((m.attention && m.attention->heads % layout.tensor != 0) ||
        (m.recurrence && m.recurrence->heads % layout.tensor != 0))
      refuse("tensor degree " + tensor + " does not divide the heads of " + m.name);
  }
  if (spec.dense_intermediate % layout.tensor != 0)
    refuse("tensor degree " + tensor + " does not divide the dense width");
  if (layout.expert < 1 || (!spec.moe && layout.expert != 1)) {
    refuse("expert degree " + std::to_string(layout.expert) + ", but the model has no routed experts");
  }
  if (spec.moe && spec.moe->routed_experts % layout.expert != 0) {
    refuse("expert degree " + std::to_string(layout.expert) + " does not divide the " +
           std::to_string(spec.moe->routed_experts) + " routed experts");
  }
  if (spec.moe && spec.moe->shared_intermediate % layout.tensor != 0) {
    refuse("tensor degree " + tensor + " does not divide the shared experts' width");
  }
  if (spec.moe && layout.expert % layout.tensor != 0) {
    refuse("expert degree " + std::to_string(layout.expert) + " is no multiple of tensor degree " + tensor);
  }
}

Shard ShardOf(const ModelSpec& spec, const Layout& layout) {
  Shard shard;
  shard.tensor = layout.tensor;
  shard.local_experts = spec.moe ? spec.moe->routed_experts / layout.expert : 0;
  shard.weights = layout.weights;
  shard.cache = layout.cache;
  shard.norm = layout.norm;
  return shard;
}

double ExpectedUniqueRows(const MoeSpec& moe, int local, std::int64_t tokens) {
  double miss = 1;
  for (int i = 0; i < moe.top_k; ++i) {
    miss *= std::max(0, moe.routed_experts - local - i) / static_cast<double>(moe.routed_experts - i);
  }
  return (1 - miss) * static_cast<double>(tokens);
}

RoutedRows UniformRows(const MoeSpec& moe, int local, std::int64_t tokens) {
  const double p = static_cast<double>(moe.top_k) / moe.routed_experts;
  const double total = static_cast<double>(tokens) * p * local;
  RoutedRows rows;
  rows.expert_rows = p < 1 ? BinomialQuantiles(tokens, p, local)
                           : std::vector<std::int64_t>(static_cast<std::size_t>(local), tokens);
  SumTo(std::max<std::int64_t>(1, std::llround(total)), &rows.expert_rows);
  rows.unique_rows = std::max<std::int64_t>(1, std::llround(ExpectedUniqueRows(moe, local, tokens)));
  return rows;
}

std::vector<PlacedOp> ServedAttentionOps(const ModelSpec& spec, const AttentionDesign& design,
                                         const Layout& layout, Pass pass,
                                         const std::vector<SequenceSpan>& sequences) {
  LayerShape shape;
  shape.batch.sequences = sequences;
  shape.shard = ShardOf(spec, layout);
  const LayerRef layer{LayerKind::kDense, &design};
  return SublayerOps(spec, layer, SublayersOf(spec, layer).front(), pass, shape);
}

std::vector<PlacedOp> ServedOps(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                                Pass pass, const std::vector<SequenceSpan>& sequences) {
  const LayerShape shape = ShapeOf(spec, layout, sequences);
  std::vector<PlacedOp> all;
  const auto add = [&](std::vector<PlacedOp> ops, std::int64_t times) {
    for (PlacedOp& o : ops) {
      o.count *= times;
      all.push_back(std::move(o));
    }
  };
  add(EmbeddingOps(spec, pass, shape), 1);
  const ModelSpec model = WithDesign(spec, design);
  for (int mixer = kOwnMixer; mixer <= static_cast<int>(model.mixers.size()); ++mixer) {
    const int layers = model.LayersWith(mixer);
    if (layers > 0) add(MixerOps(model, {LayerKind::kNone, &design, mixer}, pass, shape), layers);
  }
  const int moe_layers = model.MoeLayers(), dense_layers = model.DenseLayers();
  if (dense_layers > 0)
    add(LayerOps(model, {LayerKind::kDense, nullptr, kNoMixer}, pass, shape), dense_layers);
  if (moe_layers > 0) add(LayerOps(model, {LayerKind::kMoe, nullptr, kNoMixer}, pass, shape), moe_layers);
  add(HeadOps(spec, pass, shape, {}), 1);
  return all;
}

Bytes WeightBytesPerGpu(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                        bool with_mtp) {
  const WeightSplit w = Count(spec, design, layout, with_mtp);
  // FP8 weights carry one FP32 scale per 128 x 128 block.
  const std::int64_t linear =
      layout.weights == WeightPrecision::kBf16 ? 2 * w.linear : w.linear + w.linear / 128 / 128 * 4;
  return {linear + 2 * w.bf16};
}

double MaterialisedQueryLength(const AttentionSpec& a, std::int64_t context) {
  // Per layer, head and sequence, halves of the operations: absorbed q [L (2 d_c + d_R) + d_c (d_h + d_v)] against
  // materialised L d_c (d_h + d_v) + q L (d_h + d_R + d_v); equal at q.
  const double keys = static_cast<double>(context);
  const double expand = static_cast<double>(a.kv_lora_rank) * (a.head_dim + a.v_head_dim);
  const double extra = keys * (2.0 * a.kv_lora_rank - a.head_dim - a.v_head_dim) + expand;
  return extra > 0 ? keys * expand / extra : std::numeric_limits<double>::infinity();
}

}  // namespace orrery::models
