// The compiled half of the Python module: thin functions over scenarios/. orrery/__init__.py is what people
// call.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "python/on_worker.h"
#include "python/scenario.h"
#include <nlohmann/json.hpp>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/config/resources.h"
#include "hw/device.h"
#include "hw/network/topology.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/load_map.h"
#include "models/spec/model_spec.h"
#include "scenarios/report/attention_writers.h"
#include "scenarios/report/trace_writer.h"
#include "scenarios/report/training_report.h"
#include "scenarios/run.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/studies/attention_report.h"
#include "scenarios/studies/routing_request.h"
#include "scenarios/studies/routing_step_time.h"
#include "scenarios/training/span_words.h"

namespace orrery::python {
namespace {

namespace py = pybind11;

/// A NumPy array of a shape that takes the numbers over.
template <class T>
py::array_t<T> ArrayOf(std::vector<T> numbers, const std::vector<py::ssize_t>& shape) {
  auto* kept = new std::vector<T>(std::move(numbers));
  const py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(shape, kept->data(), owner);
}

/// ---- Runs

scenarios::RunOptions OptionsOf(const PyScenario& scenario, const PyMachine* machine, bool quick, bool fold) {
  scenarios::RunOptions options;
  options.fold = fold;
  options.analyse = !quick;
  if (machine != nullptr) options.machine = machine->For(scenario.Training());
  return options;
}

/// The result in JSON.
std::string Run(const PyScenario& scenario, bool quick, bool fold, const py::object& progress,
                const PyMachine* machine) {
  const scenarios::RunOptions options = OptionsOf(scenario, machine, quick, fold);
  return OnWorker(progress, [&](const RunControl& control) {
    return scenario.WithPlaces(
        [&] { return scenarios::TrainingJson(scenarios::Simulate(scenario.Training(), options, control)); });
  });
}

std::string Attention(const PyScenario& scenario, const py::object& progress) {
  const auto* attention = std::get_if<scenarios::AttentionScenario>(&scenario.any());
  if (attention == nullptr)
    throw scenario.document().root().At("workload").At("kind").Error("expected attention");
  return OnWorker(progress, [&](const RunControl& control) {
    return scenario.WithPlaces(
        [&] { return JsonText(scenarios::AttentionJson(scenarios::RunAttention(*attention, control))); });
  });
}

/// ---- Timelines

struct SpanRow {
  std::int32_t rank, place, stream;
  std::uint32_t task;
  double ready_s, start_s, end_s;
  std::uint32_t key, instance;
};

double SecondsOf(std::int64_t picoseconds) { return static_cast<double>(picoseconds) * 1e-12; }

void AddLane(const Timeline& timeline, int rank, int place, int index, std::vector<SpanRow>* rows) {
  for (int stream = 0; stream < timeline.streams(); ++stream) {
    std::uint32_t at = 0;
    for (const Span& span : timeline.Lane(index, stream)) {
      rows->push_back({rank, place, stream, timeline.TaskOf({index, stream, at++}), SecondsOf(span.ready()),
                       SecondsOf(span.start()), SecondsOf(span.end()), span.price(), span.instance()});
    }
  }
}

void CheckIn(const char* name, const std::vector<int>& values, int count) {
  for (const int value : values) {
    if (value < 0 || value >= count) {
      throw InputError(std::string(name) + ": " + std::to_string(value) + ": expected 0 to " +
                       std::to_string(count - 1));
    }
  }
}

/// Spans of the first exchange group: of pipeline ranks (absent: all), and of GPUs by their place in the
/// group.
py::array_t<SpanRow> Spans(const PyScenario& scenario, bool fold,
                           const std::optional<std::vector<int>>& ranks, const std::vector<int>& places,
                           const py::object& progress, const PyMachine* machine) {
  const int pipeline = scenario.Training().parallelism.pipeline;
  std::vector<int> chosen(static_cast<std::size_t>(pipeline));
  for (int i = 0; i < pipeline; ++i) chosen[static_cast<std::size_t>(i)] = i;
  if (ranks) chosen = *ranks;
  CheckIn("ranks", chosen, pipeline);
  scenarios::RunOptions options = OptionsOf(scenario, machine, true, fold);
  options.timeline = true;
  std::vector<SpanRow> rows = OnWorker(progress, [&](const RunControl& control) {
    const scenarios::Run run =
        scenario.WithPlaces([&] { return scenarios::Simulate(scenario.Training(), options, control); });
    const Timeline& timeline = run.outcome.timeline;
    const int group = timeline.ranks() / pipeline;
    CheckIn("places", places, group);
    std::vector<SpanRow> made;
    for (const int rank : chosen)
      for (const int place : places) AddLane(timeline, rank, place, rank * group + place, &made);
    return made;
  });
  const auto count = static_cast<py::ssize_t>(rows.size());
  return ArrayOf(std::move(rows), {count});
}

std::vector<std::string> SpanNames() {
  std::vector<std::string> names;
  for (std::uint32_t key = 0; key < models::kPriceKeys; ++key) names.push_back(scenarios::PriceKeyName(key));
  return names;
}

/// ---- Routing

/// What is routed: a scenario that is read already, or a model.
struct Routed {
  const PyScenario* scenario;
  std::optional<std::string> model;
  std::string strategy, loads;
  std::vector<std::string> settings;
};

scenarios::RoutingDocument DocumentOf(const Routed& routed) {
  scenarios::RoutingInput input;
  input.model = routed.model;
  input.strategy = routed.strategy, input.loads = routed.loads;
  input.settings = routed.settings;
  if (routed.scenario != nullptr) input.read = &routed.scenario->document();
  return scenarios::LoadRoutingDocument(input);
}

std::string Routing(const Routed& routed, const scenarios::RoutingQuestion& question, bool step_time,
                    const py::object& progress) {
  const scenarios::RoutingDocument document = DocumentOf(routed);
  const bool simulated = step_time && routed.scenario != nullptr;
  return OnWorker(progress, [&](const RunControl& control) {
    const auto request = scenarios::MakeRoutingRequest(
        document, question, simulated ? scenarios::StepTimeMaker(scenarios::StepTimeOf) : nullptr, control);
    return scenarios::RoutingJson(scenarios::MakeRoutingReport(request, control));
  });
}

/// [layers][domains][experts] load over the mean of the layer's experts in the domain.
py::array_t<double> ExpertLoads(const Routed& routed, std::optional<int> layers, const py::object& progress) {
  const scenarios::RoutingDocument document = DocumentOf(routed);
  const models::ExpertLoads loads = OnWorker(progress, [&](const RunControl& control) {
    scenarios::RoutingQuestion question{layers, 0};
    question.dashes.clear();
    auto request = scenarios::MakeRoutingRequest(document, question);
    request.ranks.clear();
    return scenarios::MakeRoutingReport(request, control).loads;
  });
  std::vector<double> numbers;
  for (const auto& layer : loads.load)
    for (const auto& domain : layer) {
      const std::vector<double> relative = models::Relative(domain);
      numbers.insert(numbers.end(), relative.begin(), relative.end());
    }
  return ArrayOf(std::move(numbers), {loads.layers(), static_cast<py::ssize_t>(loads.domains.size()),
                                      static_cast<py::ssize_t>(loads.experts)});
}

py::dict PlacedDict(const models::PlacedRows& placed, py::ssize_t layers) {
  using namespace py::literals;
  const py::ssize_t micro_batches = placed.micro_batches;
  return py::dict("slot_rows"_a = ArrayOf(placed.slot_rows, {layers, micro_batches, placed.slots}),
                  "rank_rows"_a = ArrayOf(placed.rank_rows, {layers, micro_batches, placed.ranks}),
                  "expert_of"_a = ArrayOf(placed.expert_of, {layers, micro_batches, placed.slots}));
}

/// Rows of every expert slot and rank in a training step, before and after experts are placed.
py::dict ExpertRows(const PyScenario& scenario, const std::vector<int>& layers,
                    const std::vector<int>& micro_batches, int group, const py::object& progress,
                    const PyMachine* machine) {
  const scenarios::Scenario& s = scenario.Training();
  CheckIn("micro_batches", micro_batches, s.MicroBatches());
  const auto given = machine != nullptr ? machine->For(s) : nullptr;
  const models::LoadMap map = OnWorker(progress, [&](const RunControl& control) {
    return scenario.WithPlaces([&] {
      const scenarios::TrainingModel model(s, given ? given : scenarios::LoadMachine(s), false,
                                           control.Part(0, 0.5));
      if (model.loads() == nullptr)
        throw InputError("expert_rows: the scenario's experts, if it has any, are not exchanged");
      CheckIn("layers", layers, model.MoeLayers());
      CheckIn("group", {group}, s.Gpus() / s.parallelism.pipeline / s.parallelism.expert);
      return models::MapLoads(*model.loads(), layers, micro_batches, group, control.Part(0.5, 1));
    });
  });
  const auto count = static_cast<py::ssize_t>(map.layers.size());
  py::dict rows = PlacedDict(map.before, count);
  rows["placed"] = map.after.slots > 0 ? py::object(PlacedDict(map.after, count)) : py::none();
  return rows;
}

/// ---- Keys

py::list Keys(const std::string& prefix) {
  using namespace py::literals;
  py::list keys;
  for (const scenarios::ScenarioKind& kind : scenarios::ScenarioKinds()) {
    for (const KeyLine& line : KeyLines(kind.fields, prefix)) {
      const FieldInfo& info = line.info;
      keys.append(py::dict("kind"_a = kind.name, "key"_a = line.path, "type"_a = TypeText(info.type),
                           "unit"_a = info.type.unit, "least"_a = info.type.least, "most"_a = info.type.most,
                           "choices"_a = info.type.choices, "required"_a = info.required,
                           "default"_a = info.default_text, "only_for"_a = info.only_for,
                           "help"_a = info.help));
    }
  }
  if (keys.empty()) (void)scenarios::KeysText(prefix);  // says which key is near
  return keys;
}

}  // namespace
}  // namespace orrery::python

