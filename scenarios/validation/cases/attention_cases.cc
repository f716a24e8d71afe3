// Published figures on attention: caches, operations, kernels.
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "core/config/resources.h"
#include "hw/cost/cost_model.h"
#include "models/layers/flops.h"
#include "models/layers/serving_ops.h"
#include "models/spec/attention_numerics.h"
#include "scenarios/studies/attention_pricing.h"
#include "scenarios/validation/validation.h"

namespace orrery::scenarios {
namespace {

using models::AttentionDesign;
using models::CachePrecision;
using models::MakeDesign;
using models::ModelPreset;
using models::ModelSpec;

constexpr const char* kArea = "attention";
constexpr const char* kInsights = "Insights into DeepSeek-V3 (arXiv 2505.09343)";
constexpr const char* kInferSim = "alibaba/InferSim bench_data, H800";

ValidationCase Case(std::string id, std::string what, double published, double simulated, std::string unit,
                    ToleranceKind kind, double tolerance, std::string source) {
  ValidationCase c;
  c.id = std::move(id);
  c.area = kArea;
  c.what = std::move(what);
  c.published = published;
  c.simulated = simulated;
  c.unit = std::move(unit);
  c.kind = kind;
  c.tolerance = tolerance;
  c.source = std::move(source);
  return c;
}

double CachePerToken(const std::string& model, const std::string& design, CachePrecision precision,
                     bool mtp = false) {
  const ModelSpec spec = ModelPreset(model);
  return static_cast<double>(
      models::CacheBytesPerToken(spec, MakeDesign(design, spec.attention), precision, mtp).count);
}

double KiloElements(const std::string& model, const std::string& design) {
  return CachePerToken(model, design, CachePrecision::kBf16) / 2 / 1000;
}

void AddCaches(std::vector<ValidationCase>* cases) {
  const std::string table = std::string(kInsights) + " table 1";
  const auto add = [&](const char* id, const char* what, double published, double ours, const char* unit,
                       double tolerance, const std::string& source) {
    cases->push_back(Case(id, what, published, ours, unit, ToleranceKind::kAbsolute, tolerance, source));
  };
  const auto kilobytes = [](const char* model, const char* design) {
    return CachePerToken(model, design, CachePrecision::kBf16) / 1000;
  };
  add("DS-O01", "KV cache, DeepSeek-V3 MLA", 70.272, kilobytes("deepseek-v3", "own"), "KB/token", 0, table);
  add("DS-O02", "KV cache, Qwen2.5-72B GQA", 327.680, kilobytes("qwen2.5-72b", "own"), "KB/token", 0, table);
  add("DS-O03", "KV cache, Llama-3.1-405B GQA", 516.096, kilobytes("llama-3.1-405b", "own"), "KB/token", 0,
      table);
  // Figures that follow are right to half a unit of the last digit printed.
  const std::string v2 = "DeepSeek-V2 report table 9";
  add("DS-O05", "cache elements, small MoE MHA (V2-Lite's heads)", 110.6,
      KiloElements("deepseek-v2-lite", "mha"), "K/token", 0.05, v2);
  add("DS-O05", "cache elements, small MoE MLA (V2-Lite)", 15.6, KiloElements("deepseek-v2-lite", "own"),
      "K/token", 0.05, v2);
  add("DS-O06", "cache elements, large MoE MLA (V2)", 34.6, KiloElements("deepseek-v2", "own"), "K/token",
      0.05, v2);
  const double saved = 1 - CachePerToken("deepseek-v2", "own", CachePrecision::kSixBit) /
                               CachePerToken("deepseek-67b", "own", CachePrecision::kBf16);
  add("DS-O07", "KV cache, V2 as deployed (6 bits) against DeepSeek 67B (BF16)", -93.3, -100 * saved, "%",
      0.05, "DeepSeek-V2 report abstract, section 3.2.3");
  const AttentionDesign mla = MakeDesign("mla", ModelPreset("deepseek-v3").attention);
  add("DS-O09", "FP8 cache entry of MLA", 656,
      static_cast<double>(CacheBytesPerLayer(mla, CachePrecision::kFp8).count), "B/token/layer", 0,
      "FlashMLA docs/20250929");
  add("DS-O10", "KV cache of a 128 K request, MTP layer included", 8.72,
      CachePerToken("deepseek-v3", "own", CachePrecision::kBf16, true) * 131072 / std::pow(2.0, 30), "GiB",
      0.005, "FlashMLA docs/20250929");
  add("DS-O11", "KV cache, V3 as MHA", 3.998, kilobytes("deepseek-v3", "mha") / 1000, "MB/token", 0.0005,
      "V2 report table 1 formula");
  add("DS-O12", "KV cache, V3 as MQA", 31.2, kilobytes("deepseek-v3", "mqa"), "KB/token", 0.05,
      "V2 report table 1 formula");
  add("DS-O12", "KV cache, V3 as GQA-8", 249.9, kilobytes("deepseek-v3", "gqa-8"), "KB/token", 0.05,
      "V2 report table 1 formula");
}

void AddTrainingFlops(std::vector<ValidationCase>* cases) {
  struct Row {
    const char *id, *model;
    double published;
  };
  for (const Row& r : {Row{"DS-P01", "deepseek-v2", 155}, Row{"DS-P02", "deepseek-v3", 250},
                       Row{"DS-P03", "qwen2.5-72b", 394}, Row{"DS-P04", "llama-3.1-405b", 2448}}) {
    const double ours = models::TrainingFlopsPerToken(ModelPreset(r.model), 4096, true).total().count * 1e-9;
    ValidationCase c =
        Case(r.id, std::string("training cost, ") + r.model + ", 4 K, causal", r.published, ours,
             "GFLOP/token", ToleranceKind::kRelative, 0.02, std::string(kInsights) + " table 2");
    if (std::string(r.id) == "DS-P03") {
      c.residual =
          "6 operations on each of Qwen2.5-72B's 70.0 B published non-embedding parameters are 420 GFLOP "
          "before any attention: "
          "394 cannot be that model's (nor Qwen-72B's, 72.3 B). An FFN of 24576 (Qwen-72B's) with 8 "
          "key/value heads "
          "(Qwen2.5's) gives 386 with the head, 394 if the embedding counts too";
    }
    cases->push_back(std::move(c));
  }
}

double FeedForwardFlops(const std::vector<models::PlacedOp>& ops) {
  double flops = 0;
  for (const models::PlacedOp& o : ops) {
    if (models::IsFeedForward(o.block)) flops += WorkOf(o.op).flops * static_cast<double>(o.count);
  }
  return flops;
}

/// Step-3 report, tables 2 and 3: DeepSeek-V3 per decoded token.
void AddDecodeWork(std::vector<ValidationCase>* cases) {
  const ModelSpec v3 = ModelPreset("deepseek-v3");
  const AttentionDesign mla = MakeDesign("mla", v3.attention);
  models::Layout layout;
  layout.weights = models::WeightPrecision::kBf16;
  const std::string source = "Step-3 system report tables 2-3";
  struct Row {
    const char* id;
    std::int64_t context;
    double cache, core;
  };
  for (const Row& r : {Row{"3P-P05", 8192, 2.88e8, 1.47e11}, Row{"3P-P06", 32768, 1.15e9, 5.89e11}}) {
    const auto ops = models::ServedOps(v3, mla, layout, models::Pass::kDecode, {{1, 1, r.context}});
    const std::string at = fmt::format(", V3 at {} K", r.context / 1024);
    const double elements =
        static_cast<double>(models::CachePerLayer(mla).elements() * v3.layers * r.context);
    cases->push_back(Case(r.id, "cache read a token, 1 B an element" + at, r.cache, elements, "B",
                          ToleranceKind::kRelative, 0.01, source));
    cases->push_back(Case(r.id, "attention linear layers" + at, 2.28e10,
                          TotalWork(ops, models::Block::kProjection).flops, "FLOP/token",
                          ToleranceKind::kRelative, 0.01, source));
    cases->push_back(Case(r.id, "feed-forward, router included" + at, 4.84e10, FeedForwardFlops(ops),
                          "FLOP/token", ToleranceKind::kRelative, 0.01, source));
    ValidationCase core =
        Case(r.id, "attention" + at, r.core, TotalWork(ops, models::Block::kAttention).flops, "FLOP/token",
             ToleranceKind::kRelative, 0.01, source);
    core.residual =
        "the report counts 576 + 576 dimensions a head; the values of absorbed MLA are the 512 of the latent";
    cases->push_back(std::move(core));
  }
}

models::PlacedOp Core(const std::vector<models::PlacedOp>& ops) {
  const auto core = std::find_if(ops.begin(), ops.end(),
                                 [](const auto& o) { return o.block == models::Block::kAttention; });
  ORRERY_CHECK(core != ops.end(), "no attention op");
  return *core;
}

/// V3's attention kernels, as steps and prefills contain them.
models::PlacedOp MlaDecode(const ModelSpec& v3, std::int64_t batch, std::int64_t context,
                           std::int64_t query = 1) {
  return Core(models::ServedAttentionOps(v3, MakeDesign("mla", v3.attention), {}, models::Pass::kDecode,
                                         {{batch, query, context}}));
}
models::PlacedOp MlaPrefill(const ModelSpec& v3, std::int64_t prompt) {
  return Core(models::ServedAttentionOps(v3, MakeDesign("mla", v3.attention), {}, models::Pass::kPrefill,
                                         {{1, prompt, 0}}));
}

void AddKernels(const hw::CostModel& cost, std::vector<ValidationCase>* cases) {
  struct Decode {
    const char* id;
    std::int64_t batch, context;
    double us;
  };
  const ModelSpec v3 = ModelPreset("deepseek-v3");
  const StepPricer pricer(cost);
  const auto add = [&](const char* id, const std::string& what, double us, const models::PlacedOp& op) {
    ValidationCase c = Case(id, what, us, 1e6 * pricer.Price({op}).kernels_s(), "us",
                            ToleranceKind::kRelative, 0.1, kInferSim);
    c.role = CaseRole::kCalibrates;
    cases->push_back(std::move(c));
  };
  for (const Decode& d : {Decode{"3P-K01", 1, 4096, 21.653}, Decode{"3P-K02", 16, 4096, 53.437},
                          Decode{"3P-K03", 32, 4096, 85.584}, Decode{"3P-K04", 64, 4096, 155.153},
                          Decode{"3P-K05", 128, 1024, 96.252}, Decode{"3P-K06", 128, 4096, 292.023},
                          Decode{"3P-K07", 128, 8192, 550.393}, Decode{"3P-K08", 128, 16384, 1057.193},
                          Decode{"3P-K09", 128, 65536, 4443.373}, Decode{"3P-K10", 256, 4096, 585.772}}) {
    add(d.id, fmt::format("MLA decode kernel, batch {}, context {} K", d.batch, d.context / 1024), d.us,
        MlaDecode(v3, d.batch, d.context));
  }
  struct Prefill {
    const char* id;
    std::int64_t prompt;
    double us;
  };
  for (const Prefill& p :
       {Prefill{"3P-K11", 1024, 116.88}, Prefill{"3P-K12", 4096, 1104.692}, Prefill{"3P-K13", 8192, 4538.828},
        Prefill{"3P-K14", 16384, 17774.458}, Prefill{"3P-K15", 32768, 76337.72}}) {
    add(p.id, fmt::format("MLA prefill kernel, {} K", p.prompt / 1024), p.us, MlaPrefill(v3, p.prompt));
  }
}

/// The gap inside a CUDA graph is this figure over the 54 kernels of a layer's two micro-batches.
void AddGraphGaps(const hw::CostModel& cost, std::vector<ValidationCase>* cases) {
  constexpr int kKernels = 54;
  ValidationCase c =
      Case("DS-V08", "decode profile, gaps between the kernels of a layer", 0.045,
           kKernels * 1e3 * Seconds(cost.launch_gap(hw::Launching::kGraph)), "ms", ToleranceKind::kRelative,
           0.11, "LMSYS blog 2025-05-05, profile-decode.png, read off the drawing (+- 0.005)");
  c.role = CaseRole::kCalibrates;
  cases->push_back(std::move(c));
}

/// A median in percent that must not exceed ten.
ValidationCase MedianCase(const std::string& what, std::vector<double> percent, const std::string& source) {
  ORRERY_CHECK(!percent.empty(), what);
  const auto middle = percent.begin() + static_cast<std::ptrdiff_t>(percent.size() / 2);
  std::nth_element(percent.begin(), middle, percent.end());
  return Case("-", fmt::format("{} ({} rows)", what, percent.size()), 10, *middle, "%",
              ToleranceKind::kAtMost, 0, source);
}

bool IsMla(const AttentionShape& s) { return s.kv_heads == 1 && s.d_qk == 576; }

/// The range: batch to 256, contexts 1 K to 64 K.
bool InRange(const AttentionShape& s) { return s.batch <= 256 && s.kv_len >= 1024 && s.kv_len <= 65536; }

double PercentOff(Time priced, Time measured) {
  return 100 * std::abs(Seconds(priced) / Seconds(measured) - 1);
}

/// Every decode row priced without itself.
void AddLeaveOneOut(const hw::CostModel& cost, std::vector<ValidationCase>* cases) {
  std::vector<double> mla, gqa;
  const std::vector<hw::KernelRow> rows = cost.rows();
  for (const hw::CostModel::Residual& r : cost.LeaveOneOut()) {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const hw::KernelRow& k) { return hw::RowText(k) == r.row; });
    if (row == rows.end() || row->op.kind != OpKind::kAttentionDecode) continue;
    const AttentionShape& s = std::get<AttentionShape>(row->op.shape);
    if (InRange(s)) (IsMla(s) ? mla : gqa).push_back(100 * std::abs(std::exp(r.log_ratio) - 1));
  }
  cases->push_back(MedianCase("MLA decode, median error, each row left out", std::move(mla), kInferSim));
  cases->push_back(MedianCase("GQA decode, median error, each row left out", std::move(gqa), kInferSim));
}

