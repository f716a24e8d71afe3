#include "scenarios/studies/attention_report.h"

#include <algorithm>

#include "core/base/error.h"

namespace orrery::scenarios {
namespace {

using models::AttentionDesign;
using models::Block;
using models::Layout;
using models::ModelSpec;
using models::Pass;

constexpr std::int64_t kMaxBatch = 65536;
/// Of every price's error, for the intervals: 20 beyond either end.
constexpr int kDraws = 400;

/// Refuses sizes whose byte counts would leave 64 bits, in doubles so that the check itself cannot.
void CheckSizes(const AttentionScenario& s, const ModelSpec& spec) {
  const models::AttentionSpec& a = spec.attention;
  const double heads = static_cast<double>(a.heads) * (a.head_dim + a.rope_dim + a.v_head_dim + 64);
  const double latent = static_cast<double>(a.kv_lora_rank) + a.q_lora_rank + 4.0 * a.head_dim;
  const double experts = spec.moe ? static_cast<double>(spec.moe->routed_experts) * spec.moe->intermediate +
                                        spec.moe->shared_intermediate
                                  : 0;
  const double layer =
      (spec.hidden + latent) * (heads + latent) + 3.0 * spec.hidden * (experts + spec.dense_intermediate);
  const double weights = 4 * ((spec.layers + spec.mtp_modules) * layer +
                              2.0 * spec.hidden * static_cast<double>(spec.vocabulary));
  const double rows =
      static_cast<double>(*std::max_element(s.batches.begin(), s.batches.end())) *
      static_cast<double>(*std::max_element(s.contexts.begin(), s.contexts.end()) + s.query_length);
  const double width =
      heads + latent + spec.hidden + spec.dense_intermediate + static_cast<double>(spec.vocabulary);
  constexpr double kMost = 4e18;  // below 2^62
  if (weights > kMost || rows * width * 8 * spec.layers > kMost) {
    throw InputError("model '" + spec.name +
                     "': sizes, batches and contexts this large cannot be counted in 64 bits");
  }
}

std::int64_t UsableBytes(const AttentionScenario& s) {
  return static_cast<std::int64_t>(s.memory_fraction * static_cast<double>(s.device.memory.count));
}

/// Everything about one model that its designs share.
struct Context {
  const AttentionScenario& scenario;
  const ModelSpec& spec;
  const Layout& layout;
  const StepPricer& pricer;
};

/// Bytes that a request of `length` tokens keeps on one GPU of a tensor group, all layers; of the whole group with
/// `tensor` 1.
std::int64_t RequestBytes(const Context& c, const AttentionDesign& design, std::int64_t length, int tensor) {
  return models::CacheBytes(c.spec, design, c.scenario.cache, c.scenario.mtp, length, tensor).count;
}

std::int64_t RequestsThatFit(const Context& c, const DesignReport& d, std::int64_t context) {
  const std::int64_t left = UsableBytes(c.scenario) - d.weight_bytes_per_gpu;
  const std::int64_t request = RequestBytes(c, d.design, context + c.scenario.query_length, c.layout.tensor);
  return left <= 0 ? 0 : left / request;
}

std::vector<models::PlacedOp> DecodeOps(const Context& c, const AttentionDesign& design,
                                        const models::SequenceSpan& sequences) {
  return models::ServedOps(c.spec, design, c.layout, Pass::kDecode, {sequences});
}

StepTime DecodeTime(const Context& c, const AttentionDesign& design, std::int64_t batch,
                    std::int64_t context) {
  return c.pricer.Price(DecodeOps(c, design, {batch, c.scenario.query_length, context}));
}

DecodePoint Decode(const Context& c, const DesignReport& d, std::int64_t batch, std::int64_t context) {
  const auto ops = DecodeOps(c, d.design, {batch, c.scenario.query_length, context});
  const double tokens = static_cast<double>(batch * c.scenario.query_length);
  const Work all = models::TotalWork(ops);
  const Work core = models::TotalWork(ops, Block::kAttention);
  const Work up = models::TotalWork(ops, Block::kUpProjection);
  DecodePoint p;
  p.context = context;
  p.batch = batch;
  p.time = c.pricer.Price(ops);
  p.attention_flops_per_token = (core.flops + up.flops) / tokens;
  p.attention_bytes_per_token = (core.bytes + up.bytes) / tokens;
  p.flops_per_token = all.flops / tokens;
  p.bytes_per_token = all.bytes / tokens;
  p.fits = batch <= RequestsThatFit(c, d, context);
  return p;
}

PrefillPoint Prefill(const Context& c, const AttentionDesign& design, std::int64_t prompt) {
  const auto ops = models::ServedOps(c.spec, design, c.layout, Pass::kPrefill, {{1, prompt, 0}});
  const Work all = models::TotalWork(ops);
  PrefillPoint p;
  p.prompt = prompt;
  p.time = c.pricer.Price(ops, hw::Launching::kStream);
  p.flops = all.flops;
  p.bytes = all.bytes;
  p.attention_flops =
      models::TotalWork(ops, Block::kAttention).flops + models::TotalWork(ops, Block::kUpProjection).flops;
  return p;
}

/// The largest batch up to `most` whose step keeps the limit, by bisection: step times grow with the batch.
std::int64_t LargestWithin(const Context& c, const AttentionDesign& design, std::int64_t context,
                           std::int64_t most) {
  const double limit = Seconds(c.scenario.tpot_limit);
  std::int64_t good = 0, bad = most + 1;
  while (bad - good > 1) {
    const std::int64_t middle = good + (bad - good) / 2;
    (DecodeTime(c, design, middle, context).total_s() <= limit ? good : bad) = middle;
  }
  return good;
}

CapacityPoint Capacity(const Context& c, const DesignReport& d, std::int64_t context) {
  CapacityPoint p;
  p.context = context;
  p.request_bytes = RequestBytes(c, d.design, context, 1);
  p.memory_batch = RequestsThatFit(c, d, context);
  p.tpot_batch = LargestWithin(c, d.design, context, std::min(p.memory_batch, kMaxBatch));
  if (p.tpot_batch > 0) {
    const StepTime step = DecodeTime(c, d.design, p.tpot_batch, context);
    p.tpot_s = step.total_s();
    p.tpot_range = step.range;
    p.tokens_per_s = static_cast<double>(p.tpot_batch * c.scenario.query_length) / p.tpot_s;
  }
  return p;
}

/// Of all norms for one token: activations, and gain and LayerNorm's bias, in BF16.
std::int64_t NormBytes(const Context& c, const AttentionDesign& design) {
  std::int64_t bytes = 0;
  for (const models::PlacedOp& o : DecodeOps(c, design, {1, 1, 1})) {
    const bool bias = o.op.kind == OpKind::kLayerNorm;
    if (o.op.kind != OpKind::kRmsNorm && !bias) continue;
    const std::int64_t weights = (bias ? 4 : 2) * std::get<RowsShape>(o.op.shape).cols;
    bytes += (o.op.bytes().count + weights) * o.count;
  }
  return bytes;
}

DesignReport ReportDesign(const Context& c, const AttentionDesign& design, const RunControl& control) {
  const AttentionScenario& s = c.scenario;
  models::CheckLayout(c.spec, design, c.layout);
  const AttentionDesign mha = models::MakeDesign("mha", c.spec);
  const std::int64_t longest = *std::max_element(s.contexts.begin(), s.contexts.end());
  DesignReport d;
  d.design = design;
  d.entry = models::CachePerLayer(design);
  d.state_bytes = RequestBytes(c, design, 0, 1);
  d.cache_bytes_per_token = CeilDiv(RequestBytes(c, design, longest, 1), longest);
  d.ratio_to_mha = static_cast<double>(d.cache_bytes_per_token) /
                   static_cast<double>(CeilDiv(RequestBytes(c, mha, longest, 1), longest));
  d.weight_bytes_per_gpu = models::WeightBytesPerGpu(c.spec, design, c.layout, s.mtp).count;
  d.cache_tokens_per_gpu = std::max<std::int64_t>(0, UsableBytes(s) - d.weight_bytes_per_gpu) /
                           CeilDiv(RequestBytes(c, design, longest, c.layout.tensor), longest);
  d.norm_bytes_per_token = NormBytes(c, design);
  for (std::int64_t context : s.contexts) {
    control.Tell(static_cast<double>(d.prefill.size()) / static_cast<double>(s.contexts.size()));
    for (std::int64_t batch : s.batches) d.decode.push_back(Decode(c, d, batch, context));
    d.prefill.push_back(Prefill(c, design, context));
    d.capacity.push_back(Capacity(c, d, context));
  }
  return d;
}

/// "own" and its plain name are one design; each is reported once. Of the designs compared where none are asked for,
/// groups that do not divide a model's heads are left out.
std::vector<AttentionDesign> Designs(const AttentionScenario& s, const ModelSpec& spec) {
  std::vector<AttentionDesign> designs;
  const bool asked = s.designs != AttentionScenario{}.designs;
  for (const std::string& name : s.designs) {
    if (!asked && name == "gqa-8" && spec.attention.heads % 8 != 0) continue;
    AttentionDesign d = models::MakeDesign(name, spec);
    const bool again =
        std::any_of(designs.begin(), designs.end(), [&](const auto& other) { return other.name == d.name; });
    if (!again) designs.push_back(std::move(d));
  }
  return designs;
}

/// How much of a model's time its designs take, about; crossovers are the rest.
constexpr double kDesignsDone = 0.7;

ModelReport ReportModel(const AttentionScenario& s, const ModelSpec& spec, const StepPricer& pricer,
                        const RunControl& control) {
  CheckSizes(s, spec);
  ModelReport m;
  m.spec = spec;
  m.parameters = models::CountParameters(spec);
  m.layout = ChooseLayout(s, spec);
  m.yarn_factor =
      models::YarnFactor(*std::max_element(s.contexts.begin(), s.contexts.end()), spec.max_positions);
  const Context context{s, spec, m.layout, pricer};
  bool any_mla = false;
  const std::vector<AttentionDesign> designs = Designs(s, spec);
  const double each = kDesignsDone / static_cast<double>(designs.size());
  for (const AttentionDesign& design : designs) {
    const double done = each * static_cast<double>(m.designs.size());
    control.Tell(done, spec.name + ": " + design.name);
    m.designs.push_back(ReportDesign(context, design, control.Part(done, done + each)));
    any_mla = any_mla || (design.is_mla() && !design.own_layers);
  }
  control.Tell(kDesignsDone, spec.name + ": ways to compute MLA");
  if (any_mla)
    m.crossovers = MlaCrossovers(spec, m.layout, pricer, s.contexts, control.Part(kDesignsDone, 1));
  return m;
}

bool LeavesHalf(const AttentionScenario& s, const ModelSpec& spec, const AttentionDesign& own,
                const Layout& layout) {
  return 2 * models::WeightBytesPerGpu(spec, own, layout, s.mtp).count <= UsableBytes(s);
}

/// The least power of two that the model allows and that leaves half the memory; the largest allowed if none
/// does.
int LeastDegree(const AttentionScenario& s, const ModelSpec& spec, const AttentionDesign& own, Layout layout,
                int Layout::*degree) {
  int chosen = layout.*degree;
  for (int d = chosen; d <= 4096; d *= 2) {
    layout.*degree = d;
    try {
      models::CheckLayout(spec, own, layout);
    } catch (const InputError&) {
      break;
    }
    chosen = d;
    if (LeavesHalf(s, spec, own, layout)) break;
  }
  return chosen;
}

}  // namespace

Layout ChooseLayout(const AttentionScenario& s, const ModelSpec& spec) {
  Layout layout;
  layout.cache = s.cache;
  layout.norm = s.norm;
  layout.weights = s.weights.value_or(s.device.fp8.value > 0 ? models::WeightPrecision::kFp8
                                                             : models::WeightPrecision::kBf16);
  const AttentionDesign own = models::MakeDesign("own", spec);
  layout.tensor = s.tensor.value_or(1);
  // Experts are spread first: attention of an MoE model stays data-parallel as long as that suffices.
  layout.expert = s.expert.value_or(spec.moe ? layout.tensor : 1);
  if (!s.expert && spec.moe) layout.expert = LeastDegree(s, spec, own, layout, &Layout::expert);
  if (!s.tensor && !spec.moe) layout.tensor = LeastDegree(s, spec, own, layout, &Layout::tensor);
  models::CheckLayout(spec, own, layout);
  return layout;
}

AttentionReport RunAttention(const AttentionScenario& scenario, const RunControl& control) {
  CheckAttentionScenario(scenario);
  control.Tell(0, "reading kernel tables");
  AttentionReport report;
  report.scenario = scenario;
  report.ridge_flops_per_byte = scenario.device.bf16.value / scenario.device.memory_rate.value;
  const hw::CostModel cost = hw::CostModel::Load(scenario.device, scenario.calibration);
  report.calibration = cost.sources();
  const StepPricer pricer(cost, cost.Errors().Draws(kDraws));
  const double each = 1 / static_cast<double>(scenario.models.size());
  for (const ModelSpec& spec : scenario.models) {
    const double done = each * static_cast<double>(report.models.size());
    report.models.push_back(ReportModel(scenario, spec, pricer, control.Part(done, done + each)));
  }
  control.Tell(1);
  return report;
}

}  // namespace orrery::scenarios
