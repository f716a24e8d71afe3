// Published sizes and operation counts of models against ours.
#include <string>
#include <utility>
#include <vector>

#include "models/layers/flops.h"
#include "models/spec/model_spec.h"
#include "models/spec/parameters.h"
#include "scenarios/validation/validation.h"

namespace orrery::scenarios {
namespace {

constexpr const char* kV3Report = "DeepSeek-V3 Technical Report (arXiv 2412.19437) 4.2";
constexpr const char* kWeightsDoc = "deepseek-ai/DeepSeek-V3 README_WEIGHTS.md";
constexpr const char* kInsights = "Insights into DeepSeek-V3 (arXiv 2505.09343) Table 4";

ValidationCase Case(std::string id, std::string what, double published, double simulated, std::string unit,
                    double tolerance, std::string source) {
  ValidationCase c;
  c.id = std::move(id);
  c.area = "model";
  c.what = std::move(what);
  c.published = published;
  c.simulated = simulated;
  c.unit = std::move(unit);
  c.tolerance = tolerance;
  c.source = std::move(source);
  return c;
}

double Billions(std::int64_t parameters) { return static_cast<double>(parameters) / 1e9; }

void AppendParameterCases(const models::ModelSpec& v3, std::vector<ValidationCase>* cases) {
  const models::ParameterCount p = models::CountParameters(v3);
  cases->push_back(Case("DS-A21", "DeepSeek-V3 parameters", 671, Billions(p.total), "B", 0.005, kV3Report));
  cases->push_back(
      Case("DS-A22", "DeepSeek-V3 activated per token", 37, Billions(p.activated), "B", 0.02, kV3Report));
  cases->push_back(Case("DS-A23", "DeepSeek-V3 activated, embedding and head counted", 36.7,
                        Billions(p.activated), "B", 0.03, kWeightsDoc));
  cases->back().residual =
      "the document counts both tables in, yet its figure is what the model activates without one";
  cases->push_back(
      Case("DS-A24", "DeepSeek-V3 MTP module, unique", 11.5, Billions(p.mtp), "B", 0.01, kWeightsDoc));
  cases->push_back(Case("DS-A25", "DeepSeek-V3 MTP module, activated", 2.4,
                        Billions(p.mtp_activated + p.embedding + p.head), "B", 0.03, kWeightsDoc));
  cases->back().residual =
      "the document's figure is met (2.44 B) when the projection of 2 x 7168 to 7168 is not counted";
}

void AppendFlopsCases(const models::ModelSpec& v3, std::vector<ValidationCase>* cases) {
  const auto gflop = [&](bool causal) {
    return models::TrainingFlopsPerToken(v3, 4096, causal).total().count / 1e9;
  };
  const std::string source = "Insights into DeepSeek-V3 (arXiv 2505.09343) Table 2";
  cases->push_back(Case("DS-P02", "DeepSeek-V3 training operations per token, 4096 causal", 250, gflop(true),
                        "GFLOP", 0.01, source));
  cases->push_back(Case("DS-E16", "DeepSeek-V3 training operations per token, implied, causal", 249.7,
                        gflop(true), "GFLOP", 0.01,
                        std::string(kInsights) + ": TFLOPS x GPUs x step / tokens"));
  cases->push_back(Case("DS-E16n", "DeepSeek-V3 training operations per token, implied, non-causal", 280.2,
                        gflop(false), "GFLOP", 0.01,
                        std::string(kInsights) + ": TFLOPS x GPUs x step / tokens"));
}

}  // namespace

std::vector<ValidationCase> ModelCases() {
  const models::ModelSpec v3 = models::ModelPreset("deepseek-v3");
  std::vector<ValidationCase> cases;
  AppendParameterCases(v3, &cases);
  AppendFlopsCases(v3, &cases);
  return cases;
}

}  // namespace orrery::scenarios
