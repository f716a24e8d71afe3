// Prices a step's ops on a device: the cost model's kernels, the roofline where no table can know, the launch
// gaps between them.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "hw/cost/cost_model.h"
#include "models/attention/step_ops.h"

namespace orrery::scenarios {

/// What most of a set of ops' time goes to: kernels whose roofline is set by the tensor cores, kernels whose
/// roofline is set by the memory, or the gaps between kernels.
enum class Limit { kTensorCores, kMemory, kLaunches };
/// "tensor cores", "memory", "kernel launches".
const char* Name(Limit limit);

struct StepTime {
  std::array<double, models::kStepParts> part_s{};      ///< indexed by models::StepPart
  double gaps_s = 0;                                    ///< between kernels
  double measured_s = 0, scaled_s = 0, analytic_s = 0;  ///< kernels by the provenance of their price
  Limit limit = Limit::kMemory;

  double kernels_s() const { return measured_s + scaled_s + analytic_s; }
  double total_s() const { return kernels_s() + gaps_s; }
  double part(models::StepPart p) const { return part_s[static_cast<std::size_t>(p)]; }
};

class StepPricer {
 public:
  /// Prices with `cost`, kept by reference. Decode kernels no table can hold, over an FP8 cache or a latent
  /// without RoPE part, take the efficiency of the nearest measured kind on their own operations and bytes,
  /// tagged scaled; dequantisation is not in it.
  explicit StepPricer(const hw::CostModel& cost) : cost_(cost) {}

  /// Decode steps are replayed from CUDA graphs; prefill is launched kernel by kernel.
  StepTime Price(const std::vector<models::StepOp>& ops, hw::Launching how = hw::Launching::kGraph) const;
  const hw::Device& device() const { return cost_.device(); }

 private:
  hw::Price PriceOp(const models::StepOp& op) const;

  const hw::CostModel& cost_;
};

}  // namespace orrery::scenarios
