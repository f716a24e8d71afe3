#include "scenarios/attention_pricing.h"

#include <algorithm>
#include <cmath>

#include "hw/cost/roofline.h"

namespace orrery::scenarios {
namespace {

bool IsFp8(OpKind kind) {
  return kind == OpKind::kGemmFp8 || kind == OpKind::kGroupedGemmFp8 || kind == OpKind::kGroupedGemmFp8Masked;
}

/// Priced time by what bounds it: each kernel counts to the resource its roofline is set by, gaps to the
/// launches.
struct Bounds {
  double tensor_s = 0, memory_s = 0, launches_s = 0;

  void Add(const models::StepOp& o, const hw::Device& device, double seconds, double gaps_s) {
    const double compute = o.op.flops.count / (IsFp8(o.op.kind) ? device.fp8 : device.bf16).value;
    const double move = static_cast<double>(o.op.bytes.count) / device.memory_rate.value;
    (compute >= move ? tensor_s : memory_s) += seconds;
    launches_s += gaps_s;
  }
  Limit Largest() const {
    if (tensor_s >= memory_s && tensor_s >= launches_s) return Limit::kTensorCores;
    return memory_s >= launches_s ? Limit::kMemory : Limit::kLaunches;
  }
};

/// What FlashMLA, the fastest published kernel of its kind, reaches of an H800's 989 TFLOPS and 3350 GB/s:
/// 660 TFLOPS (four fifths of the throttled peak) and 3000 GB/s (docs/20250422). Prices carried beyond the
/// tables stop there.
constexpr double kFlashMlaTensorShare = 660.0 / 989.0;
constexpr double kFlashMlaMemoryShare = 3000.0 / 3350.0;

Time LatentLimit(const Op& op, const hw::Device& device) {
  const double tensor_s = op.flops.count / (kFlashMlaTensorShare * device.bf16.value);
  const double memory_s =
      static_cast<double>(op.bytes.count) / (kFlashMlaMemoryShare * device.memory_rate.value);
  return FromSeconds(std::max(tensor_s, memory_s)) + Time{1};  // never faster for having been rounded
}

double BoundSeconds(const Op& op, const hw::Device& device) {
  return std::max(op.flops.count / device.bf16.value,
                  static_cast<double>(op.bytes.count) / device.memory_rate.value);
}

/// The decode kernel of the tables that does what `op` does: a BF16 cache, and a latent with its RoPE part
/// (d_c / 8, as in every published MLA) where the op's latent has none.
Op MeasuredKin(const models::StepOp& step_op) {
  const Op& op = step_op.op;
  AttentionShape s = std::get<AttentionShape>(op.shape);
  if (step_op.latent && s.d_qk == s.d_v) s.d_qk += s.d_v / 8;
  const std::int64_t width = step_op.latent ? s.d_qk : s.kv_heads * (s.d_qk + s.d_v);
  Op kin = op;
  kin.shape = s;
  kin.flops = {2.0 * static_cast<double>(s.batch * s.q_len * s.heads) *
               static_cast<double>(s.kv_len * (s.d_qk + s.d_v))};
  kin.bytes = {2 * s.batch * (s.kv_len * width + s.q_len * s.heads * (s.d_qk + s.d_v))};
  return kin;
}

}  // namespace

const char* Name(Limit limit) {
  switch (limit) {
    case Limit::kTensorCores:
      return "tensor cores";
    case Limit::kMemory:
      return "memory";
    case Limit::kLaunches:
      return "kernel launches";
  }
  return "";
}

hw::Price StepPricer::PriceOp(const models::StepOp& o) const {
  if (o.op.kind != OpKind::kAttentionDecode) return cost_.PriceOp(o.op, device().sms);
  const Op reference = MeasuredKin(o);
  hw::Price price = cost_.PriceOp(reference, device().sms);
  Time time = price.time;
  if (reference.bytes != o.op.bytes) {
    time = FromSeconds(Seconds(time) * BoundSeconds(o.op, device()) / BoundSeconds(reference, device()));
  }
  if (o.latent) time = std::max(time, LatentLimit(o.op, device()));
  if (time == price.time) return price;
  price.time = time;
  price.provenance = std::max(price.provenance, hw::Provenance::kScaled);
  return price;
}

namespace {

/// The total of a step under each draw.
class DrawnTotals {
 public:
  explicit DrawnTotals(const std::vector<hw::PriceFactors>& draws)
      : draws_(draws), seconds_(draws.size(), 0) {}

  /// A kernel is never faster than its roofline.
  void Add(const models::StepOp& o, const hw::Price& price, const hw::Device& device, double seconds,
           double gaps_s) {
    if (draws_.empty()) return;
    const double least = std::min(1.0, Seconds(hw::Roofline(o.op, device, device.sms)) / Seconds(price.time));
    for (std::size_t i = 0; i < draws_.size(); ++i) {
      const double factor = std::max(least, draws_[i].At(o.op.kind, price.basis));
      seconds_[i] += seconds * factor + gaps_s * draws_[i].launch_gap;
    }
  }
  std::optional<hw::Range90> Over(double total_s) const {
    if (draws_.empty() || total_s <= 0) return std::nullopt;
    std::vector<double> logs;
    for (const double s : seconds_) logs.push_back(std::log(s / total_s));
    return hw::Quantiles90(std::move(logs));
  }

 private:
  const std::vector<hw::PriceFactors>& draws_;
  std::vector<double> seconds_;
};

}  // namespace

StepTime StepPricer::Price(const std::vector<models::StepOp>& ops) const {
  StepTime time;
  Bounds bounds;
  DrawnTotals drawn(draws_);
  const double gap_s = Seconds(cost_.launch_gap());
  for (const models::StepOp& o : ops) {
    const hw::Price price = PriceOp(o);
    const double seconds = Seconds(price.time) * static_cast<double>(o.count);
    time.part_s[static_cast<std::size_t>(o.part)] += seconds;
    const double gaps = gap_s * static_cast<double>(o.count);
    time.gaps_s += gaps;
    switch (price.provenance) {
      case hw::Provenance::kMeasured:
        time.measured_s += seconds;
        break;
      case hw::Provenance::kScaled:
        time.scaled_s += seconds;
        break;
      case hw::Provenance::kAnalytic:
        time.analytic_s += seconds;
        break;
    }
    bounds.Add(o, device(), seconds, gaps);
    drawn.Add(o, price, device(), seconds, gaps);
  }
  time.limit = bounds.Largest();
  time.range = drawn.Over(time.total_s());
  return time;
}

}  // namespace orrery::scenarios