/// Every GQA table priced without any of its rows, from the tables of the other head shapes.
void AddLeaveOneShapeOut(const hw::CostModel& cost, std::vector<ValidationCase>* cases) {
  const std::vector<hw::KernelRow> rows = cost.rows();
  const auto shape_of = [](const hw::KernelRow& row) { return std::get<AttentionShape>(row.op.shape); };
  hw::KernelTable all;
  all.device = cost.device().name;
  std::vector<AttentionShape> shapes;
  for (const hw::KernelRow& row : rows) {
    if (row.op.kind != OpKind::kAttentionDecode) continue;
    all.rows.push_back(row);
    const AttentionShape s = shape_of(row);
    const bool known = std::any_of(shapes.begin(), shapes.end(), [&](const auto& o) {
      return o.heads == s.heads && o.kv_heads == s.kv_heads;
    });
    if (!known && !IsMla(s)) shapes.push_back(s);
  }
  std::vector<double> pooled;
  for (const AttentionShape& left_out : shapes) {
    const auto same = [&](const hw::KernelRow& row) {
      return shape_of(row).heads == left_out.heads && shape_of(row).kv_heads == left_out.kv_heads;
    };
    hw::KernelTable others = all;
    std::erase_if(others.rows, same);
    const hw::CostModel model(cost.device(), {others});
    std::vector<double> percent;
    for (const hw::KernelRow& row : all.rows) {
      if (same(row) && InRange(shape_of(row)))
        percent.push_back(PercentOff(model.PriceOp(row.op, row.sms).time, row.time));
    }
    pooled.insert(pooled.end(), percent.begin(), percent.end());
    ValidationCase c =
        MedianCase(fmt::format("GQA decode {}/{} heads, median error, priced from the other head shapes",
                               left_out.heads, left_out.kv_heads),
                   std::move(percent), kInferSim);
    if (left_out.heads / left_out.kv_heads > 64) {
      c.residual =
          "128 queries a key head is twice the largest group of the other tables: an extrapolation, not an "
          "interpolation";
    }
    cases->push_back(std::move(c));
  }
  cases->push_back(
      MedianCase("GQA decode, all head shapes priced from the others", std::move(pooled), kInferSim));
}

