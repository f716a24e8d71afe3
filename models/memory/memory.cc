#include "models/memory/memory.h"

#include <algorithm>

#include "core/base/error.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

constexpr std::int64_t kBf16 = 2, kFp32 = 4;

/// Sums a per-layer figure over the layers of a stage and its MTP modules.
template <typename Of>
std::int64_t SumLayers(const ModelSpec& spec, const Stage& stage, Of of) {
  std::int64_t sum = 0;
  for (const int layer : stage.layers) sum += of(spec.BlocksOf(layer));
  if (stage.MtpLayers() > 0) sum += stage.MtpLayers() * of(MtpBlocks(spec));
  return sum;
}

std::int64_t EndActivations(const ModelSpec& spec, const Stage& stage, const LayerShape& s) {
  const std::int64_t row = kBf16 * spec.hidden;
  std::int64_t bytes = 0;
  if (stage.has_embedding) bytes += 8 * s.tokens();   // token ids
  bytes += stage.Heads() * s.tokens() * row;          // input of the norm before a pass through the head
  bytes += stage.MtpLayers() * s.tokens() * 2 * row;  // hidden and embedding
  return bytes;
}

std::int64_t StageActivations(const ModelSpec& spec, const Stage& stage, const LayerShape& shape) {
  return EndActivations(spec, stage, shape) + SumLayers(spec, stage, [&](const LayerBlocks& blocks) {
           std::int64_t bytes = 0;
           for (const SavedTensor& t : SavedActivations(spec, blocks, shape)) bytes += t.bytes.count;
           return bytes;
         });
}

Bytes Weights(const LocalParameters& p, const LayerShape& shape, const MemoryPlan& plan) {
  if (!shape.fp8()) return {kBf16 * p.Total()};
  const std::int64_t fp8 = p.expert + p.linear;
  const std::int64_t scales = fp8 * kFp32 / (128 * 128);  // one per 128x128 block (V3 3.3.2)
  return {fp8 + scales + kBf16 * (p.other + (plan.keep_bf16_weights ? fp8 : 0))};
}

Bytes Optimizer(const LocalParameters& p, const MemoryPlan& plan) {
  constexpr std::int64_t kState = kFp32 + 2 * kBf16;  // master, two moments
  if (!plan.zero1) return {kState * p.Total()};
  const std::int64_t replicas = std::int64_t{plan.data_parallel} * plan.stage_copies;
  const std::int64_t expert_replicas = std::max<std::int64_t>(1, replicas / plan.expert_parallel);
  const std::int64_t distinct =
      plan.expert_slots > 0 ? p.expert * plan.distinct_experts / plan.expert_slots : p.expert;
  return {kState * (CeilDiv(p.NonExpert(), replicas) + CeilDiv(distinct, expert_replicas))};
}

/// The largest workspace of any layer the rank holds.
Bytes Workspace(const ModelSpec& spec, const StageLayout& layout, const LayerShape& shape,
                const MemoryPlan& plan) {
  Bytes forward{}, backward{};
  for (const int held : plan.held) {
    SumLayers(spec, layout.stages[static_cast<std::size_t>(held)], [&](const LayerBlocks& blocks) {
      forward = std::max(forward, ForwardWorkspace(spec, blocks, shape));
      backward = std::max(backward, BackwardWorkspace(spec, blocks, shape));
      return 0;
    });
  }
  return plan.overlapped ? forward + backward : std::max(forward, backward);
}

/// DeepEP's tokens a channel can hold per peer, by ranks: deepseek-ai/DeepEP deep_ep/buffer.py,
/// get_dispatch_config (NVLink), and csrc/config.hpp, which rounds the 128 RDMA tokens up to chunks of 28 or 20.
std::int64_t NvlinkTokens(int ranks) {
  return ranks <= 8 ? 256 : ranks <= 64 ? 288 : ranks <= 128 ? 560 : 720;
}
constexpr std::int64_t kRdmaTokens = 140;

}  // namespace

LocalParameters LayerParameters(const ModelSpec& spec, const LayerBlocks& blocks, ExpertHolding holding) {
  const LayerParameterCount c = CountLayer(spec, blocks);
  LocalParameters p{0, c.attention + c.dense + c.shared_experts, c.attention_vectors + c.norms};
  if (blocks.kind != LayerKind::kMoe) return p;
  const int slots = holding.slots > 0 ? holding.slots : spec.moe->routed_experts;
  ORRERY_CHECK(holding.ranks >= 1 && slots % holding.ranks == 0,
               std::to_string(slots) + " experts over " + std::to_string(holding.ranks) + " ranks");
  p.expert = c.one_expert * (slots / holding.ranks);
  p.other += c.router() + c.shared_gate;
  return p;
}

