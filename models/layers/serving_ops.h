// What a decode step and a prefill execute on one GPU: the layers' kernels of models/layers/layer.h over the whole
// model, for any attention design. Communication is left out: these are the kernels between the exchanges.
#pragma once

#include <vector>

#include "core/base/units.h"
#include "models/layers/layer.h"

namespace orrery::models {

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
/// What one GPU holds of a layer.
Shard ShardOf(const ModelSpec& spec, const Layout& layout);

/// Rows that a router which takes every expert alike gives to the `local` experts of a GPU, `tokens` tokens of its
/// expert group choosing: the local experts are as unequal as so many draws are, each at its own quantile of the
/// binomial distribution, and sum to the GPU's share of all rows.
RoutedRows UniformRows(const MoeSpec& moe, int local, std::int64_t tokens);
/// Distinct tokens of `tokens` that choose one of `local` experts, on average.
double ExpectedUniqueRows(const MoeSpec& moe, int local, std::int64_t tokens);

/// The kernels of one layer's attention, its norm included, every count 1.
std::vector<PlacedOp> ServedAttentionOps(const ModelSpec& spec, const AttentionDesign& design,
                                         const Layout& layout, Pass pass,
                                         const std::vector<SequenceSpan>& sequences);
/// The whole main model on one GPU (MTP modules are not run). Sequences are those of a tensor group; a decode step's
/// have a token or more each (more where drafted tokens are verified).
std::vector<PlacedOp> ServedOps(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                                Pass pass, const std::vector<SequenceSpan>& sequences);

/// Bytes of weights one GPU holds, MTP modules included if asked.
Bytes WeightBytesPerGpu(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                        bool with_mtp);

/// The query length from which materialised MLA needs fewer operations than absorbed MLA, `context` tokens cached
/// (both per sequence and layer; the new tokens' own projections are the same). Infinite if it never does.
double MaterialisedQueryLength(const AttentionSpec& mla, std::int64_t context);

}  // namespace orrery::models
