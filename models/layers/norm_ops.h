// RMSNorm backward with the reduction and accumulation of its weight gradient.
#pragma once

#include <string>
#include <vector>

#include "models/layers/kernels.h"

namespace orrery::models {

/// The kernel, the reduction of its partial weight gradients, and their addition to the FP32 gradient.
inline void AppendNormBackward(std::int64_t rows, std::int64_t cols, const std::string& name,
                               std::vector<Op>* ops) {
  ops->push_back(kernel::RmsNormBackward(rows, cols, name + " backward"));
  ops->push_back(kernel::Rows(OpKind::kRmsNormBackward, 1, cols, 4, name + " backward finalize"));
  ops->push_back(kernel::Rows(OpKind::kResidualAdd, 1, cols, 12, name + " weight gradient add"));
}

}  // namespace orrery::models
