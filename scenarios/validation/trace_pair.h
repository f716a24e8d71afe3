// DeepSeek's published training trace as a case: one overlapped forward and backward pair of 4 MoE layers.
#pragma once

#include <array>
#include <vector>

#include "hw/comm/exchange.h"
#include "hw/cost/cost_model.h"

namespace orrery::scenarios {

/// Milliseconds.
struct TracePair {
  double total_ms = 0;                  ///< first step to last
  std::array<double, 6> compute_ms{};   ///< a layer's blocks, mean of the layers; order of models::Part
  std::array<double, 4> exchange_ms{};  ///< dispatch(F), combine(F), combine(B), dispatch(B)
  std::array<double, 6> published_compute_ms{4.60, 4.64, 5.36, 5.07, 9.54, 2.40};
  std::array<double, 4> published_exchange_ms{4.35, 5.99, 3.41, 6.37};
  double published_total_ms = 129.0;
  double measured = 0, scaled = 0, analytic = 0;  ///< shares of time by provenance
};

/// The pair as the trace was taken: rows of each layer as counted there, no pipeline traffic, nobody to wait
/// for. `exchange_factor`: on the time of every exchange.
TracePair SimulateTracePair(const hw::CostModel& cost, const hw::ExchangeModel& exchange,
                            double exchange_factor = 1);

}  // namespace orrery::scenarios
