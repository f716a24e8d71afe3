// What a rank computes, as tests put it together, and lists of ops without their places.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "models/layers/layer.h"

namespace orrery::models {

inline LayerShape With(LayerShape shape, RoutedRows rows) {
  shape.batch.routed = std::move(rows);
  return shape;
}

inline void SetFp8(bool fp8, LayerShape* shape) {
  shape->shard.weights = fp8 ? WeightPrecision::kFp8 : WeightPrecision::kBf16;
}

inline std::vector<Op> Unplaced(std::vector<PlacedOp> placed) {
  std::vector<Op> ops;
  for (PlacedOp& o : placed) ops.push_back(std::move(o.op));
  return ops;
}

/// The kernels of a phase.
inline std::vector<Op> OpsOf(const ModelSpec& spec, LayerKind kind, Phase phase, const LayerShape& shape,
                             RoutedRows rows) {
  return Unplaced(PhaseOps(spec, {kind}, phase, With(shape, std::move(rows))));
}

/// Rows of a perfectly even router, every rank sending as many tokens; distinct tokens as top_k experts drawn at
/// random from the groups that are kept.
inline RoutedRows BalancedRows(const MoeSpec& moe, const LayerShape& shape) {
  const int local = shape.shard.local_experts;
  const std::int64_t tokens = shape.tokens(), ranks = moe.routed_experts / local, pairs = tokens * moe.top_k;
  RoutedRows rows;
  for (int e = 0; e < local; ++e) rows.expert_rows.push_back(pairs * (e + 1) / local - pairs * e / local);
  const bool limited = moe.groups > 1 && moe.routed_experts / moe.groups >= local;
  const int candidates = limited ? moe.routed_experts / moe.groups * moe.top_groups : moe.routed_experts;
  double miss = 1;
  for (int i = 0; i < moe.top_k; ++i)
    miss *= std::max(0, candidates - local - i) / static_cast<double>(candidates - i);
  const double reach = limited ? static_cast<double>(moe.top_groups) / moe.groups : 1.0;
  rows.unique_rows = std::llround(reach * (1 - miss) * static_cast<double>(tokens * ranks));
  return rows;
}

}  // namespace orrery::models
