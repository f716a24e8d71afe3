#include "python/scenario.h"

#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/config/written.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::python {
namespace {

namespace py = pybind11;

/// Numbers and flags as such where they are written as Python would, all else as text: what is written again
/// has the same letters.
py::object ScalarOf(const std::string& text) {
  if (text == "true" || text == "false") return py::bool_(text == "true");
  if (text == "null") return py::none();
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto r = std::from_chars(text.data(), end, whole);
      r.ec == std::errc() && r.ptr == end && std::to_string(whole) == text)
    return py::int_(whole);
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number);
      r.ec == std::errc() && r.ptr == end && fmt::format("{}", number) == text)
    return py::float_(number);
  return py::str(text);
}

py::object ObjectOf(const Written& written) {
  if (written.kind == Written::Kind::kScalar) return ScalarOf(written.text);
  if (written.kind == Written::Kind::kList) {
    py::list list;
    for (const Written& item : written.items) list.append(ObjectOf(item));
    return list;
  }
  py::dict map;
  for (std::size_t i = 0; i < written.items.size(); ++i)
    map[py::str(written.keys[i])] = ObjectOf(written.items[i]);
  return map;
}

}  // namespace

PyScenario::PyScenario(Document document, std::string file)
    : document_(std::move(document)),
      file_(std::move(file)),
      any_(WithPlaces([&] { return scenarios::ReadScenario(document_, file_); })) {}

PyScenario PyScenario::Load(const std::string& file_or_name, const std::vector<std::string>& settings) {
  return {scenarios::LoadScenarioDocument(file_or_name, settings), file_or_name};
}

PyScenario PyScenario::FromText(const std::string& yaml, const std::string& name) {
  Document document = Document::Parse(yaml, name);
  scenarios::UseCurrentKeys(&document);
  return {std::move(document), name};
}

PyScenario PyScenario::With(const std::vector<std::string>& settings) const {
  Document document = document_;
  scenarios::ApplyOverrides(settings, &document);
  return {std::move(document), file_};
}

const scenarios::Scenario& PyScenario::Training() const {
  if (const auto* training = std::get_if<scenarios::Scenario>(&any_)) return *training;
  throw document_.root()
      .At("workload")
      .At("kind")
      .Error("expected pretraining: it is simulated step by step");
}

std::string PyScenario::name() const {
  return std::visit([](const auto& s) { return s.name; }, any_);
}

std::string PyScenario::kind() const { return scenarios::WorkloadKind(document_); }

std::optional<std::string> PyScenario::hash() const {
  if (const auto* training = std::get_if<scenarios::Scenario>(&any_)) return training->hash;
  return std::nullopt;
}

py::object PyScenario::ToDict() const { return ObjectOf(scenarios::WriteScenario(any_)); }

PyMachine::PyMachine(const PyScenario& scenario)
    : calibration_(scenario.Training().calibration),
      kernels_(scenario.Training().communication.kernels),
      machine_(scenario.WithPlaces([&] { return scenarios::LoadMachine(scenario.Training()); })) {}

bool PyMachine::Fits(const scenarios::Scenario& s) const {
  return s.cluster == machine_->cluster && s.communication.kernels == kernels_ &&
         s.calibration.name == calibration_.name && s.calibration.forced == calibration_.forced &&
         s.calibration.further == calibration_.further;
}

const std::shared_ptr<const scenarios::Machine>& PyMachine::For(const scenarios::Scenario& s) const {
  if (!Fits(s)) {
    throw InputError(fmt::format(
        "machine: loaded for {} x {} {}; expected one of the scenario's own cluster, calibration and "
        "exchange "
        "kernels ({} x {} {}): orrery.Machine(scenario)",
        machine_->cluster.nodes, machine_->cluster.devices_per_node, machine_->cluster.device.name,
        s.cluster.nodes, s.cluster.devices_per_node, s.cluster.device.name));
  }
  return machine_;
}

}  // namespace orrery::python
