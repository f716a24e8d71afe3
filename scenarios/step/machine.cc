#include "scenarios/step/machine.h"

#include <utility>

#include "core/config/key_error.h"

namespace orrery::scenarios {
namespace {

/// Runs `make`; an InputError in it is about the key that asked for it.
template <class F>
auto AtKey(const char* key, F&& make) -> decltype(make()) {
  try {
    return make();
  } catch (const InputError& e) {
    throw KeyError(key, e.what());
  }
}

}  // namespace

Machine::Machine(hw::Cluster cluster_in, hw::CostModel cost_in, hw::ExchangeModel exchange_in)
    : cluster(std::move(cluster_in)),
      cost(std::move(cost_in)),
      exchange(std::move(exchange_in)),
      topology(cluster) {}

std::shared_ptr<const Machine> LoadMachine(const hw::Cluster& cluster,
                                           const hw::CalibrationChoice& calibration,
                                           const Communication& communication) {
  return std::make_shared<const Machine>(cluster, hw::CostModel::Load(cluster.device, calibration),
                                         hw::ExchangeModel::Load(cluster.device, communication.kernels));
}

std::shared_ptr<const Machine> LoadMachine(const Scenario& s) {
  auto cost = AtKey("calibration", [&] { return hw::CostModel::Load(s.cluster.device, s.calibration); });
  auto exchange = AtKey("exchange.kernels",
                        [&] { return hw::ExchangeModel::Load(s.cluster.device, s.communication.kernels); });
  return std::make_shared<const Machine>(s.cluster, std::move(cost), std::move(exchange));
}

}  // namespace orrery::scenarios
