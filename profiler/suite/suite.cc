#include "profiler/suite/suite.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "profiler/suite/cost.h"

namespace orrery::profiler {
namespace {

// Shapes of DeepSeek-V3 (config.json of deepseek-ai/DeepSeek-V3: hidden_size, num_attention_heads, q_lora_rank,
// kv_lora_rank, qk_rope_head_dim, qk_nope_head_dim, v_head_dim, moe_intermediate_size, intermediate_size, vocab_size).
constexpr std::int64_t kHidden = 7168, kHeads = 128, kQRank = 1536, kKvRank = 512, kRotary = 64, kNope = 128,
                       kValue = 128;
constexpr std::int64_t kExpert = 2048, kDense = 18432, kVocabulary = 129280, kExperts = 256;
constexpr std::int64_t kTokens = 4096;  // one micro-batch of the published training trace

struct Projection {
  const char* name;
  std::int64_t n, k;
};

constexpr Projection kProjections[] = {{"q_a", kQRank, kHidden},
                                       {"kv_a", kKvRank + kRotary, kHidden},
                                       {"qkv_a fused", kQRank + kKvRank + kRotary, kHidden},
                                       {"q_b", kHeads*(kNope + kRotary), kQRank},
                                       {"kv_b", kHeads*(kNope + kValue), kKvRank},
                                       {"o", kHidden, kHeads* kValue}};
constexpr Projection kFfn[] = {{"dense gate_up", 2 * kDense, kHidden},
                               {"dense down", kHidden, kDense},
                               {"shared gate_up", 2 * kExpert, kHidden},
                               {"shared down", kHidden, kExpert}};

class Builder {
 public:
  SuiteCase& Add(std::string group, std::string label, OpKind kind, OpShape shape, const char* library,
                 int priority = 1) {
    const LaunchCost cost = CostOf(kind, shape);
    cases_.push_back({std::move(group), std::move(label), kind, shape, priority, library, "", kAllSms, false,
                      cost.flops, cost.bytes});
    return cases_.back();
  }
  SuiteCase& AddVariant(SuiteCase base, std::string variant) {
    base.variant = std::move(variant);
    cases_.push_back(std::move(base));
    return cases_.back();
  }
  std::vector<SuiteCase>& cases() { return cases_; }

