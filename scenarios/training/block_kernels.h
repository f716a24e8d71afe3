// The kernels of one block of a training step: what each computes and moves, what it takes and what that rests
// on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/op/op_work.h"
#include "hw/cost/cost_model.h"
#include "scenarios/training/prices.h"

namespace orrery::scenarios {

struct BlockKernel {
  Op op;
  std::string text;                     ///< kind, shape and SMs: "gemm_fp8 m=4096 n=1536 k=7168 @112"
  Work work;                            ///< operations and bytes
  double seconds = 0, contended_s = 0;  ///< alone; while an exchange runs beside it
  hw::Provenance provenance{};
  hw::Basis basis{};
  std::string table;  ///< which of CostModel::sources() priced it; "" where none did
  /// Of the measured rows of the same kind (with its label, where rows have it) the nearest in shape; absent
  /// where the kind was not measured.
  std::optional<hw::KernelRow> nearest_row;
};

/// In launch order, on the SMs that exchanges leave. `rows` reach the rank, over its experts. Of an exchange:
/// the compute on its stream before the payload.
std::vector<BlockKernel> KernelsOfBlock(const hw::CostModel& cost, const UnitPriceKey& key,
                                        models::UnitKind unit, models::Part part, std::int64_t rows);

}  // namespace orrery::scenarios