/// Fastest MLA decode over a grid wider than the tables.
void AddFlashMlaLimits(const hw::CostModel& cost, std::vector<ValidationCase>* cases) {
  const ModelSpec v3 = ModelPreset("deepseek-v3");
  const StepPricer pricer(cost);
  double tflops = 0, gigabytes = 0;
  for (std::int64_t batch = 1; batch <= 1024; batch *= 2) {
    for (std::int64_t context = 64; context <= 262144; context *= 2) {
      for (std::int64_t query : {1, 2, 4}) {
        const models::PlacedOp step = MlaDecode(v3, batch, context, query);
        const double seconds = pricer.Price({step}).kernels_s();
        tflops = std::max(tflops, step.op.flops().count / seconds * 1e-12);
        gigabytes = std::max(gigabytes, static_cast<double>(step.op.bytes().count) / seconds * 1e-9);
      }
    }
  }
  const char* source = "FlashMLA README, docs/20250422, H800";
  cases->push_back(Case(
      "DS-K37", "MLA decode, highest rate over batch 1 to 1024, context 64 to 256 K, query length 1 to 4",
      660, tflops, "TFLOPS", ToleranceKind::kAtMost, 0, source));
  cases->push_back(Case("DS-K37", "the same, highest memory rate", 3000, gigabytes, "GB/s",
                        ToleranceKind::kAtMost, 0, source));
}

