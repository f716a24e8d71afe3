// What every step of a serving program costs each rank, and what kinds of kernels that is.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/engine/stream_program.h"
#include "hw/comm/exchange.h"
#include "hw/comm/split_exchange.h"
#include "hw/cost/cost_model.h"
#include "models/serving/batch.h"
#include "models/serving/step_shape.h"
#include "scenarios/serving/unit_loads.h"
#include "scenarios/serving/unit_plan.h"
#include "scenarios/step/conditions.h"

namespace orrery::scenarios {

/// Kinds of kernels as the published profiles are charted.
enum class KernelClass : std::uint8_t { kAttentionCore, kGemm, kExperts, kOther, kGaps };
constexpr int kKernelClasses = 5;
constexpr std::string_view Name(KernelClass c) {
  constexpr std::string_view kNames[kKernelClasses] = {"attention core", "dense GEMMs", "experts",
                                                       "other kernels", "gaps"};
  return kNames[static_cast<int>(c)];
}

/// What kernels take, in picoseconds, by class and by where their prices are from.
struct KernelTimes {
  std::array<double, kKernelClasses> of_class{};
  std::array<double, hw::kProvenances> of_provenance{};
  double bound = 0;  ///< at the data sheet's rates
  double Total() const;
  void Add(const KernelTimes& other, double times = 1);
};

struct UnitPriceInputs {
  const ServingScenario* scenario = nullptr;
  const UnitPlan* unit = nullptr;
  const hw::CostModel* cost = nullptr;
  const hw::ExchangeModel* normal = nullptr;  ///< prefill
  const hw::SplitExchange* split = nullptr;   ///< decode
  double exchange_stretch = 1;                ///< of the fabric, on normal exchanges
  Conditions conditions;
  int ranks = 0;  ///< that are priced, the first ones; 0: all of the unit
};

class ServingPrices {
 public:
  /// What `inputs` point to must outlive the constructor alone.
  ServingPrices(const UnitPriceInputs& inputs, const models::UnitBatch& batch, const UnitLoads& loads);

  /// The engine's pricer.
  StepPrice operator()(int /*row*/, int rank, const ProgramStep& step) const {
    return prices_[IndexOf(step.price, step.instance, rank)];
  }
  const StepPrice& At(models::ServedPart part, int layer, int micro_batch, int rank) const {
    return prices_[IndexOf(static_cast<std::uint32_t>(part), models::StepInstance(layer, micro_batch), rank)];
  }
  /// Of a part, the mean over ranks, layers and micro-batches.
  const KernelTimes& Kernels(models::ServedPart part) const {
    return kernels_[static_cast<std::size_t>(part)];
  }

 private:
  std::size_t IndexOf(std::uint32_t part, std::uint32_t instance, int rank) const {
    return (static_cast<std::size_t>(part) * instances_ + instance) * ranks_ + static_cast<std::size_t>(rank);
  }

  std::size_t instances_ = 2, ranks_ = 1;
  std::vector<StepPrice> prices_;  ///< [part][instance][rank]
  std::array<KernelTimes, models::kServedParts> kernels_{};
};

}  // namespace orrery::scenarios
