// The solver against an independent one written the plain way, and the laws of fluid flow on real traffic.
#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "hw/network/fabric_stretch.h"

namespace orrery::hw {
namespace {

/// Water filling as in a text book: all unsettled flows rise together until a link is full; O(flows x links).
std::vector<double> TextbookMaxMin(const FlowNetwork& n) {
  const auto flows = static_cast<std::size_t>(n.flows());
  std::vector<double> rate(flows, 0);
  std::vector<char> fixed(flows, 0);
  const auto crosses = [&n](std::size_t f, std::size_t l) {
    return std::find(n.links.begin() + n.start[f], n.links.begin() + n.start[f + 1],
                     static_cast<std::int32_t>(l)) != n.links.begin() + n.start[f + 1];
  };
  while (std::count(fixed.begin(), fixed.end(), 0) > 0) {
    double rise = std::numeric_limits<double>::infinity();
    std::size_t full = 0;
    for (std::size_t l = 0; l < n.capacity.size(); ++l) {
      double used = 0;
      int free = 0;
      for (std::size_t f = 0; f < flows; ++f) {
        if (!crosses(f, l)) continue;
        used += rate[f];
        free += fixed[f] == 0;
      }
      if (free > 0 && (n.capacity[l] - used) / free < rise) {
        rise = (n.capacity[l] - used) / free;
        full = l;
      }
    }
    for (std::size_t f = 0; f < flows; ++f) {
      if (!fixed[f]) rate[f] += rise;
    }
    for (std::size_t f = 0; f < flows; ++f) fixed[f] = fixed[f] || crosses(f, full);
  }
  return rate;
}

FlowNetwork Chain(std::uint64_t seed, int links, int flows) {
  RandomStream random(seed, "chain");
  FlowNetwork n;
  for (int l = 0; l < links; ++l) n.capacity.push_back(1 + static_cast<double>(random.Below(5)));
  for (int f = 0; f < flows; ++f) {
    const auto first = static_cast<std::int32_t>(random.Below(static_cast<std::uint64_t>(links)));
    const auto length = static_cast<std::int32_t>(1 + random.Below(5));
    for (std::int32_t l = first; l < std::min(first + length, links); ++l) n.links.push_back(l);
    n.EndFlow();
  }
  return n;
}

TEST(MaxMinAgainstTextbook, RatesAgreeWithManyTies) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const FlowNetwork n = Chain(seed, 4 + static_cast<int>(seed % 9), 30);
    const std::vector<double> expected = TextbookMaxMin(n), rate = MaxMinSolver(n).Solve();
    for (std::size_t f = 0; f < rate.size(); ++f)
      EXPECT_NEAR(rate[f], expected[f], 1e-9) << seed << " flow " << f;
  }
}

TEST(MaxMinAgainstTextbook, RunsToTheSameEnd) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const FlowNetwork n = Chain(seed, 8, 15);
    RandomStream random(seed, "sizes");
    std::vector<double> sizes, left;
    for (int f = 0; f < 15; ++f) sizes.push_back(1 + random.Uniform());
    left = sizes;
    // Textbook run: solve, go to the next end, drop what ended.
    std::vector<double> done(15, 0);
    std::vector<std::size_t> alive(15);
    for (std::size_t f = 0; f < 15; ++f) alive[f] = f;
    for (double now = 0; !alive.empty();) {
      FlowNetwork rest;
      rest.capacity = n.capacity;
      for (std::size_t f : alive) {
        rest.links.insert(rest.links.end(), n.links.begin() + n.start[f], n.links.begin() + n.start[f + 1]);
        rest.EndFlow();
      }
      const std::vector<double> rate = TextbookMaxMin(rest);
      double step = std::numeric_limits<double>::infinity();
      for (std::size_t i = 0; i < alive.size(); ++i) step = std::min(step, left[alive[i]] / rate[i]);
      now += step;
      std::vector<std::size_t> still;
      for (std::size_t i = 0; i < alive.size(); ++i) {
        left[alive[i]] -= rate[i] * step;
        if (left[alive[i]] > 1e-12)
          still.push_back(alive[i]);
        else
          done[alive[i]] = now;
      }
      alive = still;
    }
    const FlowResult ours = SimulateFlows(n, sizes);
    for (std::size_t f = 0; f < 15; ++f) EXPECT_NEAR(ours.completion_seconds[f], done[f], 1e-9) << seed;
  }
}

struct Traffic {
  FlowNetwork network;
  std::vector<double> sizes;
};

