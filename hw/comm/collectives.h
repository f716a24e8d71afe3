// Collectives of data parallelism: hierarchical ring reduce-scatter, all-gather and all-reduce, NVLink inside a
// node and then the NICs between nodes, every GPU on its own rail. A leg's time is NCCL's own model, latency of
// its steps plus bytes over the rate, for the best of its three protocols. Inside a node a device's own table
// goes first, where one was measured among as many GPUs.
#pragma once

#include <optional>

#include "hw/comm/collective_table.h"
#include "hw/comm/point_to_point.h"
#include "hw/device.h"
#include "hw/provenance.h"

namespace orrery::hw {

/// Who takes part: `ranks_per_node` GPUs on each of `nodes` nodes.
struct CollectiveGroup {
  int ranks_per_node = 1;
  int nodes = 1;
  int extra_switches = 0;          ///< on a hop beyond one leaf's: 2 across leaves, 4 across pods
  double scale_out_stretch = 1.0;  ///< slow-down of the fabric against the port (FabricStretch)
};

/// The legs run one after another over the same buffer.
struct CollectiveTime {
  Time scale_up{}, scale_out{};
  Time Total() const { return scale_up + scale_out; }
};

class CollectiveModel {
 public:
  /// Scale-up as the device's table says, else at the share of the nominal rate that it, or the H100's, reaches;
  /// scale-out at the rate of `link`.
  CollectiveModel(const Device& device, const PointToPoint& link,
                  Transport transport = Transport::kInfiniBand);

  /// `bytes` is the whole buffer: what a rank feeds into a reduce-scatter, or holds after an all-gather.
  CollectiveTime Price(Collective collective, Bytes bytes, const CollectiveGroup& group) const;

  /// All-reduce of a few bytes, as a gradient norm is: the tree that NCCL takes where latency is all.
  Time SmallAllReduce(const CollectiveGroup& group) const;

  BytesPerSecond scale_up_rate() const { return scale_up_; }
  BytesPerSecond scale_out_rate() const { return scale_out_; }
  /// Of the leg inside a node. No multi-node NCCL table of any machine is published, so that what goes between
  /// nodes is scaled from the exchange kernels.
  Provenance scale_up_provenance(Collective collective, int ranks) const;

 private:
  Time ScaleUpLeg(Collective collective, Bytes bytes, int ranks) const;
  Time ScaleOutLeg(Collective collective, Bytes bytes, const CollectiveGroup& group) const;

  BytesPerSecond scale_up_, scale_out_;
  std::optional<CollectiveTable> table_;
  double slower_ = 1;  ///< links of the table's machine over this device's
  Time hop_;
};

/// Parameters of one GPU and who holds copies of them.
struct ReplicatedParameters {
  std::int64_t count = 0;  ///< parameters a GPU holds
  CollectiveGroup group;   ///< all their copies, DualPipe's second one among them
};

/// ZeRO-1's traffic at the end of a step.
struct ZeroOneTime {
  CollectiveTime dense_gradients, expert_gradients, dense_parameters, expert_parameters;
  Time Total() const {
    return dense_gradients.Total() + expert_gradients.Total() + dense_parameters.Total() +
           expert_parameters.Total();
  }
};

/// Reduce-scatter of gradients of `gradient_bytes` each (FP32: 4, V3 report 3.3.3), then all-gather of the updated
/// parameters of `parameter_bytes` each (BF16: 2).
ZeroOneTime PriceZeroOne(const CollectiveModel& model, const ReplicatedParameters& dense,
                         const ReplicatedParameters& experts, int gradient_bytes = 4,
                         int parameter_bytes = 2);

}  // namespace orrery::hw
