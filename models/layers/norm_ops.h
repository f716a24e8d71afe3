// RMSNorm (or LayerNorm) forward, and backward with the reduction and accumulation of its weight gradient.
#pragma once

#include <string>

#include "models/layers/kernels.h"
#include "models/layers/op_list.h"

namespace orrery::models {

inline void AppendNorm(const Shard& shard, std::int64_t rows, std::int64_t cols, const std::string& label,
                       OpList* ops) {
  const OpKind kind = shard.norm == NormKind::kRms ? OpKind::kRmsNorm : OpKind::kLayerNorm;
  ops->push_back(kernel::Rows(kind, rows, cols, label));
}

/// The kernel, the reduction of its partial weight gradients, and their addition to the FP32 gradient.
inline void AppendNormBackward(std::int64_t rows, std::int64_t cols, const std::string& name, OpList* ops) {
  ops->push_back(kernel::RmsNormBackward(rows, cols, name + " backward"));
  ops->push_back(kernel::Rows(OpKind::kRmsNormBackward, 1, cols, 4, name + " backward finalize"));
  ops->push_back(kernel::Rows(OpKind::kResidualAdd, 1, cols, 12, name + " weight gradient add"));
}

}  // namespace orrery::models