PYBIND11_MODULE(_orrery, m) {
  namespace py = pybind11;
  using namespace py::literals;
  using namespace orrery;          // NOLINT: the module's own namespace
  using namespace orrery::python;  // NOLINT

  py::register_exception<InputError>(m, "InputError", PyExc_ValueError);
  py::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const Stopped& stopped) {
      PyErr_SetString(PyExc_KeyboardInterrupt, stopped.what());
    }
  });
  PYBIND11_NUMPY_DTYPE(SpanRow, rank, place, stream, task, ready_s, start_s, end_s, key, instance);

  py::class_<PyScenario>(m, "Scenario")
      .def_static("load", &PyScenario::Load)
      .def_static("from_text", &PyScenario::FromText)
      .def("with_settings", &PyScenario::With)
      .def("to_dict", &PyScenario::ToDict)
      .def("yaml", &PyScenario::Yaml)
      .def_property_readonly("name", &PyScenario::name)
      .def_property_readonly("kind", &PyScenario::kind)
      .def_property_readonly("hash", &PyScenario::hash)
      .def_property_readonly("renamed", [](const PyScenario& s) { return s.document().renamed(); });
  py::class_<PyMachine>(m, "Machine")
      .def(py::init<const PyScenario&>())
      .def("fits", [](const PyMachine& machine, const PyScenario& s) { return machine.Fits(s.Training()); });
  py::class_<Routed>(m, "Routed")
      .def(py::init([](const PyScenario* scenario, std::optional<std::string> model, std::string strategy,
                       std::string loads, std::vector<std::string> settings) {
             return Routed{scenario, std::move(model), std::move(strategy), std::move(loads),
                           std::move(settings)};
           }),
           py::keep_alive<1, 2>());

  m.def("run", &Run);
  m.def("attention", &Attention);
  m.def("usual_attention", [] { return std::string(scenarios::kUsualAttention); });
  m.def("spans", &Spans);
  m.def("span_names", &SpanNames);
  m.def("routing", [](const Routed& routed, std::optional<int> layers, int steps, std::vector<int> ranks,
                      bool step_time, const py::object& progress) {
    return Routing(routed, {layers, steps, std::move(ranks), ""}, step_time, progress);
  });
  m.def("expert_loads", &ExpertLoads);
  m.def("expert_rows", &ExpertRows);
  m.def("keys", &Keys);
  m.def("models", &models::ModelPresets);
  m.def("devices", &hw::DevicePresets);
  m.def("clusters", &hw::ClusterPresets);
  m.def("scenarios", &scenarios::ScenarioNames);
  m.def("version", &Version);
  m.def("resource_root", [] { return ResourceRoot().string(); });
}
