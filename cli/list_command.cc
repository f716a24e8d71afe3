#include "cli/list_command.h"

#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/resources.h"
#include "hw/device.h"
#include "hw/network/exchange.h"
#include "hw/network/topology.h"
#include "models/model_spec.h"
#include "scenarios/scenario.h"

namespace orrery::cli {
namespace {

void Heading(const char* name) { fmt::print("{}\n", name); }
void Row(const std::string& name, const std::string& what) { fmt::print("  {:<28} {}\n", name, what); }

void ListModels() {
  Heading("models");
  for (const std::string& name : models::ModelPresets()) {
    const models::ModelSpec spec = models::ModelPreset(name);
    const models::ParameterCount p = models::CountParameters(spec);
    Row(name,
        fmt::format("{:.1f} B parameters, {:.1f} B active, {} layers", static_cast<double>(p.total) * 1e-9,
                    static_cast<double>(p.activated) * 1e-9, spec.layers));
  }
}

void ListDevices() {
  Heading("devices");
  for (const std::string& name : hw::DevicePresets()) {
    const hw::Device d = hw::DevicePreset(name);
    Row(name, fmt::format("{:.0f} TFLOPS BF16, {:.0f} FP8, {:.1f} GB at {:.2f} TB/s", d.bf16.value * 1e-12,
                          d.fp8.value * 1e-12, static_cast<double>(d.memory.count) * 1e-9,
                          d.memory_rate.value * 1e-12));
  }
}

void ListClusters() {
  Heading("clusters");
  for (const std::string& name : hw::ClusterPresets()) {
    const hw::Cluster c = hw::ClusterPreset(name);
    const bool planes = c.fabric.kind == hw::FabricKind::kMultiPlaneFatTree;
    Row(name, fmt::format("{} x {} {}, {}", c.nodes, c.devices_per_node, c.device.name,
                          planes ? "multi-plane fat tree" : "multi-rail fat tree"));
  }
}

int Run() {
  ListModels();
  ListDevices();
  ListClusters();
  Heading("scenarios");
  for (const std::string& name : scenarios::ScenarioNames()) {
    Row(name, scenarios::LoadScenarioDocument(name, {}).root().At("name").AsString());
  }
  Heading("calibrations (kernels)");
  for (const std::string& device : hw::DevicePresets()) {
    for (const std::string& table : ResourceNames("hw/data/" + device + "/kernels", "yaml"))
      Row(table, device);
  }
  Heading("calibrations (expert-parallel exchanges)");
  for (const std::string& version : hw::ExchangeModel::Versions()) Row(version, "DeepEP release");
  return kDone;
}

}  // namespace

void AddListCommand(CLI::App& app, Action* action) {
  app.add_subcommand("list", "Show the models, devices, clusters, scenarios and calibrations at hand")
      ->callback([=] { *action = Run; });
}

}  // namespace orrery::cli
