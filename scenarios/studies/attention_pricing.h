// Prices a step's ops on a device: the cost model's kernels, the roofline where no table can know, the launch gaps
// between them.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hw/cost/cost_model.h"
#include "hw/cost/price_error.h"
#include "models/layers/layer.h"

namespace orrery::scenarios {

/// What most of a set of ops' time goes to: kernels whose roofline is set by the tensor cores, kernels whose roofline
/// is set by the memory, or the gaps between kernels.
enum class Limit { kTensorCores, kMemory, kLaunches };
/// "tensor cores", "memory", "kernel launches".
const char* Name(Limit limit);

struct StepTime {
  std::array<double, models::kBlocks> block_s{};  ///< indexed by models::Block
  double gaps_s = 0;                              ///< between kernels
  double measured_s = 0, derived_s = 0, scaled_s = 0,
         analytic_s = 0;  ///< kernels by the provenance of their price
  Limit limit = Limit::kMemory;

  std::optional<hw::Range90> range;  ///< factors on the total: the central 90 %, if it was asked for

  double kernels_s() const { return measured_s + derived_s + scaled_s + analytic_s; }
  double total_s() const { return kernels_s() + gaps_s; }
  double block(models::Block b) const { return block_s[static_cast<std::size_t>(b)]; }
};

/// What a report sums a step's kernels under.
struct StepHeading {
  const char* name;
  double seconds;
};
/// "attention", "up-projection", "projections", "feed-forward" (with its router), "other" (norms and ends).
std::array<StepHeading, 5> Headings(const StepTime& time);

class StepPricer {
 public:
  /// Prices with `cost`, kept by reference. Decode kernels no table can hold, over an FP8 cache or a latent
  /// without RoPE part, take the efficiency of the nearest measured kind on their own operations and bytes,
  /// tagged scaled; dequantisation is not in it. `draws` of what the prices may be off by give the times a
  /// range; without any there is none.
  explicit StepPricer(const hw::CostModel& cost, std::vector<hw::PriceFactors> draws = {})
      : cost_(cost), draws_(std::move(draws)) {}

  /// Decode steps are replayed from CUDA graphs; prefill is launched kernel by kernel.
  StepTime Price(const std::vector<models::PlacedOp>& ops, hw::Launching how = hw::Launching::kGraph) const;
  const hw::Device& device() const { return cost_.device(); }

 private:
  const hw::CostModel& cost_;
  std::vector<hw::PriceFactors> draws_;
};

}  // namespace orrery::scenarios
