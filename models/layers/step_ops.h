// What a decode step and a prefill execute on one GPU, as ops with their operations and bytes, for any attention
// design. Communication is left out: these are the kernels between the exchanges.
#pragma once

#include <vector>

#include "core/op/op.h"
#include "core/op/op_work.h"
#include "models/spec/attention_design.h"

namespace orrery::models {

enum class WeightPrecision { kBf16, kFp8 };  ///< of the linear layers; router, embedding and head stay BF16
enum class NormKind { kRms, kLayer };

/// How a model is laid out over GPUs. A tensor group splits heads and the dense, shared and head matrices; routed
/// experts lie over `expert` GPUs; everything else is replicated (data parallel).
struct Layout {
  int tensor = 1;
  int expert = 1;
  WeightPrecision weights = WeightPrecision::kFp8;
  CachePrecision cache = CachePrecision::kBf16;
  NormKind norm = NormKind::kRms;
};

/// InputError if heads, experts or widths cannot be split so.
void CheckLayout(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout);

/// One decode step: `batch` sequences per tensor group, each with `context` tokens cached and `query_length` new
/// ones (more than one where drafted tokens are verified).
struct DecodeShape {
  std::int64_t batch = 1;
  std::int64_t context = 4096;
  std::int64_t query_length = 1;
};

/// `batch` prompts of `prompt` tokens, nothing cached before.
struct PrefillShape {
  std::int64_t batch = 1;
  std::int64_t prompt = 4096;
};

/// The part of a step an op belongs to.
enum class StepPart {
  kCore,          ///< the attention kernel over the cache
  kUpProjection,  ///< cached tokens up-projected, rotated or assembled again (materialised designs)
  kProjection,    ///< linear layers of attention, absorbed products included
  kFeedForward,   ///< dense, shared and routed experts, router
  kOther,         ///< embedding, norms, head
};
constexpr int kStepParts = 5;
/// "attention", "up-projection", "projections", "feed-forward", "other".
const char* Name(StepPart part);

/// An op and how often it runs in the step.
struct StepOp {
  Op op;
  std::int64_t count = 1;
  StepPart part = StepPart::kOther;
};

/// The attention ops of one layer, every count 1.
std::vector<StepOp> DecodeAttentionOps(const ModelSpec& spec, const AttentionDesign& design,
                                       const Layout& layout, const DecodeShape& shape);
std::vector<StepOp> PrefillAttentionOps(const ModelSpec& spec, const AttentionDesign& design,
                                        const Layout& layout, const PrefillShape& shape);
/// The whole main model on one GPU (MTP modules are not run).
std::vector<StepOp> DecodeStepOps(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                                  const DecodeShape& shape);
std::vector<StepOp> PrefillOps(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                               const PrefillShape& shape);

/// Totals over `ops`, counts applied.
Work TotalWork(const std::vector<StepOp>& ops);
Work TotalWork(const std::vector<StepOp>& ops, StepPart part);

/// Bytes of weights one GPU holds, MTP modules included if asked.
Bytes WeightBytesPerGpu(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                        bool with_mtp);

/// The query length from which materialised MLA needs fewer operations than absorbed MLA, `context` tokens cached
/// (both per sequence and layer; the new tokens' own projections are the same). Infinite if it never does.
double MaterialisedQueryLength(const AttentionSpec& mla, std::int64_t context);

}  // namespace orrery::models
