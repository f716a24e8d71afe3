// How large and how dear the classic topologies are, from the number of switch ports alone: Insights into
// DeepSeek-V3 (arXiv 2505.09343) Table 3. Links are cables between switches.
#pragma once

#include <cstdint>

namespace orrery::hw {

struct TopologySize {
  std::int64_t endpoints = 0, switches = 0, links = 0;
};

/// Two- and three-layer fat trees of switches with `ports` ports (even).
TopologySize FatTree2(int ports);
TopologySize FatTree3(int ports);
/// `planes` separate two-layer fat trees, one a NIC of a node.
TopologySize MultiPlaneFatTree(int ports, int planes);
/// McKay-Miller-Siran graph of prime power q = 4w + d, d in {-1, 0, 1}: 2 q^2 switches of network radix (3q - d) / 2,
/// half as many endpoints a switch, rounded up. Aborts if q is even other than a multiple of 4.
TopologySize SlimFly(int q);
/// Balanced dragonfly with `endpoints_per_switch` p, 2p switches a group, p global links a switch; `groups`
/// of them.
TopologySize Dragonfly(int endpoints_per_switch, int groups);

/// Thousand dollars: 15.0 a switch, 2.60 a link, 1.09 an endpoint. Least squares over the five costs of the table (it
/// gives none of its prices); reproduces them within 0.7 %.
double CostThousandDollars(const TopologySize& size);

}  // namespace orrery::hw
