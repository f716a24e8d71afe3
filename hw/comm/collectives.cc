#include "hw/comm/collectives.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace orrery::hw {
namespace {

/// Bus bandwidth over nominal NVLink rate of NCCL 2.29.2 all-gather and reduce-scatter at 512 MB on eight H100:
/// 335 of 450 GB/s (aiconfigurator's NCCL table; HARDWARE notes 2.5).
constexpr double kNcclShareOfScaleUp = 335.0 / 450.0;

/// One of NCCL's protocols: ring latencies in microseconds (src/graph/tuning.cc, commit 5067397) and the share of
/// a line that is payload: LL sends a 4 B flag with every 4 B, LL128 8 B with every 120 B.
struct Protocol {
  double base_us, scale_up_hop_us, scale_out_hop_us, payload_share;
};
constexpr Protocol kProtocols[] = {
    {6.6, 0.6, 2.7, 0.5}, {14.0, 1.9, 4.0, 120.0 / 128.0}, {8.4, 3.4, 14.0, 1.0}};

/// The same of NCCL's tree, up and down again, with the protocol of least latency (LL); microseconds.
constexpr double kTreeBaseUs = 6.8, kTreeScaleUpHopUs = 0.6, kTreeScaleOutHopUs = 5.0;

int Steps(Collective collective, int ranks) {
  return collective == Collective::kAllReduce ? 2 * (ranks - 1) : ranks - 1;
}

/// Bytes through a rank's port: each step moves 1/ranks of the buffer.
double Moved(Collective collective, double bytes, int ranks) {
  return bytes * Steps(collective, ranks) / ranks;
}

template <typename HopMicroseconds>
Time BestProtocol(int steps, double moved, double rate, HopMicroseconds hop) {
  double best = 0;
  for (const Protocol& p : kProtocols) {
    const double t = (p.base_us + steps * hop(p)) * 1e-6 + moved / (rate * p.payload_share);
    if (&p == kProtocols || t < best) best = t;
  }
  return FromSeconds(best);
}

}  // namespace

CollectiveModel::CollectiveModel(const Device& device, const PointToPoint& link, Transport transport)
    : scale_up_{device.scale_up.value * kNcclShareOfScaleUp},
      scale_out_{link.rate(Reach::kLeaf)},
      table_(FindCollectiveTable(device)),
      hop_(HopLatency(transport)) {
  if (!table_) return;
  slower_ = table_->measured_on.Apply(device).scale_up.value / device.scale_up.value;
  const CollectiveRows* widest = nullptr;
  for (const CollectiveRows& rows : table_->tables) {
    const bool straight = rows.collective == Collective::kAllGather;  // no switch adds on the way
    if (straight && (widest == nullptr || rows.gpus > widest->gpus)) widest = &rows;
  }
  if (widest != nullptr) scale_up_ = {widest->BusRate() / slower_};
}

Provenance CollectiveModel::scale_up_provenance(Collective collective, int ranks) const {
  const bool measured = slower_ == 1 && table_ && table_->Find(collective, ranks) != nullptr;
  return measured ? Provenance::kMeasured : Provenance::kScaled;
}

Time CollectiveModel::ScaleUpLeg(Collective collective, Bytes bytes, int ranks) const {
  if (ranks <= 1) return kTimeZero;
  if (const CollectiveRows* rows = table_ ? table_->Find(collective, ranks) : nullptr)
    return FromSeconds(rows->Seconds(static_cast<double>(bytes.count), slower_));
  const double moved = Moved(collective, static_cast<double>(bytes.count), ranks);
  return BestProtocol(Steps(collective, ranks), moved, scale_up_.value,
                      [](const Protocol& p) { return p.scale_up_hop_us; });
}

Time CollectiveModel::ScaleOutLeg(Collective collective, Bytes bytes, const CollectiveGroup& group) const {
  if (group.nodes <= 1) return kTimeZero;
  const double share =
      static_cast<double>(bytes.count) / group.ranks_per_node;  // after, or before, the node's leg
  const double extra_us = Microseconds(hop_) * group.extra_switches;
  return BestProtocol(Steps(collective, group.nodes), Moved(collective, share, group.nodes),
                      scale_out_.value / group.scale_out_stretch,
                      [extra_us](const Protocol& p) { return p.scale_out_hop_us + extra_us; });
}

CollectiveTime CollectiveModel::Price(Collective collective, Bytes bytes,
                                      const CollectiveGroup& group) const {
  ORRERY_CHECK(group.ranks_per_node >= 1 && group.nodes >= 1, "an empty group");
  ORRERY_CHECK(bytes.count >= 0, "negative bytes");
  ORRERY_CHECK(group.scale_out_stretch >= 1, "a fabric cannot be faster than its ports");
  CollectiveTime t;
  if (collective == Collective::kAllReduce &&
      group.nodes > 1) {  // reduce-scatter, all-reduce of a share, all-gather
    t.scale_up = ScaleUpLeg(Collective::kReduceScatter, bytes, group.ranks_per_node) +
                 ScaleUpLeg(Collective::kAllGather, bytes, group.ranks_per_node);
  } else {
    t.scale_up = ScaleUpLeg(collective, bytes, group.ranks_per_node);
  }
  t.scale_out = ScaleOutLeg(collective, bytes, group);
  return t;
}

Time CollectiveModel::SmallAllReduce(const CollectiveGroup& group) const {
  const auto levels = std::bit_width(static_cast<unsigned>(group.nodes)) - 1;  // of a binary tree of nodes
  const double hop_us = kTreeScaleOutHopUs + Microseconds(hop_) * group.extra_switches;
  const double up_us = (group.ranks_per_node - 1) * kTreeScaleUpHopUs + static_cast<double>(levels) * hop_us;
  const bool alone = group.ranks_per_node == 1 && group.nodes == 1;
  return alone ? kTimeZero : FromSeconds((kTreeBaseUs + 2 * up_us) * 1e-6);
}

ZeroOneTime PriceZeroOne(const CollectiveModel& model, const ReplicatedParameters& dense,
                         const ReplicatedParameters& experts, int gradient_bytes, int parameter_bytes) {
  const auto price = [&model](Collective c, const ReplicatedParameters& p, int bytes) {
    return model.Price(c, {p.count * bytes}, p.group);
  };
  return {price(Collective::kReduceScatter, dense, gradient_bytes),
          price(Collective::kReduceScatter, experts, gradient_bytes),
          price(Collective::kAllGather, dense, parameter_bytes),
          price(Collective::kAllGather, experts, parameter_bytes)};
}

}  // namespace orrery::hw
