#include "scenarios/attention_pricing.h"

#include <algorithm>

namespace orrery::scenarios {
namespace {

bool IsFp8(OpKind kind) {
  return kind == OpKind::kGemmFp8 || kind == OpKind::kGroupedGemmFp8 || kind == OpKind::kGroupedGemmFp8Masked;
}

/// Priced time by what bounds it: each kernel counts to the resource its roofline is set by, gaps to the launches.
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

}  // namespace

const char* Name(Limit limit) {
  switch (limit) {
    case Limit::kTensorCores: return "tensor cores";
    case Limit::kMemory: return "memory";
    case Limit::kLaunches: return "kernel launches";
  }
  return "";
}

hw::Price StepPricer::PriceOp(const models::StepOp& o) const {
  if (o.op.kind != OpKind::kAttentionDecode || cache_ == models::CachePrecision::kBf16) {
    return cost_.PriceOp(o.op, device().sms);
  }
  hw::Price price;
  price.time = std::max(o.op.flops / device().bf16, o.op.bytes / device().memory_rate);
  price.provenance = hw::Provenance::kAnalytic;
  return price;
}

StepTime StepPricer::Price(const std::vector<models::StepOp>& ops) const {
  StepTime time;
  Bounds bounds;
  const double gap_s = Seconds(cost_.launch_gap());
  for (const models::StepOp& o : ops) {
    const hw::Price price = PriceOp(o);
    const double seconds = Seconds(price.time) * static_cast<double>(o.count);
    time.part_s[static_cast<std::size_t>(o.part)] += seconds;
    const double gaps = gap_s * static_cast<double>(o.count);
    time.gaps_s += gaps;
    switch (price.provenance) {
      case hw::Provenance::kMeasured: time.measured_s += seconds; break;
      case hw::Provenance::kScaled: time.scaled_s += seconds; break;
      case hw::Provenance::kAnalytic: time.analytic_s += seconds; break;
    }
    bounds.Add(o, device(), seconds, gaps);
  }
  time.limit = bounds.Largest();
  return time;
}

}  // namespace orrery::scenarios
