// A scenario as Python holds it: its document, and what was read from it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include "core/config/document.h"
#include "core/config/key_error.h"
#include "core/config/written.h"
#include "hw/cost/cost_model.h"
#include "scenarios/schema/kinds.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/machine.h"

namespace orrery::python {

class PyScenario {
 public:
  /// Read and checked. `file` is what results call it by.
  PyScenario(Document document, std::string file);
  /// A file, or the name of a scenario that comes with Orrery.
  static PyScenario Load(const std::string& file_or_name, const std::vector<std::string>& settings);
  static PyScenario FromText(const std::string& yaml, const std::string& name);
  /// "key.path=value" each, as --set.
  PyScenario With(const std::vector<std::string>& settings) const;

  const Document& document() const { return document_; }
  const scenarios::AnyScenario& any() const { return any_; }
  /// InputError where it is of another kind.
  const scenarios::Scenario& Training() const;
  std::string name() const;
  std::string kind() const;
  /// Of what is asked; of training scenarios alone.
  std::optional<std::string> hash() const;
  std::string Yaml() const { return YamlText(scenarios::WriteScenario(any_)); }
  pybind11::object ToDict() const;

  /// What `make` returns; errors of data get their places in the document.
  template <class Make>
  auto WithPlaces(Make&& make) const {
    return orrery::WithPlaces(document_.root(), std::forward<Make>(make));
  }

 private:
  Document document_;
  std::string file_;
  scenarios::AnyScenario any_;
};

/// A machine, and what it was loaded for.
class PyMachine {
 public:
  explicit PyMachine(const PyScenario& scenario);
  bool Fits(const scenarios::Scenario& scenario) const;
  /// InputError where the scenario is another machine's.
  const std::shared_ptr<const scenarios::Machine>& For(const scenarios::Scenario& scenario) const;

 private:
  hw::CalibrationChoice calibration_;
  std::string kernels_;  ///< of exchanges
  std::shared_ptr<const scenarios::Machine> machine_;
};

}  // namespace orrery::python
