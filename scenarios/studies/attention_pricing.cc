#include "scenarios/studies/attention_pricing.h"

#include <algorithm>
#include <cmath>

#include "core/op/op_traits.h"
#include "core/op/op_work.h"
#include "hw/cost/roofline.h"

namespace orrery::scenarios {
namespace {

/// Priced time by what bounds it: each kernel counts to the resource its roofline is set by, gaps to the
/// launches.
struct Bounds {
  double tensor_s = 0, memory_s = 0, launches_s = 0;

  void Add(const models::PlacedOp& o, const hw::Device& device, double seconds, double gaps_s) {
    const Work work = WorkOf(o.op);
    const double compute = work.flops / (IsFp8(o.op.kind) ? device.fp8 : device.bf16).value;
    const double move = work.bytes / device.memory_rate.value;
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
    case Limit::kTensorCores:
      return "tensor cores";
    case Limit::kMemory:
      return "memory";
    case Limit::kLaunches:
      return "kernel launches";
  }
  return "";
}

namespace {

/// The total of a step under each draw.
class DrawnTotals {
 public:
  explicit DrawnTotals(const std::vector<hw::PriceFactors>& draws)
      : draws_(draws), seconds_(draws.size(), 0) {}

  /// A kernel is never faster than its roofline.
  void Add(const models::PlacedOp& o, const hw::Price& price, const hw::Device& device, double seconds,
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

std::array<StepHeading, 5> Headings(const StepTime& time) {
  using models::Block;
  double feed_forward = 0, other = 0;
  for (int b = 0; b < models::kBlocks; ++b) {
    const auto block = static_cast<Block>(b);
    if (block == Block::kAttention || block == Block::kUpProjection || block == Block::kProjection) continue;
    (models::IsFeedForward(block) ? feed_forward : other) += time.block(block);
  }
  return {{{"attention", time.block(Block::kAttention)},
           {"up-projection", time.block(Block::kUpProjection)},
           {"projections", time.block(Block::kProjection)},
           {"feed-forward", feed_forward},
           {"other", other}}};
}

StepTime StepPricer::Price(const std::vector<models::PlacedOp>& ops, hw::Launching how) const {
  StepTime time;
  Bounds bounds;
  DrawnTotals drawn(draws_);
  const double gap_s = Seconds(cost_.launch_gap(how));
  for (const models::PlacedOp& o : ops) {
    const hw::Price price = cost_.PriceOp(o.op, device().sms);
    const double seconds = Seconds(price.time) * static_cast<double>(o.count);
    time.block_s[static_cast<std::size_t>(o.block)] += seconds;
    const double gaps = gap_s * static_cast<double>(o.count);
    time.gaps_s += gaps;
    switch (price.provenance) {
      case hw::Provenance::kMeasured:
        time.measured_s += seconds;
        break;
      case hw::Provenance::kDerived:
        time.derived_s += seconds;
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
