// Where steps run and what they cost there: loaded once, then constant, and shared by any number of models,
// runs and threads.
//
//   const auto machine = LoadMachine(scenario.cluster, scenario.calibration, scenario.communication);
#pragma once

#include <memory>

#include "hw/comm/exchange.h"
#include "hw/comm/point_to_point.h"
#include "hw/cost/cost_model.h"
#include "hw/network/topology.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/memo.h"

namespace orrery::scenarios {

struct Machine {
  Machine(hw::Cluster cluster, hw::CostModel cost, hw::ExchangeModel exchange);

  const hw::Cluster cluster;
  const hw::CostModel cost;          ///< kernel tables
  const hw::ExchangeModel exchange;  ///< of experts' tokens
  const hw::Topology topology;       ///< of the fabric between the nodes
  /// What models on this machine have derived and others may share: prices, placements, even loads.
  Memo& memo() const { return *memo_; }
  /// One message between two GPUs.
  hw::PointToPoint Link() const { return {cluster.device, exchange, cluster.fabric.transport}; }

 private:
  std::unique_ptr<Memo> memo_ = std::make_unique<Memo>();
};

/// InputError where a table does not exist, cannot be read or is another device's.
std::shared_ptr<const Machine> LoadMachine(const hw::Cluster& cluster,
                                           const hw::CalibrationChoice& calibration,
                                           const Communication& communication);
/// The same, with the place of the scenario's key in an error.
std::shared_ptr<const Machine> LoadMachine(const Scenario& scenario);

}  // namespace orrery::scenarios
