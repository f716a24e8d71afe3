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

/// `step_op` in the shape of the decode kernel of the tables that does what it does: where its latent has no
/// RoPE part, one with (d_c / 8, as in every published MLA). Operations and bytes stay its own, those of an
/// FP8 cache say: they decide the time, the shape only which measured efficiency it takes.
Op InMeasuredShape(const models::StepOp& step_op) {
  Op op = step_op.op;
  auto& shape = std::get<AttentionShape>(op.shape);
  if (step_op.latent && shape.d_qk == shape.d_v) shape.d_qk += shape.d_v / 8;
  return op;
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
  return cost_.PriceOp(InMeasuredShape(o), device().sms);
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

StepTime StepPricer::Price(const std::vector<models::StepOp>& ops, hw::Launching how) const {
  StepTime time;
  Bounds bounds;
  DrawnTotals drawn(draws_);
  const double gap_s = Seconds(cost_.launch_gap(how));
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
