// What a list of kernels costs as one step of a program, under what conditions and on which SMs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/stream_program.h"
#include "core/op/op.h"
#include "hw/cost/cost_model.h"
#include "models/layers/layer.h"
#include "scenarios/step/conditions.h"

namespace orrery::scenarios {

/// One kernel of a block, as a report lists it.
struct KernelShare {
  std::string op_class;  ///< OpTraits::report_class, "launch gaps", ...
  hw::Provenance provenance{};
  double picoseconds = 0;  ///< at the mean load
  int table = -1;          ///< index into CostModel::sources(); -1: no kernel table
};

/// The price of a block of kernels: constant, or by rows of the experts on a rank.
struct BlockPrice {
  StepPrice constant;
  /// Picoseconds at `points` points of a grid of rows; empty: constant. Where a rank may have experts without
  /// rows, a second grid follows, at `idle_experts` of them.
  std::vector<double> work_by_rows;
  std::vector<float> contended_by_rows;
  std::size_t points = 0;
  int idle_experts = 0;
  std::size_t first_point = 0;  ///< the grid's, at which these begin: point i is at i times its step
  std::vector<KernelShare> kernels;
  float variation = 0;  ///< relative standard deviation between runs of the same block

  /// Interpolated between the grid's points, `rows_step` apart; beyond the last, the last two's line goes on.
  /// `idle`: experts of the rank without rows, between the two grids.
  StepPrice At(std::int32_t rows, std::int32_t idle, std::int64_t rows_step) const {
    const double at = static_cast<double>(rows) / static_cast<double>(rows_step);
    const std::size_t point = std::min(static_cast<std::size_t>(at), first_point + points - 2);
    const double between = at - static_cast<double>(point);
    const std::size_t i = point - first_point;
    const auto on_grid = [&](std::size_t k) {
      return work_by_rows[k] + between * (work_by_rows[k + 1] - work_by_rows[k]);
    };
    double work = on_grid(i);
    if (idle > 0 && idle_experts > 0)
      work += (on_grid(points + i) - work) * std::min(1.0, static_cast<double>(idle) / idle_experts);
    return {static_cast<std::int64_t>(work + 0.5), contended_by_rows[i], 0};
  }
};

/// Prices lists of kernels, launched one after the other on a stream.
class BlockPricer {
 public:
  /// `lent_sms`: of the device's, to exchanges. `cost` must outlive the pricer.
  BlockPricer(const hw::CostModel& cost, int lent_sms, const Conditions& conditions);

  /// `block`: also gets what each kernel takes, and how much they vary together from run to run.
  StepPrice Price(const std::vector<models::PlacedOp>& ops, BlockPrice* block = nullptr) const;
  double launch_gap() const { return launch_gap_; }  ///< picoseconds

 private:
  const hw::CostModel& cost_;
  int sms_;
  double casts_, launch_gap_;
  bool disturbed_;  ///< by exchanges beside
};

}  // namespace orrery::scenarios
