// A step whose time is a formula: studies are tested on it without a simulation.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "scenarios/step/step_model.h"

namespace orrery::scenarios {

class FakeStep : public StepModel {
 public:
  explicit FakeStep(std::function<double(const Conditions&)> seconds) : seconds_(std::move(seconds)) {}

  StepOutcome Step(const Conditions& conditions, const RunControl& control = {}) const override {
    control.Check();
    const std::lock_guard lock(mutex_);
    asked_.push_back(conditions);
    StepOutcome outcome;
    outcome.step_s = seconds_(conditions);
    return outcome;
  }
  const std::vector<Conditions>& asked() const { return asked_; }

 private:
  std::function<double(const Conditions&)> seconds_;
  mutable std::mutex mutex_;
  mutable std::vector<Conditions> asked_;
};

}  // namespace orrery::scenarios
