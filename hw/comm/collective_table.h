// Collectives of one node as measured: hw/data/<device>/collectives.yaml.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/units.h"
#include "core/config/document.h"
#include "hw/device.h"

namespace orrery::hw {

enum class Collective : std::uint8_t { kReduceScatter, kAllGather, kAllReduce };

/// Times of one collective among so many GPUs, by the bytes of the whole buffer.
struct CollectiveRows {
  Collective collective{};
  int gpus = 0;
  std::vector<std::pair<double, double>> seconds_of_bytes;  ///< ascending in bytes

  /// Between rows linear in logarithms, before the first row its time, beyond the last at its rate. `slower`: by
  /// how much the links are slower than those measured, which costs all but the time of the first row.
  double Seconds(double bytes, double slower = 1) const;
  /// Bytes a second through a rank's port in the largest row: what NCCL calls bus bandwidth.
  double BusRate() const;
};

struct CollectiveTable {
  std::string device, source;
  MeasuredOn measured_on;  ///< links of the measured machine
  std::vector<CollectiveRows> tables;

  /// Null where none was measured among so many.
  const CollectiveRows* Find(Collective collective, int gpus) const;
};

CollectiveTable ReadCollectiveTable(const Value& root);
/// The table of a device; absent where there is none.
std::optional<CollectiveTable> FindCollectiveTable(const Device& device);

}  // namespace orrery::hw