 private:
  std::vector<SuiteCase> cases_;
};

bool Among(std::int64_t value, std::initializer_list<std::int64_t> list) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

void AddDense(Builder& b) {
  for (const Projection& p : kProjections) {
    for (const std::int64_t m : {1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}) {
      b.Add("mla proj fprop", std::string(p.name) + " fprop", OpKind::kGemmFp8, GemmShape{m, p.n, p.k},
            "cublasLt", Among(m, {64, 128, 4096, 16384}) ? 1 : 2);
    }
    if (std::string_view(p.name) == "qkv_a fused") continue;  // training keeps q_a and kv_a apart
    b.Add("mla proj dgrad", std::string(p.name) + " dgrad", OpKind::kGemmFp8, GemmShape{kTokens, p.k, p.n},
          "cublasLt");
    b.Add("mla proj wgrad", std::string(p.name) + " wgrad", OpKind::kGemmFp8Wgrad,
          GemmShape{p.n, p.k, kTokens}, "cublasLt");
  }
  for (const Projection& p : kFfn) {
    for (const std::int64_t m : {64, 128, 1024, 4096, 16384}) {
      b.Add("ffn fprop", std::string(p.name) + " fprop", OpKind::kGemmFp8, GemmShape{m, p.n, p.k}, "cublasLt",
            Among(m, {128, 4096}) ? 1 : 2);
    }
    if (std::string_view(p.name).substr(0, 6) != "shared") continue;
    b.Add("ffn dgrad", std::string(p.name) + " dgrad", OpKind::kGemmFp8, GemmShape{kTokens, p.k, p.n},
          "cublasLt");
    b.Add("ffn wgrad", std::string(p.name) + " wgrad", OpKind::kGemmFp8Wgrad, GemmShape{p.n, p.k, kTokens},
          "cublasLt");
  }
  b.Add("mtp", "eh_proj fprop", OpKind::kGemmFp8, GemmShape{kTokens, kHidden, 2 * kHidden}, "cublasLt", 2);
}

void AddBf16(Builder& b) {
  for (const std::int64_t m : {1, 8, 32, 64, 128, 256}) {
    b.Add("mla absorbed", "q_nope x W_UK", OpKind::kGemmBf16, GemmShape{m, kKvRank, kNope, kHeads}, "cublas");
    b.Add("mla absorbed", "attn_out x W_UV", OpKind::kGemmBf16, GemmShape{m, kValue, kKvRank, kHeads},
          "cublas");
  }
  for (const std::int64_t m : {std::int64_t{128}, kTokens}) {
    b.Add("router", "gate logits", OpKind::kGemmBf16, GemmShape{m, kExperts, kHidden}, "cublas");
  }
  b.Add("head", "lm_head fprop", OpKind::kGemmBf16, GemmShape{kTokens, kVocabulary, kHidden}, "cublas");
  b.Add("head", "lm_head decode", OpKind::kGemmBf16, GemmShape{128, kVocabulary, kHidden}, "cublas");
}

void AddAttention(Builder& b) {
  const std::pair<std::int64_t, std::int64_t> prefill[] = {{4, 1024}, {2, 2048},  {1, 4096},
                                                           {1, 8192}, {1, 16384}, {1, 32768}};
  for (const auto& [batch, length] : prefill) {
    const AttentionShape shape{batch, kHeads, kHeads, length, length, kNope + kRotary, kValue, true};
    b.Add("core attn prefill", "attention fwd", OpKind::kAttentionForward, shape, "cudnn");
    if (length <= 16384)
      b.Add("core attn prefill", "attention bwd", OpKind::kAttentionBackward, shape, "cudnn");
  }
  for (const std::int64_t batch : {1, 8, 32, 64, 128, 256}) {
    for (const std::int64_t kv : {1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072}) {
      for (const std::int64_t q : {1, 2}) {
        const bool first = Among(batch, {32, 128}) && Among(kv, {4096, 8192, 32768});
        b.Add("core attn decode", "MLA decode", OpKind::kAttentionDecode,
              AttentionShape{batch, kHeads, 1, q, kv, kKvRank + kRotary, kKvRank, q > 1}, "orrery",
              first ? 1 : 2);
      }
    }
  }
  for (const std::int64_t kv_heads : {std::int64_t{128}, std::int64_t{8}, std::int64_t{1}}) {
    for (const std::int64_t batch : {32, 128}) {
      const char* name = kv_heads == 128 ? "MHA decode" : kv_heads == 8 ? "GQA-8 decode" : "MQA decode";
      b.Add("core attn decode", name, OpKind::kAttentionDecode,
            AttentionShape{batch, kHeads, kv_heads, 1, 4096, 128, 128, false}, "orrery");
    }
  }
}

constexpr Projection kRouted[] = {{"gate_up", 2 * kExpert, kHidden}, {"down", kHidden, kExpert}};

void AddGrouped(Builder& b) {
  const std::pair<std::int64_t, std::int64_t> contiguous[] = {{4, 8192}, {8, 4096},  {8, 2048},
                                                              {9, 4096}, {16, 1024}, {32, 512}};
  const std::pair<std::int64_t, std::int64_t> masked[] = {{1, 1024}, {2, 512}, {4, 256}, {1, 64}, {1, 128},
                                                          {1, 256},  {2, 64},  {4, 64},  {8, 32}, {9, 64}};
  for (const Projection& p : kRouted) {
    const std::string name = std::string("experts ") + p.name;
    for (const auto& [groups, rows] : contiguous) {
      b.Add("routed experts", name + " fprop", OpKind::kGroupedGemmFp8,
            GemmShape{groups * rows, p.n, p.k, groups}, "orrery");
    }
    for (const auto& [groups, rows] : masked) {
      b.Add("routed experts", name + " fprop", OpKind::kGroupedGemmFp8Masked,
            GemmShape{groups * rows, p.n, p.k, groups}, "orrery");
    }
    b.Add("routed experts", name + " dgrad", OpKind::kGroupedGemmFp8, GemmShape{4 * 8192, p.k, p.n, 4},
          "orrery");
    b.Add("routed experts", name + " wgrad", OpKind::kGroupedGemmFp8Wgrad, GemmShape{p.n, p.k, 4 * 8192, 4},
          "cublasLt");
  }
}

void AddRows(Builder& b, const char* label, OpKind kind, std::int64_t rows, std::int64_t cols,
             const char* variant = "") {
  b.Add("memory bound", label, kind, RowsShape{rows, cols}, "orrery").variant = variant;
}

void AddCasts(Builder& b) {
  const std::pair<std::int64_t, std::int64_t> casts[] = {
      {4096, 7168}, {4096, 1536}, {4096, 512}, {4096, 16384}, {4096, 24576}, {4096, 32768}, {32768, 4096}};
  for (const auto& [rows, cols] : casts) AddRows(b, "cast 1x128", OpKind::kCastFp8, rows, cols);
  const std::pair<std::int64_t, std::int64_t> transposed[] = {{4096, 7168},  {4096, 16384}, {4096, 24576},
                                                              {4096, 32768}, {4096, 4096},  {32768, 4096}};
  for (const auto& [rows, cols] : transposed)
    AddRows(b, "cast 128x1 transposed", OpKind::kCastTransposeFp8, rows, cols);
  AddRows(b, "re-cast to 128x1 transposed, gathered", OpKind::kRequantizeGather, 32768, kHidden);
  AddRows(b, "weight transpose", OpKind::kTransposeFp8, kHidden, 16384);
  AddRows(b, "expert weight transpose", OpKind::kTransposeFp8, 4 * 4096, kHidden);
  AddRows(b, "dequantise", OpKind::kDequantize, 4096, kHidden);
  AddRows(b, "dequantise", OpKind::kDequantize, 32768, 4096);
  AddRows(b, "attention output to E5M6", OpKind::kSaveE5M6, kTokens, 16384);
  AddRows(b, "attention output from E5M6", OpKind::kRestoreE5M6, kTokens, 16384);
}

void AddElementwise(Builder& b) {
  for (const std::int64_t cols : {kHidden, kQRank, kKvRank})
    AddRows(b, "RMSNorm", OpKind::kRmsNorm, kTokens, cols);
  AddRows(b, "RMSNorm", OpKind::kRmsNorm, kTokens, kHidden, "residual");
  b.cases().back().bytes *= 2;  // x, residual; sum, y
  AddRows(b, "RMSNorm backward", OpKind::kRmsNormBackward, kTokens, kHidden);
  AddRows(b, "LayerNorm", OpKind::kLayerNorm, kTokens, kHidden);
  AddRows(b, "SwiGLU with cast", OpKind::kSwiGluCast, 32768, kExpert);
  AddRows(b, "SwiGLU", OpKind::kSwiGlu, kTokens, kExpert);
  AddRows(b, "SwiGLU recomputed and backward", OpKind::kSwiGluForwardBackward, 32768, kExpert);
  AddRows(b, "RoPE of q", OpKind::kRope, kTokens, kHeads * kRotary);
  AddRows(b, "assemble k and v", OpKind::kCopy, kTokens, kHeads * (kNope + kRotary + kValue));
  // 256 of a head's 320 written columns are read; the shared rotary part is read once.
  b.cases().back().bytes =
      2 * kTokens * (kHeads * (kNope + kValue) + kRotary + kHeads * (kNope + kRotary + kValue));
  AddRows(b, "residual add", OpKind::kResidualAdd, kTokens, kHidden);
  AddRows(b, "embedding gather", OpKind::kEmbedding, kTokens, kHidden);
  AddRows(b, "cross-entropy forward and backward", OpKind::kCrossEntropy, kTokens, kVocabulary);
  AddRows(b, "AdamW", OpKind::kAdamW, 1, 16777216);
  AddRows(b, "AdamW", OpKind::kAdamW, 1, 268435456);
  AddRows(b, "group-limited top-k", OpKind::kTopK, kTokens, kExperts);
  AddRows(b, "expert counts and map", OpKind::kRouterMisc, kTokens, 8);
}

// Unique rows of the published trace's micro-batch at one rank and the (token, expert) rows they expand to.
void AddRowMoves(Builder& b) {
  constexpr std::int64_t kUnique = 30500;
  constexpr std::int64_t kExpanded = 32768;
  for (const bool expand : {true, false}) {
    const std::int64_t bytes = (kUnique + kExpanded) * (expand ? kHidden + 4 * kHidden / 128 : 2 * kHidden);
    SuiteCase move{"memory bound",
                   expand ? "permute rows" : "unpermute rows",
                   expand ? OpKind::kPermute : OpKind::kUnpermute,
                   RowsShape{kExpanded, kHidden},
                   1,
                   "orrery",
                   "",
                   kAllSms,
                   false,
                   0.0,
                   bytes};
    b.cases().push_back(move);
  }
}

void AddCopies(Builder& b) {
  for (const int sms : {4, 8, 16, 20, 32, 64, 132}) {
    b.Add("copy", "device copy", OpKind::kCopy, RowsShape{32768, 4096}, "orrery").sms = sms;
  }
}

// Own kernel beside the library's, and the prices of promotion and of multicast.
void AddPrecisionVariants(Builder& b, const std::vector<SuiteCase>& base) {
  for (const SuiteCase& c : base) {
    const auto* gemm = std::get_if<GemmShape>(&c.shape);
    if (gemm == nullptr || c.priority > 1) continue;
    if (c.kind == OpKind::kGemmFp8 && gemm->k % 128 == 0 && Among(gemm->m, {64, 128, 4096}))
      b.AddVariant(c, "own").library = "orrery";
    if (c.kind != OpKind::kGroupedGemmFp8 || gemm->groups != 4) continue;
    b.AddVariant(c, "no-promotion");
    b.AddVariant(c, "no-multicast");
  }
  for (const SuiteCase& c : base) {
    if (c.kind == OpKind::kGemmFp8 && c.priority == 1 && std::get<GemmShape>(c.shape).m == kTokens)
      b.AddVariant(c, "fast-accumulate");
  }
}

void AddSkew(Builder& b, const std::vector<SuiteCase>& base) {
  for (const SuiteCase& c : base) {
    if (c.kind != OpKind::kGroupedGemmFp8) continue;
    const auto& gemm = std::get<GemmShape>(c.shape);
    if (gemm.groups != 8 || gemm.m != 8 * 4096) continue;
    for (const char* variant : {"skew-2x", "skew-4x", "skew-6x"}) b.AddVariant(c, variant);
  }
}

bool InPartitionExperiment(const SuiteCase& c) {
  if (c.priority > 1 || !c.variant.empty()) return false;
  if (const auto* gemm = std::get_if<GemmShape>(&c.shape)) {
    if (c.kind == OpKind::kGroupedGemmFp8) return gemm->groups == 8 && gemm->m == 8 * 4096;
    return (c.kind == OpKind::kGemmFp8 && gemm->m == kTokens) || (c.kind == OpKind::kGemmFp8Wgrad);
  }
  const auto* attention = std::get_if<AttentionShape>(&c.shape);
  return c.kind == OpKind::kAttentionDecode && attention->kv_heads == 1 && attention->batch == 128 &&
         attention->kv_len == 4096;
}

void AddPartition(Builder& b, const std::vector<SuiteCase>& base) {
  for (const SuiteCase& c : base) {
    if (!InPartitionExperiment(c)) continue;
    b.AddVariant(c, "").sms = kComputeSms;
    SuiteCase& limited = b.AddVariant(c, "");
    limited.sms = kComputeSms;
    limited.beside_copy = true;
    b.AddVariant(c, "").beside_copy = true;
  }
}

}  // namespace

std::vector<SuiteCase> DeepSeekV3Suite() {
  Builder b;
  AddDense(b);
  AddBf16(b);
  AddGrouped(b);
  AddAttention(b);
  AddCasts(b);
  AddElementwise(b);
  AddRowMoves(b);
  AddCopies(b);
  const std::vector<SuiteCase> base = b.cases();
  AddPrecisionVariants(b, base);
  AddSkew(b, base);
  AddPartition(b, base);
  return std::move(b.cases());
}

std::vector<std::string> SuiteNames() { return {"deepseek-v3"}; }

std::vector<std::int32_t> SkewedRows(std::int64_t total, int groups, double ratio) {
  if (groups < 1 || total % (std::int64_t{128} * groups) != 0)
    throw std::invalid_argument("skewed rows: total must be a multiple of 128 x groups");
  const auto blocks = static_cast<int>(total / 128);
  const int first = std::clamp(static_cast<int>(ratio * blocks / groups + 0.5), 1, blocks);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(groups), 0);
  rows[0] = groups == 1 ? static_cast<std::int32_t>(total) : first * 128;
  int left = blocks - first;
  for (int g = 1; g < groups; ++g) {
    const int share = left / (groups - g);
    rows[static_cast<std::size_t>(g)] = share * 128;
    left -= share;
  }
  return rows;
}

double SkewOf(std::string_view variant) {
  if (variant.substr(0, 5) != "skew-") return 1.0;
  return std::strtod(std::string(variant.substr(5)).c_str(), nullptr);
}

}  // namespace orrery::profiler
