#include "models/layers/optimizer_ops.h"

#include "models/layers/kernels.h"

namespace orrery::models {

std::vector<Op> OptimizerOps(const OptimizerShape& shape) {
  constexpr std::int64_t kFp32 = 4, kBf16 = 2;
  std::vector<Op> ops;
  ops.push_back(kernel::Rows(OpKind::kGradientNorm, 1, shape.updated, "gradient norm"));
  ops.push_back(kernel::Rows(OpKind::kAdamW, 1, shape.updated, "AdamW"));
  if (shape.fp8 > 0) ops.push_back(kernel::Rows(OpKind::kCastFp8, 1, shape.fp8, kBf16 + 1, "weights to FP8"));
  ops.push_back(kernel::Rows(OpKind::kMemset, 1, shape.held, kFp32, "gradient clear"));
  if (shape.ema_on_host)
    ops.push_back(kernel::Rows(OpKind::kHostCopy, 1, shape.updated, kFp32, "EMA host copy"));
  return ops;
}

}  // namespace orrery::models
