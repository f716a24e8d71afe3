// Device memory of one rank through a training step: parameters, gradients, optimizer shard, activations of the
// micro-batches in flight in the form they are kept, and the buffers beside them.
#pragma once

#include <string>
#include <vector>

#include "core/base/units.h"
#include "models/layers/end_ops.h"
#include "models/layers/layer.h"
#include "models/parallel/stages.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// Parameters on one rank, by how they are stored and reduced.
struct LocalParameters {
  std::int64_t expert = 0;  ///< routed experts: replicated over data-parallel ranks / expert-parallel ranks
  std::int64_t linear =
      0;  ///< other matrices that run in FP8: attention, dense and shared SwiGLU, MTP projection
  std::int64_t other = 0;  ///< kept in BF16: embedding, head, router, norms, biases (V3 3.3.1)

  std::int64_t NonExpert() const { return linear + other; }
  std::int64_t Total() const { return expert + NonExpert(); }
  bool operator==(const LocalParameters&) const = default;
  LocalParameters& operator+=(const LocalParameters& o) {
    expert += o.expert, linear += o.linear, other += o.other;
    return *this;
  }
  LocalParameters& operator-=(const LocalParameters& o) {
    expert -= o.expert, linear -= o.linear, other -= o.other;
    return *this;
  }
};

/// How a MoE layer's experts lie on the ranks of an expert-parallel group: `slots` of them, replicas
/// included, that the ranks divide; 0 slots: each routed expert once.
struct ExpertHolding {
  int ranks = 1, slots = 0;
  ExpertHolding(int expert_parallel, int expert_slots = 0)  // NOLINT: a number of ranks says it mostly
      : ranks(expert_parallel), slots(expert_slots) {}
};

/// Parameters of one transformer layer on one of the ranks.
LocalParameters LayerParameters(const ModelSpec& spec, const LayerBlocks& blocks, ExpertHolding holding);

/// Those of an MTP module: its layer, projection and norms.
LocalParameters MtpParameters(const ModelSpec& spec, ExpertHolding holding);
/// Of a layer's, those of the attention and of the norms: what is not MLP.
LocalParameters AttentionParametersOfLayer(const ModelSpec& spec, const LayerBlocks& blocks);

/// Of the stages `held` by a rank. Embedding and head count once however many stages use them (V3 3.2.3: MTP
/// shares them because they lie on the same rank); an MTP layer away from the embedding and a use of the head
/// away from it hold a copy. A copy's gradients are those of one more replica: reduced over all of them, they
/// take no longer.
LocalParameters UniqueParametersPerRank(const ModelSpec& spec, const StageLayout& layout,
                                        const std::vector<int>& held, ExpertHolding holding);

/// One tensor that the forward pass of a layer keeps for its backward pass.
struct SavedTensor {
  std::string name;
  Bytes bytes{};
};
std::vector<SavedTensor> SavedActivations(const ModelSpec& spec, const LayerBlocks& layer,
                                          const LayerShape& shape);

/// What a deferred weight pass of a layer holds between B and W: both operands of every weight gradient.
Bytes WeightPassOperands(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& shape);

/// Transient tensors of the block that needs most, forward and backward; both where two chunks overlap.
Bytes ForwardWorkspace(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& shape);
Bytes BackwardWorkspace(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& shape);

/// DeepEP's NVLink and RDMA buffers for `expert_parallel` ranks, 8 a node, with `comm_sms` SMs.
Bytes ExpertExchangeBuffers(const ModelSpec& spec, int expert_parallel, int comm_sms);

/// What a process holds before it allocates anything: a CUDA context with lazily loaded modules, about 300 MB
/// (ptrblck in pytorch/pytorch issue 107667, 2023-08), and cuBLAS workspaces of 32 MiB, its recommendation for Hopper
/// (cuBLAS API reference, cublasSetWorkspace), on the three streams of the trace. Fragmentation is not in it.
inline constexpr Bytes kFrameworkReserve{300'000'000 + 3 * (std::int64_t{32} << 20)};

struct MemoryPlan {
  std::vector<int> held;              ///< stages of this rank
  std::vector<int> chunks_in_flight;  ///< peak micro-batches in flight of each held stage, from the schedule
  int deferred_weight_chunks = 0;     ///< peak chunks between B and W, from the schedule
  bool overlapped = false;            ///< a forward and a backward chunk run at the same time (DualPipe)
  int data_parallel = 1;              ///< ranks with the same stage: 128 for V3
  int expert_parallel = 1;
  int expert_slots = 0;      ///< of a layer over those ranks, replicas included; 0: each expert once
  int distinct_experts = 0;  ///< of them, where slots hold replicas: replicas share their optimizer state
  int stage_copies = 1;      ///< ranks of one pipeline that hold each stage: 2 under DualPipe
  bool zero1 = true;         ///< optimizer state sharded over the replicas
  bool keep_bf16_weights = false;  ///< a BF16 copy beside the FP8 weights; the trace casts none, so no
  HeadShape head;
  Bytes communication{};  ///< exchange buffers, see ExpertExchangeBuffers
  Bytes reserve = kFrameworkReserve;
};

struct RankMemory {
  Bytes weights{};
  Bytes gradients{};  ///< FP32 (V3 3.3.3)
  Bytes optimizer{};  ///< FP32 master, two BF16 moments (V3 3.3.3)
  Bytes activations{};
  Bytes deferred_weights{};  ///< operands of weight passes put off
  Bytes workspace{};
  Bytes logits{};
  Bytes communication{};
  Bytes reserve{};

  Bytes Total() const;
  bool Fits(Bytes device) const { return Total() <= device; }
};

/// Peak of one rank; the shape's routed rows stand for every MoE layer. Aborts if chunks_in_flight does not match `held`.
RankMemory MemoryOfRank(const ModelSpec& spec, const StageLayout& layout, const LayerShape& shape,
                        const MemoryPlan& plan);

}  // namespace orrery::models
