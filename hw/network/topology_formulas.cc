#include "hw/network/topology_formulas.h"

#include "core/base/error.h"

namespace orrery::hw {

TopologySize FatTree2(int ports) {
  const std::int64_t k = ports;
  return {k * k / 2, 3 * k / 2, k * k / 2};
}

TopologySize FatTree3(int ports) {
  const std::int64_t k = ports;
  return {k * k * k / 4, 5 * k * k / 4, k * k * k / 2};
}

TopologySize MultiPlaneFatTree(int ports, int planes) {
  const TopologySize plane = FatTree2(ports);
  return {plane.endpoints * planes, plane.switches * planes, plane.links * planes};
}

TopologySize SlimFly(int q) {
  ORRERY_CHECK(q % 4 != 2, "q = 4w + d with d in {-1, 0, 1}");
  const std::int64_t d = q % 4 == 3 ? -1 : q % 4;
  const std::int64_t switches = 2LL * q * q, radix = (3LL * q - d) / 2;
  return {switches * ((radix + 1) / 2), switches, switches * radix / 2};
}

TopologySize Dragonfly(int endpoints_per_switch, int groups) {
  const std::int64_t p = endpoints_per_switch, a = 2 * p, h = p, g = groups;
  return {a * p * g, a * g, g * (a * (a - 1) / 2) + g * a * h / 2};
}

double CostThousandDollars(const TopologySize& size) {
  return 15.0 * static_cast<double>(size.switches) + 2.60 * static_cast<double>(size.links) +
         1.09 * static_cast<double>(size.endpoints);
}

}  // namespace orrery::hw
