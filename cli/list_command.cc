#include "cli/list_command.h"

#include <iterator>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/output_file.h"
#include "core/config/resources.h"
#include "hw/comm/exchange.h"
#include "hw/device.h"
#include "hw/network/topology.h"
#include "models/spec/model_spec.h"
#include "models/spec/parameters.h"
#include "scenarios/schema/scenario.h"

namespace orrery::cli {
namespace {

/// The list, as it grows.
class Listing {
 public:
  void Heading(const char* name) { fmt::format_to(std::back_inserter(text_), "{}\n", name); }
  void Row(const std::string& name, const std::string& what) {
    fmt::format_to(std::back_inserter(text_), "  {:<28} {}\n", name, what);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void ListModels(Listing* list) {
  list->Heading("models");
  for (const std::string& name : models::ModelPresets()) {
    const models::ModelSpec spec = models::ModelPreset(name);
    const models::ParameterCount p = models::CountParameters(spec);
    list->Row(name, fmt::format("{:.1f} B parameters, {:.1f} B active, {} layers",
                                static_cast<double>(p.total) * 1e-9, static_cast<double>(p.activated) * 1e-9,
                                spec.layers));
  }
}

void ListDevices(Listing* list) {
  list->Heading("devices");
  for (const std::string& name : hw::DevicePresets()) {
    const hw::Device d = hw::DevicePreset(name);
    list->Row(name, fmt::format("{:.0f} TFLOPS BF16, {:.0f} FP8, {:.1f} GB at {:.2f} TB/s",
                                d.bf16.value * 1e-12, d.fp8.value * 1e-12,
                                static_cast<double>(d.memory.count) * 1e-9, d.memory_rate.value * 1e-12));
  }
}

void ListClusters(Listing* list) {
  list->Heading("clusters");
  for (const std::string& name : hw::ClusterPresets()) {
    const hw::Cluster c = hw::ClusterPreset(name);
    const bool planes = c.fabric.kind == hw::FabricKind::kMultiPlaneFatTree;
    list->Row(name, fmt::format("{} x {} {}, {}", c.nodes, c.devices_per_node, c.device.name,
                                planes ? "multi-plane fat tree" : "multi-rail fat tree"));
  }
  for (const hw::ClusterFamily& family : hw::ClusterFamilies()) list->Row(family.name + "-N", family.Title());
}

int Run() {
  Listing list;
  ListModels(&list);
  ListDevices(&list);
  ListClusters(&list);
  list.Heading("scenarios");
  for (const std::string& name : scenarios::ScenarioNames()) {
    list.Row(name, scenarios::LoadScenarioDocument(name, {}).root().At("name").AsString());
  }
  list.Heading("calibrations (kernels)");
  for (const std::string& device : hw::DevicePresets()) {
    for (const std::string& table : ResourceNames("hw/data/" + device + "/kernels", "yaml"))
      list.Row(table, device);
  }
  list.Heading("calibrations (expert-parallel exchanges)");
  for (const std::string& version : hw::ExchangeModel::Versions()) list.Row(version, "DeepEP release");
  Report report;
  report.AddText([&] { return list.text(); });
  report.Write();
  return kDone;
}

}  // namespace

void AddListCommand(CLI::App& app, Action* action) {
  app.add_subcommand("list", "Show the models, devices, clusters, scenarios and calibrations at hand")
      ->callback([=] { *action = Run; });
}

}  // namespace orrery::cli
