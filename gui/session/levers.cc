#include "gui/session/levers.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/config/fields.h"
#include "hw/network/topology.h"
#include "scenarios/schema/kinds.h"

namespace orrery::gui {
namespace {

std::optional<LeverValue> Accepted(const Plan& plan, const std::string& text,
                                   std::vector<std::string> overrides, const std::string& also) {
  try {
    plan.With(overrides);
  } catch (const InputError&) {
    return std::nullopt;
  }
  return LeverValue{text, std::move(overrides), also};
}

/// The value alone, or with as many copies of a stage as `gpus` leave.
std::optional<LeverValue> Try(const Plan& plan, const std::string& key, const std::string& text,
                              const std::string& value, int stages, int gpus) {
  const std::string override = key + "=" + value;
  if (auto alone = Accepted(plan, text, {override}, "")) return alone;
  if (stages <= 0 || gpus % stages != 0) return std::nullopt;
  const int data = gpus / stages;
  return Accepted(plan, text, {override, fmt::format("parallelism.data={}", data)},
                  fmt::format("with data {}", data));
}

std::set<int> PowersOfTwo(int most, int current) {
  std::set<int> values = {current};
  for (int n = 1; n <= most; n *= 2) values.insert(n);
  return values;
}

class LeverMaker {
 public:
  explicit LeverMaker(const Plan& plan) : plan_(plan), scenario_(*plan.training()) {}

  std::vector<Lever> Make() {
    const auto& parallel = scenario_.parallelism;
    AddClusters();
    Numbers("parallelism.pipeline", "pipeline ranks", PowersOfTwo(64, parallel.pipeline), parallel.pipeline,
            "", true);
    if (scenario_.model.moe) {
      std::set<int> experts =
          PowersOfTwo(std::min(512, scenario_.model.moe->routed_experts), parallel.expert);
      experts.insert({72, 144, 320});
      Numbers("parallelism.expert", "expert parallel", experts, parallel.expert, "", false);
    }
    const int micro_batch = static_cast<int>(scenario_.workload.micro_batch);
    Numbers("workload.micro_batch", "micro-batch", PowersOfTwo(16, micro_batch), micro_batch, " sequences",
            false);
    Choices("parallelism.schedule", "schedule");
    Choices("precision", "precision");
    if (scenario_.model.moe) {
      Choices("routing.strategy", "balancing");
      Numbers("exchange.sms", "SMs of exchanges", {4, 8, 12, 16, 20, 24, 32, scenario_.communication.sms},
              scenario_.communication.sms, "", false);
    }
    return std::move(levers_);
  }

 private:
  void Add(Lever lever) {
    if (lever.values.size() > 1) levers_.push_back(std::move(lever));
  }

  /// `cluster` presets by rule ("h800-2048"): other GPUs of as many, and more or fewer of the same.
  void AddClusters() {
    const std::string name = plan_.ValueOf("cluster");
    if (name.empty()) return;  // a cluster of the scenario's own
    const std::size_t dash = name.rfind('-');
    const bool by_rule =
        dash != std::string::npos && name.find_first_not_of("0123456789", dash + 1) == std::string::npos;
    const std::string family = by_rule ? name.substr(0, dash) : name;
    const int gpus = scenario_.Gpus();
    const int stage = scenario_.parallelism.pipeline * scenario_.parallelism.tensor;
    Lever device{"cluster", "kind of cluster", false, {}, -1};
    for (const hw::ClusterFamily& other : hw::ClusterFamilies())
      AddCluster(&device, other.name, fmt::format("{}-{}", other.name, gpus), stage, gpus,
                 other.name == family);
    for (const std::string& preset : hw::ClusterPresets()) {
      const hw::Cluster cluster = hw::ClusterPreset(preset);
      const std::string rule = fmt::format("-{}", gpus);
      if (cluster.nodes * cluster.devices_per_node != gpus || preset.ends_with(rule)) continue;
      AddCluster(&device, preset, preset, stage, gpus, preset == name);
    }
    if (device.current < 0) AddCluster(&device, by_rule ? family : name, name, stage, gpus, true);
    Add(std::move(device));
    if (!by_rule) return;
    Lever count{"cluster", "GPUs", true, {}, -1};
    for (const int n : PowersOfTwo(std::max(16384, gpus), gpus))
      AddCluster(&count, std::to_string(n), fmt::format("{}-{}", family, n), stage, n, n == gpus);
    Add(std::move(count));
  }
  void AddCluster(Lever* lever, const std::string& text, const std::string& value, int stage, int gpus,
                  bool current) {
    auto accepted = Try(plan_, "cluster", text, value, stage, gpus);
    if (!accepted) return;
    if (current) lever->current = static_cast<int>(lever->values.size());
    lever->values.push_back(std::move(*accepted));
  }

  void Numbers(const std::string& key, const std::string& label, const std::set<int>& candidates, int current,
               const std::string& unit, bool stages) {
    Lever lever{key, label, true, {}, -1};
    for (const int n : candidates) {
      const int stage = stages ? n * scenario_.parallelism.tensor : 0;
      auto accepted = Try(plan_, key, std::to_string(n), std::to_string(n) + unit, stage, scenario_.Gpus());
      if (!accepted) continue;
      if (n == current) lever.current = static_cast<int>(lever.values.size());
      lever.values.push_back(std::move(*accepted));
    }
    Add(std::move(lever));
  }

  void Choices(const std::string& key, const std::string& label) {
    Lever lever{key, label, false, {}, -1};
    const std::string current = plan_.ValueOf(key);
    const auto& kind = scenarios::ScenarioKinds()[plan_.scenario().index()];
    for (const KeyLine& line : KeyLines(kind.fields, key)) {
      if (line.path != key) continue;
      for (const std::string& choice : line.info.type.choices) {
        auto accepted = Accepted(plan_, choice, {key + "=" + choice}, "");
        if (!accepted) continue;
        if (choice == current) lever.current = static_cast<int>(lever.values.size());
        lever.values.push_back(std::move(*accepted));
      }
    }
    Add(std::move(lever));
  }

  const Plan& plan_;
  const scenarios::Scenario& scenario_;
  std::vector<Lever> levers_;
};

}  // namespace

std::vector<Lever> LeversOf(const Plan& plan) {
  if (plan.training() == nullptr) return {};
  return LeverMaker(plan).Make();
}

}  // namespace orrery::gui
