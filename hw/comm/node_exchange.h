// DeepEP's kernels inside one node as measured: hw/data/<device>/exchanges-one-node.yaml. They say what the scale-up
// ports of a device give; nobody has published more than one node of any device but the H800.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hw/comm/deepep_table.h"
#include "hw/device.h"

namespace orrery::hw {

struct NodeExchangeRow {
  int tokens = 0;  ///< of a rank
  Time dispatch{}, combine{};
};

struct NodeExchangeTable {
  std::string device, source;
  MeasuredOn measured_on;
  int ranks = 0, hidden = 0, top_k = 0, experts = 0;
  std::vector<NodeExchangeRow> normal, low_latency;
};

/// What the rows say of the scale-up ports: t = latency + bytes / rate.
struct NodeRates {
  double latency_s = 0;
  double scale_up = 0;   ///< B/s
  double rms_error = 0;  ///< of log t
};

NodeExchangeTable ReadNodeExchangeTable(const Value& root);
/// Absent where nobody measured the device.
std::optional<NodeExchangeTable> FindNodeExchangeTable(const Device& device);

/// Distinct ranks that a token's choices reach, all experts equally likely.
double RanksPerToken(int ranks, int top_k, int experts);

/// Of the normal kernels, which have no latency here: rows of 1024 tokens a rank and more.
NodeRates FitNormal(const NodeExchangeTable& table, BytesPerSecond nominal);
NodeRates FitLowLatencyNode(const NodeExchangeTable& table, BytesPerSecond nominal);

}  // namespace orrery::hw
