// How well the H800 tables predict kernels they do not contain, and published kernel figures with their own row left out.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "hw/cost/cost_model.h"
#include "scenarios/validation.h"

namespace orrery::scenarios {
namespace {

constexpr const char* kArea = "calibration";
constexpr const char* kInferSim = "alibaba/InferSim @f2293da bench_data/";

const hw::CostModel& Model() {
  static const hw::CostModel model = hw::CostModel::Load(hw::DevicePreset("h800-sxm"), {});
  return model;
}

double Median(std::vector<double> values) {
  ORRERY_CHECK(!values.empty(), "a median of nothing");
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Tolerated median of |ln(predicted / measured)| by class. What rows of one kernel scatter by themselves: whole
/// microseconds of short trace kernels, random expert loads of the masked tables.
struct ClassBound {
  const char* op_class;
  double median;
};
constexpr ClassBound kClassBounds[] = {
    {"gemm_fp8", 0.10},         {"gemm_fp8_wgrad", 0.10},    {"grouped_gemm_fp8", 0.10}, {"grouped_gemm_fp8_masked", 0.10},
    {"grouped_gemm_fp8_wgrad", 0.10}, {"gemm_bf16", 0.10},   {"attention_forward", 0.10}, {"attention_decode", 0.10},
    {"memory_bound", 0.10},     {"latency_bound", 0.15}};

void AppendLeaveOneOut(const std::vector<hw::CostModel::Residual>& residuals, std::vector<ValidationCase>* cases) {
  std::map<std::string, std::vector<double>> errors;
  for (const auto& r : residuals) errors[r.op_class].push_back(std::abs(r.log_ratio));
  for (const ClassBound& bound : kClassBounds) {
    ValidationCase c;
    c.id = std::string("LOO-") + bound.op_class;
    c.area = kArea;
    c.what = "median error with the row left out, " + std::to_string(errors.at(bound.op_class).size()) + " rows";
    c.published = 100 * bound.median;
    c.simulated = 100 * Median(errors.at(bound.op_class));
    c.unit = "%";
    c.kind = ToleranceKind::kAtMost;
    c.source = "every table of hw/data/h800-sxm/kernels";
    cases->push_back(std::move(c));
  }
}

/// A published row of the tables, predicted from the other rows.
struct HeldOut {
  const char* id;
  const char* row;  ///< as RowText names it
  double us;        ///< as published
  double tolerance;
  const char* table;
  const char* residual;
};

constexpr const char* kDecode = "mla/decode/h800/128-512-64.csv";
constexpr const char* kPrefill = "mla/prefill/h800/128-128-64.csv";
constexpr const char* kMasked = "grouped_gemm/decode/h800/data.csv";
constexpr const char* kContiguous = "grouped_gemm/prefill/h800/data.csv";
constexpr const char* kDense = "gemm/h800/data.csv";

#define MLA_DECODE(batch, kv) "attention_decode batch=" batch " heads=128/1 q=1 kv=" kv " d=576/512 @132"
#define MLA_PREFILL(seq) "attention_forward batch=1 heads=128/128 q=" seq " kv=" seq " d=192/128 @132"

constexpr HeldOut kHeldOut[] = {
    {"3P-K01", MLA_DECODE("1", "4096"), 21.653, 0.10, kDecode, ""},
    {"3P-K02", MLA_DECODE("16", "4096"), 53.437, 0.10, kDecode, ""},
    {"3P-K03", MLA_DECODE("32", "4096"), 85.584, 0.10, kDecode, ""},
    {"3P-K04", MLA_DECODE("64", "4096"), 155.153, 0.10, kDecode, ""},
    {"3P-K05", MLA_DECODE("128", "1024"), 96.252, 0.10, kDecode, ""},
    {"3P-K06", MLA_DECODE("128", "4096"), 292.023, 0.10, kDecode, ""},
    {"3P-K07", MLA_DECODE("128", "8192"), 550.393, 0.10, kDecode, ""},
    {"3P-K08", MLA_DECODE("128", "16384"), 1057.193, 0.10, kDecode, ""},
    {"3P-K09", MLA_DECODE("128", "65536"), 4443.373, 0.10, kDecode, ""},
    {"3P-K10", MLA_DECODE("256", "4096"), 585.772, 0.10, kDecode, ""},
    {"3P-K11", MLA_PREFILL("1024"), 116.88, 0.10, kPrefill, ""},
    {"3P-K12", MLA_PREFILL("4096"), 1104.692, 0.10, kPrefill, ""},
    {"3P-K13", MLA_PREFILL("8192"), 4538.828, 0.10, kPrefill, ""},
    {"3P-K14", MLA_PREFILL("16384"), 17774.458, 0.10, kPrefill, ""},
    {"3P-K15", MLA_PREFILL("32768"), 76337.72, 0.10, kPrefill, ""},
    {"3P-K16 up", "grouped_gemm_fp8_masked m=1061 n=4096 k=7168 groups=8 @132", 120.397, 0.15, kMasked, ""},
    {"3P-K17 up", "grouped_gemm_fp8_masked m=919 n=4096 k=7168 groups=4 @132", 93.832, 0.15, kMasked, ""},
    {"3P-K21 up", "grouped_gemm_fp8 m=31712 n=4096 k=7168 groups=8 @132", 1431.0, 0.10, kContiguous, ""},
    {"3P-K23 up", "grouped_gemm_fp8 m=31782 n=4096 k=7168 groups=4 @132", 1409.0, 0.10, kContiguous, ""},
    {"3P-K25", "gemm_fp8 m=64 n=1536 k=7168 @132", 10.881, 0.15, kDense, ""},
    {"3P-K26", "gemm_fp8 m=128 n=24576 k=1536 @132", 21.975, 0.15, kDense, ""},
    {"3P-K27", "gemm_fp8 m=4096 n=1536 k=7168 @132", 73.091, 0.15, kDense, ""},
    {"3P-K28", "gemm_fp8 m=4096 n=24576 k=1536 @132", 243.915, 0.15, kDense, ""},
    {"3P-K29", "gemm_fp8 m=4096 n=576 k=7168 @132", 34.493, 0.15, kDense, ""},
};
#undef MLA_DECODE
#undef MLA_PREFILL

}  // namespace
}  // namespace orrery::scenarios