void AddIdentity(std::vector<ValidationCase>* cases) {
  double same = 0, before = std::numeric_limits<double>::infinity();
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    const models::MlaCase c = models::RandomMlaCase({}, seed);
    same = std::max(same, models::RelativeDifference(MaterialisedOutput(c), AbsorbedOutput(c)));
    before = std::min(before, models::RelativeDifference(RopeOnKeysOutput(c), RopeBeforeAbsorptionOutput(c)));
  }
  const char* source = "DeepSeek-V2 report sections 2.1.2 and 2.1.3";
  cases->push_back(Case("-",
                        "absorbed against materialised MLA, largest relative difference of 16 random cases",
                        1e-12, same, "", ToleranceKind::kAtMost, 0, source));
  ValidationCase broken = Case("-", "the same with RoPE put before absorption, least difference", 0.05,
                               before, "", ToleranceKind::kRange, 0, source);
  broken.low = 0.05;
  broken.high = 10;
  cases->push_back(std::move(broken));
}

}  // namespace

std::vector<ValidationCase> AttentionCases() {
  const hw::CostModel cost = hw::CostModel::Load(hw::DevicePreset("h800-sxm"), {});
  std::vector<ValidationCase> cases;
  AddCaches(&cases);
  AddTrainingFlops(&cases);
  AddDecodeWork(&cases);
  AddKernels(cost, &cases);
  AddGraphGaps(cost, &cases);
  AddLeaveOneOut(cost, &cases);
  AddLeaveOneShapeOut(cost, &cases);
  AddFlashMlaLimits(cost, &cases);
  AddIdentity(&cases);
  return cases;
}

}  // namespace orrery::scenarios
