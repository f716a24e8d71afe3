// One step of a serving unit as discrete events: every GPU with its own requests, cache and expert rows.
//
//   scenario -> unit plan -> batch, loads -> program, prices -> engine -> outcome -> result
#pragma once

#include <memory>
#include <optional>

#include "core/base/run_control.h"
#include "hw/comm/split_exchange.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/price_error.h"
#include "models/serving/batch.h"
#include "scenarios/serving/result.h"
#include "scenarios/serving/unit_loads.h"
#include "scenarios/serving/unit_observer.h"
#include "scenarios/serving/unit_plan.h"
#include "scenarios/serving/unit_prices.h"
#include "scenarios/step/machine.h"
#include "scenarios/step/step_model.h"

namespace orrery::scenarios {

struct UnitOutcome : StepOutcome {
  std::unique_ptr<ServingPrices> prices;
  std::unique_ptr<UnitObserver> observer;
};

/// A unit made ready to simulate. Immutable.
class UnitModel : public StepModel {
 public:
  /// InputError where a table does not exist or the device has not what the scenario needs.
  UnitModel(ServingScenario scenario, UnitPlan unit, const RunControl& control = {});

  /// What is asked of the unit: its own caches and expert rows, or the means of them.
  struct Inputs {
    bool even_caches = false, even_experts = false;
    bool timeline = false;
  };
  UnitOutcome Simulate(const Conditions& conditions, const Inputs& inputs,
                       const RunControl& control = {}) const;
  StepOutcome Step(const Conditions& conditions, const RunControl& control = {}) const override;

  /// The outcome in a report's terms, with the imbalance parts simulated where they are not 0 by themselves.
  UnitResult Summarise(const UnitOutcome& outcome, const RunControl& control = {}) const;

  const UnitPlan& unit() const { return unit_; }
  const ServingScenario& scenario() const { return scenario_; }
  const models::UnitBatch& batch() const { return batch_; }

 private:
  /// Of one rank for all, each alike: what a step of even loads takes.
  double FoldedStep(const hw::CostModel& cost, const Conditions& conditions) const;
  UnitPriceInputs InputsOf(const hw::CostModel& cost, const Conditions& conditions) const;
  /// Factors on a step's time, from how far off kernel prices and exchanges may be.
  hw::Range90 Uncertainty(const RunControl& control) const;
  double StepSeconds(bool even_caches, bool even_experts, const RunControl& control) const;

  ServingScenario scenario_;
  UnitPlan unit_;
  std::shared_ptr<const Machine> machine_;
  std::optional<hw::SplitExchange> split_;  ///< decode
  Program program_;
  models::UnitBatch batch_, even_batch_;
  UnitLoads loads_, even_loads_;
};

}  // namespace orrery::scenarios
