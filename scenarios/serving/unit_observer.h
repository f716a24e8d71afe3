// Where the time of a serving step goes: sums over ranks as the engine runs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/engine/stream_program.h"
#include "models/serving/step_program.h"
#include "models/serving/step_shape.h"

namespace orrery::scenarios {

/// Picoseconds of one part, summed over ranks.
struct PartTimes {
  double busy = 0;     ///< its kernels ran
  double waited = 0;   ///< its stream stood still before it, for the rank's own bytes or kernels
  double barrier = 0;  ///< and for other ranks
};

class UnitObserver {
 public:
  UnitObserver(int ranks, const models::StepShape& shape, models::ServedPart first_of_layer)
      : shape_(shape),
        mark_(static_cast<std::uint32_t>(first_of_layer)),
        last_(static_cast<std::size_t>(ranks)),
        layer_starts_(static_cast<std::size_t>(std::max(1, shape.moe_layers))) {}

  void OnCause(int, int, int, int) {}
  void OnRelease(int, int, int) {}
  void OnStart(int rank, int stream, const ProgramStep& step, std::int64_t ready, std::int64_t start) {
    const auto& last = last_[static_cast<std::size_t>(rank)];
    const std::int64_t own = last[static_cast<std::size_t>(stream)];
    PartTimes& part = Of(step);
    std::int64_t alone = start;
    if (step.type == StepType::kExchange)
      alone = ready;
    else if (step.type == StepType::kAwait)
      alone = std::min(start, std::max(own, last[models::kExchangeStream]));
    part.waited += static_cast<double>(alone - own);
    part.barrier += static_cast<double>(start - alone);
    const int layer = models::LayerOfInstance(step.instance);
    if (step.price == mark_ && layer < shape_.moe_layers && models::MicroBatchOfInstance(step.instance) == 0)
      layer_starts_[static_cast<std::size_t>(layer)] += static_cast<double>(start);
  }
  void OnEnd(int rank, int stream, const ProgramStep& step, std::int64_t start, std::int64_t end) {
    last_[static_cast<std::size_t>(rank)][static_cast<std::size_t>(stream)] = end;
    Of(step).busy += static_cast<double>(end - start);
  }

  /// In MTP modules where `in_mtp`, else in the main model and around it.
  const PartTimes& At(models::ServedPart part, bool in_mtp) const {
    return times_[in_mtp ? 1 : 0][static_cast<std::size_t>(part)];
  }
  /// [MoE layer]: when its first part began, summed over ranks.
  const std::vector<double>& layer_starts() const { return layer_starts_; }

 private:
  PartTimes& Of(const ProgramStep& step) {
    const bool in_mtp = shape_.mtp_modules > 0 && shape_.moe_layers > 0 &&
                        models::LayerOfInstance(step.instance) >= shape_.moe_layers;
    return times_[in_mtp ? 1 : 0][step.price];
  }

  models::StepShape shape_;
  std::uint32_t mark_;
  std::vector<std::array<std::int64_t, models::kServingStreams>>
      last_;  ///< [rank] ends of its streams' steps
  std::vector<double> layer_starts_;
  std::array<std::array<PartTimes, models::kServedParts>, 2> times_{};
};

}  // namespace orrery::scenarios
