// How well the tables of other devices than the H800 price what they do not hold: rows between those transcribed,
// the same rows priced as if their device had no table, and what share of serving rests on what.
#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "core/config/resources.h"
#include "hw/comm/exchange.h"
#include "hw/comm/node_exchange.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/price_error.h"
#include "models/layers/serving_ops.h"
#include "models/spec/model_spec.h"
#include "scenarios/studies/attention_pricing.h"
#include "scenarios/validation/validation.h"

namespace orrery::scenarios {
namespace {

constexpr const char* kArea = "devices";
constexpr const char* kHeldOut = "held-out.yaml";
/// Bars on the median, per cent: of kinds bound by latency rather more.
constexpr double kBar = 10, kLatencyBar = 15;
/// Of a device's rows priced from another's, in their 90 % intervals.
constexpr double kLeastHeld = 75;

std::filesystem::path HeldOutPath(const std::string& device) {
  return ResourceRoot() / "hw" / "data" / device / kHeldOut;
}

/// Per cent, of |ln(priced / measured)|.
double PercentOff(const hw::CostModel& cost, const hw::KernelRow& row) {
  const double priced = Seconds(cost.PriceOp(row.op, row.sms).time);
  return 100 * std::abs(std::log(priced / Seconds(row.time)));
}

double Quantile(std::vector<double> values, double share) {
  ORRERY_CHECK(!values.empty(), "a quantile of nothing");
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

/// MLA and GQA decode are different kernels; so are single and batched GEMMs.
std::string KindOf(const Op& op) {
  const std::string name(Name(op.kind));
  if (const auto* s = std::get_if<AttentionShape>(&op.shape)) {
    if (IsLatent(*s)) return name + " MLA";
    return name + (s->d_qk != s->d_v ? " MLA" : "");
  }
  const auto* gemm = std::get_if<GemmShape>(&op.shape);
  return op.kind == OpKind::kGemmBf16 && gemm->groups > 1 ? name + " batched" : name;
}

using ErrorsByKind = std::map<std::string, std::vector<double>>;

ErrorsByKind ErrorsOf(const hw::CostModel& cost, const hw::KernelTable& rows) {
  ErrorsByKind errors;
  for (const hw::KernelRow& row : rows.rows) errors[KindOf(row.op)].push_back(PercentOff(cost, row));
  return errors;
}

ValidationCase AtMost(std::string id, std::string what, double most, double value, std::string source) {
  ValidationCase c;
  c.id = std::move(id);
  c.area = kArea;
  c.what = std::move(what);
  c.published = most;
  c.simulated = value;
  c.unit = "%";
  c.kind = ToleranceKind::kAtMost;
  c.source = std::move(source);
  return c;
}

double BarOf(const std::string& kind) { return kind == "cast_fp8" ? kLatencyBar : kBar; }

void AppendHeldOut(const std::string& device, const hw::CostModel& cost, const hw::KernelTable& held_out,
                   std::vector<ValidationCase>* cases) {
  for (const auto& [kind, errors] : ErrorsOf(cost, held_out)) {
    ValidationCase c = AtMost(fmt::format("HO-{}-{}", device, kind),
                              fmt::format("{}: {} held-out rows, median error; 90th percentile {:.0f} %",
                                          kind, errors.size(), Quantile(errors, 0.9)),
                              BarOf(kind), Quantile(errors, 0.5), held_out.source);
    cases->push_back(std::move(c));
  }
}

/// Whether a row's time lies in the central 90 % of what its price is drawn from.
class Coverage {
 public:
  explicit Coverage(const hw::CostModel& cost) : cost_(cost), draws_(cost.Errors().Draws(kDraws)) {}

  bool Holds(const hw::KernelRow& row) {
    const hw::Price price = cost_.PriceOp(row.op, row.sms);
    const hw::Range90& range = RangeOf(row.op.kind, price.basis);
    const double factor = Seconds(row.time) / Seconds(price.time);
    return factor >= range.low && factor <= range.high;
  }

 private:
  static constexpr int kDraws = 400;

  const hw::Range90& RangeOf(OpKind kind, hw::Basis basis) {
    const auto [it, added] = ranges_.try_emplace({kind, basis});
    if (added) {
      std::vector<double> logs;
      for (const hw::PriceFactors& draw : draws_) logs.push_back(std::log(draw.At(kind, basis)));
      it->second = hw::Quantiles90(std::move(logs));
    }
    return it->second;
  }

  const hw::CostModel& cost_;
  std::vector<hw::PriceFactors> draws_;
  std::map<std::pair<OpKind, hw::Basis>, hw::Range90> ranges_;
};

/// The held-out rows priced as if nobody had measured their device, and how many of them the intervals hold.
void AppendWithoutDevice(const std::string& device, const hw::KernelTable& held_out,
                         std::vector<ValidationCase>* cases) {
  const hw::CostModel lent = hw::CostModel::LoadLent(hw::DevicePreset(device));
  Coverage coverage(lent);
  std::map<std::string, std::string> lenders;
  std::map<std::string, int> held;
  for (const hw::KernelRow& row : held_out.rows) {
    lenders[KindOf(row.op)] = lent.LenderOf(row.op.kind);
    held[KindOf(row.op)] += coverage.Holds(row) ? 1 : 0;
  }
  for (const auto& [kind, errors] : ErrorsOf(lent, held_out)) {
    const std::string& from = lenders.at(kind);
    if (from.empty()) continue;
    ValidationCase c;
    c.id = fmt::format("LODO-{}-{}", device, kind);
    c.area = kArea;
    c.what = fmt::format(
        "{} from {}: median error {:.0f} %, 90th percentile {:.0f} %; rows that the 90 % intervals hold",
        kind, from, Quantile(errors, 0.5), Quantile(errors, 0.9));
    c.published = 90;
    c.simulated = 100.0 * held.at(kind) / static_cast<double>(errors.size());
    c.unit = "% of rows";
    c.kind = ToleranceKind::kRange;
    c.low = kLeastHeld, c.high = 100;
    c.source = held_out.source;
    c.residual =
        "kernels of a kind on a pair of devices are off together: an interval holds nine such pairs in ten, "
        "not nine "
        "rows of every pair";
    cases->push_back(std::move(c));
  }
}

struct Served {
  const char* model;
  int tensor, expert;
};
/// Layouts that fit eight GPUs of 80 GB or, for DeepSeek-V3, DeepSeek's 32 of prefill (V3 report 3.4.1).
constexpr Served kServed[] = {{"deepseek-v3", 1, 32}, {"llama-3.1-70b", 4, 1}, {"qwen3-235b-a22b", 1, 8}};

StepTime PriceServed(const hw::CostModel& cost, const Served& served, bool decode) {
  const models::ModelSpec spec = models::ModelPreset(served.model);
  const models::AttentionDesign design = models::MakeDesign("own", spec.attention);
  models::Layout layout;
  layout.tensor = served.tensor;
  layout.expert = served.expert;
  layout.weights =
      cost.device().fp8.value > 0 ? models::WeightPrecision::kFp8 : models::WeightPrecision::kBf16;
  const StepPricer pricer(cost);
  return decode
             ? pricer.Price(models::ServedOps(spec, design, layout, models::Pass::kDecode, {{64, 1, 4096}}))
             : pricer.Price(models::ServedOps(spec, design, layout, models::Pass::kPrefill, {{4, 4096, 0}}),
                            hw::Launching::kStream);
}

void AppendShares(const std::string& device, const hw::CostModel& cost, std::vector<ValidationCase>* cases) {
  for (const Served& served : kServed) {
    for (const bool decode : {true, false}) {
      const StepTime t = PriceServed(cost, served, decode);
      const double whole = t.kernels_s() / 100;
      ValidationCase c;
      c.id = fmt::format("SHARE-{}-{}-{}", device, served.model, decode ? "decode" : "prefill");
      c.area = kArea;
      c.what = fmt::format(
          "{} {}: kernel time {:.0f} % measured, {:.0f} % derived, {:.0f} % scaled, {:.0f} % analytic",
          served.model, decode ? "decode, 64 x 4096 tokens" : "prefill, 4 x 4096 tokens",
          t.measured_s / whole, t.derived_s / whole, t.scaled_s / whole, t.analytic_s / whole);
      c.unit = "% own rows";
      c.kind = ToleranceKind::kRange;
      c.low = 50, c.high = 100;
      c.published = 100;
      c.simulated = (t.measured_s + t.derived_s) / whole;
      c.role = CaseRole::kFormula;
      c.source = "hw/data/" + device;
      c.residual =
          "no table of the device holds the kernels between its GEMMs and attention, nor (Hopper, A100) its "
          "experts' grouped GEMMs: those are scaled, from the H800 for the most part";
      cases->push_back(std::move(c));
    }
  }
}

/// Times of TensorRT-LLM's all-to-all (MnnvlMoe) over the NVLink domain of a GB200 rack: 4096 tokens a rank, 256
/// experts, top 8, hidden 7168, FP8 there and BF16 back, in us.
struct RackRow {
  int ranks;
  double dispatch, combine;
};
constexpr RackRow kRack[] = {{8, 379.1, 815.7}, {16, 400.6, 865.4}, {32, 428.4, 925.1}, {64, 456.6, 1013.0}};

/// What nobody measured with DeepEP: exchanges among more GPUs of a rack than the four of a tray.
void AppendRack(std::vector<ValidationCase>* cases) {
  constexpr int kTokens = 4096, kTopK = 8, kExperts = 256, kHidden = 7168;
  const hw::ExchangeModel model = hw::ExchangeModel::Load(hw::DevicePreset("gb200"), "2025-04");
  for (const RackRow& row : kRack) {
    const double others = hw::RanksPerToken(row.ranks, kTopK, kExperts) * (row.ranks - 1) / row.ranks;
    for (const hw::ExchangeKind kind : {hw::ExchangeKind::kDispatch, hw::ExchangeKind::kCombine}) {
      const auto wire = static_cast<double>(hw::NormalPairBytes(kind, kHidden, kTopK).wire.count);
      const Bytes bytes{static_cast<std::int64_t>(wire * kTokens * others)};
      ValidationCase c;
      c.id = fmt::format("NVL72-{}-{}", hw::Name(kind), row.ranks);
      c.area = kArea;
      c.what = fmt::format("{} of 4096 tokens among {} GPUs of a GB200 rack", hw::Name(kind), row.ranks);
      c.published = hw::IsDispatch(kind) ? row.dispatch : row.combine;
      c.simulated = Microseconds(model.Price(kind, {{}, {}, bytes, bytes}).alone);
      const hw::Range90 range = hw::LogNormal90(0, model.Deviation());
      c.SetInterval(range.low, range.high);
      c.unit = "us";
      c.tolerance = 0.25;
      c.source = "ai-dynamo/aiconfigurator @095f58a gb200 trtllm_alltoall_perf, NVLinkTwoSided";
      c.residual =
          "ours are DeepEP's kernels at the rate that they reach among the four GPUs of a tray; these are "
          "TensorRT-LLM's, "
          "written for the rack, and nobody has published DeepEP's over it";
      cases->push_back(std::move(c));
    }
  }
}

}  // namespace

std::vector<ValidationCase> DevicesCases() {
  std::vector<ValidationCase> cases;
  for (const std::string& device : hw::DevicePresets()) {
    if (!std::filesystem::exists(HeldOutPath(device))) continue;
    const hw::CostModel cost = hw::CostModel::Load(hw::DevicePreset(device), {});
    const hw::KernelTable held_out = hw::ReadKernelTable(HeldOutPath(device));
    AppendHeldOut(device, cost, held_out, &cases);
    AppendWithoutDevice(device, held_out, &cases);
    AppendShares(device, cost, &cases);
  }
  AppendRack(&cases);
  return cases;
}

}  // namespace orrery::scenarios