LocalParameters MtpParameters(const ModelSpec& spec, ExpertHolding holding) {
  LocalParameters p = LayerParameters(spec, MtpBlocks(spec), holding);
  p.linear += MtpProjection(spec).parameters();
  p.other += MtpNormParameters(spec);
  return p;
}

LocalParameters AttentionParametersOfLayer(const ModelSpec& spec, const LayerBlocks& blocks) {
  const LayerParameterCount c = CountLayer(spec, blocks);
  return {0, c.attention, c.attention_vectors + c.norms};
}

LocalParameters UniqueParametersPerRank(const ModelSpec& spec, const StageLayout& layout,
                                        const std::vector<int>& held, ExpertHolding holding) {
  LocalParameters sum;
  bool embedding = false, head = false;
  for (const int index : held) {
    const Stage& stage = layout.stages[static_cast<std::size_t>(index)];
    for (const int layer : stage.layers) {
      sum += LayerParameters(spec, spec.BlocksOf(layer), holding);
    }
    for (int i = 0; i < stage.MtpLayers(); ++i) sum += MtpParameters(spec, holding);
    embedding = embedding || stage.has_embedding || stage.MtpLayers() > 0 ||
                (stage.Heads() > 0 && spec.tied_embeddings);
    head = head || stage.Heads() > 0;
  }
  const std::int64_t table = spec.vocabulary * spec.hidden;
  if (embedding) sum.other += table;
  if (head) sum.other += spec.hidden + (spec.tied_embeddings ? 0 : table);
  return sum;
}

Bytes ExpertExchangeBuffers(const ModelSpec& spec, int expert_parallel, int comm_sms) {
  // get_nvl_buffer_size_hint and get_rdma_buffer_size_hint of DeepEP csrc/config.hpp (normal kernels).
  constexpr std::int64_t kTopK = 128, kScales = 128, kMeta = 8, kNode = 8;
  const std::int64_t channels = comm_sms / 2;
  const std::int64_t row = kBf16 * spec.hidden + kMeta + kTopK * (8 + 4) + kScales * 4;
  const std::int64_t peers = std::min<std::int64_t>(expert_parallel, kNode);
  const std::int64_t nodes = std::max<std::int64_t>(expert_parallel / kNode, 1);
  std::int64_t bytes = channels * peers * ((2 * nodes + 3) * 4 + NvlinkTokens(expert_parallel) * row);
  if (expert_parallel > kNode) {
    bytes += channels * nodes * 2 * ((kNode * 2 + 2) * 4 + kRdmaTokens * (row + 16)) + (1 << 20);
  }
  return {expert_parallel > 1 ? bytes : 0};
}

Bytes RankMemory::Total() const {
  return weights + gradients + optimizer + activations + deferred_weights + workspace + logits +
         communication + reserve;
}

RankMemory MemoryOfRank(const ModelSpec& spec, const StageLayout& layout, const LayerShape& shape,
                        const MemoryPlan& plan) {
  ORRERY_CHECK(plan.held.size() == plan.chunks_in_flight.size(),
               std::to_string(plan.held.size()) + " stages, chunks in flight of " +
                   std::to_string(plan.chunks_in_flight.size()));
  const LocalParameters parameters =
      UniqueParametersPerRank(spec, layout, plan.held, {plan.expert_parallel, plan.expert_slots});
  RankMemory memory;
  memory.weights = Weights(parameters, shape, plan);
  memory.gradients = {kFp32 * parameters.Total()};
  memory.optimizer = Optimizer(parameters, plan);
  std::int64_t deferred = 0;
  for (std::size_t i = 0; i < plan.held.size(); ++i) {
    const Stage& stage = layout.stages[static_cast<std::size_t>(plan.held[i])];
    memory.activations += plan.chunks_in_flight[i] * Bytes{StageActivations(spec, stage, shape)};
    deferred = std::max(deferred, SumLayers(spec, stage, [&](const LayerBlocks& blocks) {
                          return WeightPassOperands(spec, blocks, shape).count;
                        }));
    memory.logits = std::max(memory.logits, stage.Heads() * LogitsBytes(spec, shape, plan.head));
  }
  memory.deferred_weights = plan.deferred_weight_chunks * Bytes{deferred};
  memory.workspace = Workspace(spec, layout, shape, plan);
  memory.communication = plan.communication;
  memory.reserve = plan.reserve;
  return memory;
}

}  // namespace orrery::models