Traffic Exchange(FabricRouting routing, std::uint64_t seed) {
  Cluster c = ClusterPreset("h800-512");
  c.fabric.routing = routing;
  std::vector<Demand> demands = AllToAll(StridedGroups(64, 8), 2, 1e6);
  RandomStream random(seed, "sizes");
  for (Demand& d : demands) d.bytes *= 0.7 + 0.6 * random.Uniform();
  return {DemandFlows(FabricRoutes(c, Topology(c)), demands), DemandSizes(demands)};
}

class LawsOf : public ::testing::TestWithParam<FabricRouting> {};

TEST_P(LawsOf, NoLinkMovesMoreThanItsCapacityAllows) {
  const Traffic t = Exchange(GetParam(), 1);
  const FlowResult r = SimulateFlows(t.network, t.sizes);
  std::vector<double> bytes(t.network.capacity.size(), 0), last(t.network.capacity.size(), 0);
  for (std::size_t f = 0; f < t.sizes.size(); ++f) {
    for (std::int32_t e = t.network.start[f]; e < t.network.start[f + 1]; ++e) {
      const auto l = static_cast<std::size_t>(t.network.links[static_cast<std::size_t>(e)]);
      bytes[l] += t.sizes[f];
      last[l] = std::max(last[l], r.completion_seconds[f]);
    }
  }
  for (std::size_t l = 0; l < bytes.size(); ++l)
    EXPECT_LE(bytes[l], t.network.capacity[l] * last[l] * (1 + 1e-9));
}

TEST_P(LawsOf, EveryFlowTakesAtLeastItsWayAlone) {
  const Traffic t = Exchange(GetParam(), 2);
  const FlowResult r = SimulateFlows(t.network, t.sizes);
  for (std::size_t f = 0; f < t.sizes.size(); ++f)
    EXPECT_GE(r.completion_seconds[f], t.sizes[f] / 50e9 * (1 - 1e-12));
}

TEST_P(LawsOf, TwiceTheBytesTakeTwiceTheTime) {
  const Traffic t = Exchange(GetParam(), 3);
  std::vector<double> twice = t.sizes;
  for (double& s : twice) s *= 2;
  EXPECT_NEAR(SimulateFlows(t.network, twice).makespan_seconds,
              2 * SimulateFlows(t.network, t.sizes).makespan_seconds, 1e-12);
}

TEST_P(LawsOf, SameInputSameNumbers) {
  const Traffic a = Exchange(GetParam(), 4), b = Exchange(GetParam(), 4);
  EXPECT_EQ(SimulateFlows(a.network, a.sizes).completion_seconds,
            SimulateFlows(b.network, b.sizes).completion_seconds);
}

INSTANTIATE_TEST_SUITE_P(AllRoutings, LawsOf,
                         ::testing::Values(FabricRouting::kAdaptive, FabricRouting::kEcmp,
                                           FabricRouting::kEcmpSpine));

TEST(FabricRoutesHash, SpreadsQueuePairsOverCablesAndFollowsTheSeed) {
  Cluster c = ClusterPreset("h800-2048");
  c.fabric.routing = FabricRouting::kEcmp;
  const Topology t(c);
  const FabricRoutes routes(c, t, 1), other(c, t, 2);
  std::vector<std::int32_t> first_cables;
  int moved = 0;
  for (std::uint64_t flow = 0; flow < 64; ++flow) {
    std::vector<std::int32_t> way, again, elsewhere;
    routes.Append(0, 40, 3, flow, &way);
    routes.Append(0, 40, 3, flow, &again);
    other.Append(0, 40, 3, flow, &elsewhere);
    EXPECT_EQ(way, again);
    moved += way != elsewhere;
    first_cables.push_back(way[1]);
  }
  EXPECT_GT(moved, 50);
  std::sort(first_cables.begin(), first_cables.end());
  first_cables.erase(std::unique(first_cables.begin(), first_cables.end()), first_cables.end());
  EXPECT_GT(first_cables.size(), 20u);  // of 32 uplinks; 28 expected
  EXPECT_LE(first_cables.size(), 32u);
}

TEST(Demands, PatternsSendWhatTheySay) {
  EXPECT_EQ(AllToAll(ContiguousGroups(16, 8), 2, 1).size(), 2u * 8 * 7 * 2);
  EXPECT_EQ(Rings(ContiguousGroups(16, 8), 2, 1).size(), 16u * 2);
  EXPECT_TRUE(Rings(ContiguousGroups(16, 1), 2, 1).empty());
  const std::vector<Demand> back = Shift(16, -3, 1, 1);
  EXPECT_EQ(back[0].to_node, 13);
  EXPECT_TRUE(Shift(16, 16, 1, 1).empty());
  EXPECT_EQ(StridedGroups(16, 4)[1], (std::vector<int>{1, 5, 9, 13}));
  EXPECT_EQ(ContiguousGroups(10, 4).back(), (std::vector<int>{8, 9}));
}

}  // namespace
}  // namespace orrery::hw
