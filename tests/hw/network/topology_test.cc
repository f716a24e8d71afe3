#include "hw/network/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hw/network/fabric_routes.h"
#include "hw/network/topology_formulas.h"

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

Cluster SmallCluster(const std::string& kind, int nodes, int devices, int ports,
                     const std::string& routing = "adaptive", int oversubscription = 1) {
  return ReadCluster(Document::Parse("source: test\ndevice: h800-sxm\nnodes: " + std::to_string(nodes) +
                                         "\ndevices_per_node: " + std::to_string(devices) +
                                         "\nfabric: {kind: " + kind + ", ports: " + std::to_string(ports) +
                                         ", transport: infiniband, routing: " + routing +
                                         ", oversubscription: " + std::to_string(oversubscription) + "}\n",
                                     "test.yaml")
                         .root());
}

std::string ErrorOf(const std::string& yaml) {
  try {
    ReadCluster(Document::Parse(yaml, "cluster.yaml").root());
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(TopologyFormulas, ReproduceTableThreeOfInsights) {
  const auto expect = [](TopologySize s, std::int64_t n, std::int64_t switches, std::int64_t links,
                         double million) {
    EXPECT_EQ(s.endpoints, n);
    EXPECT_EQ(s.switches, switches);
    EXPECT_EQ(s.links, links);
    EXPECT_NEAR(CostThousandDollars(s) / 1000, million, 0.007 * million);
  };
  expect(FatTree2(64), 2048, 96, 2048, 9);
  expect(MultiPlaneFatTree(64, 8), 16384, 768, 16384, 72);
  expect(FatTree3(64), 65536, 5120, 131072, 491);
  expect(SlimFly(28), 32928, 1568, 32928, 146);
  expect(Dragonfly(16, 511), 261632, 16352, 384272, 1522);
}

TEST(ClusterFamilies, NameSoManyGpusOfADevice) {
  const Cluster h100 = ClusterPreset("h100-2048");
  EXPECT_EQ(h100.nodes, 256);
  EXPECT_EQ(h100.devices_per_node, 8);
  EXPECT_EQ(h100.device.name, "h100-sxm");
  EXPECT_EQ(h100.Title(), "h100-2048 (256 nodes of 8 h100-sxm)");
  EXPECT_EQ(ClusterPreset("a100-12288").devices(), 12288);
  EXPECT_EQ(Topology(ClusterPreset("h100-16384")).layers(), 3);
}

TEST(ClusterFamilies, KnowScaleUpDomainsOfAnySize) {
  const Cluster rack = ClusterPreset("gb200-nvl72");
  EXPECT_EQ(rack.nodes, 1);
  EXPECT_EQ(rack.devices_per_node, 72);
  EXPECT_EQ(ClusterPreset("gb200-576").nodes, 8);
  const Topology topology(ClusterPreset("gb200-576"));
  EXPECT_EQ(topology.nics_per_node(), 72);
  EXPECT_EQ(topology.Switches(0, 7, 71), 1) << "NIC 71 of eight racks under one leaf";
}

TEST(ClusterFamilies, GiveWayToAFileOfTheirName) {
  EXPECT_EQ(ClusterPreset("h800-2048").fabric.kind, FabricKind::kMultiPlaneFatTree);
  EXPECT_EQ(ClusterPreset("h800-1024").fabric.kind, FabricKind::kMultiRailFatTree);
}

TEST(ClusterFamilies, SayWhatNumbersOfGpusTheyHave) {
  EXPECT_THAT(ErrorOf("preset: h100-17"), HasSubstr("multiple of 8, the GPUs of a node, and 16384 at most"));
  EXPECT_THAT(ErrorOf("preset: gb200-64"), HasSubstr("multiple of 72"));
  EXPECT_THAT(ErrorOf("preset: h100-0x8"), HasSubstr("unknown"));
  EXPECT_THAT(ErrorOf("preset: h100-99999999999999"), HasSubstr("unknown"));
  EXPECT_THAT(ErrorOf("{preset: h100-20000}"), HasSubstr("cluster.yaml:1"));
}

TEST(Topology, H800ClusterHasNinetySixSwitchesInEightPlanes) {
  const Cluster cluster = ClusterPreset("h800-2048");
  EXPECT_EQ(cluster.devices(), 2048);
  const Topology t(cluster);
  EXPECT_EQ(t.switches(), 96);
  EXPECT_EQ(t.switch_links(), 2048);
  EXPECT_EQ(t.layers(), 2);
}

TEST(Topology, FullTreesHaveTheSizesOfTheFormulas) {
  for (int ports : {4, 8, 16}) {
    const Topology two(SmallCluster("multi_rail_fat_tree", ports * ports / 2, 1, ports));
    EXPECT_EQ(two.switches(), FatTree2(ports).switches) << ports;
    EXPECT_EQ(two.switch_links(), FatTree2(ports).links) << ports;
    const Topology three(SmallCluster("multi_rail_fat_tree", ports * ports * ports / 4, 1, ports));
    EXPECT_EQ(three.layers(), 3);
    EXPECT_EQ(three.switches(), FatTree3(ports).switches) << ports;
    EXPECT_EQ(three.switch_links(), FatTree3(ports).links) << ports;
  }
}

TEST(Topology, NoSwitchHasMoreCablesThanPorts) {
  for (int nodes : {3, 17, 40, 64, 100, 130, 256}) {
    for (const char* kind : {"multi_plane_fat_tree", "multi_rail_fat_tree"}) {
      const Topology t(SmallCluster(kind, nodes, 2, 16));
      std::vector<int> cables(boost::num_vertices(t.graph()), 0);
      for (const auto e : boost::make_iterator_range(boost::edges(t.graph()))) {
        cables[boost::source(e, t.graph())] += t.graph()[e].cables;
      }
      for (std::size_t v = 0; v < cables.size(); ++v) {
        EXPECT_LE(cables[v], t.graph()[v].layer == Layer::kNic ? 1 : 16)
            << kind << " " << nodes << " vertex " << v;
      }
    }
  }
}

TEST(Topology, SwitchesOnTheWayAgreeWithBreadthFirstSearch) {
  const Topology t(SmallCluster("multi_rail_fat_tree", 60, 2, 8));  // three layers
  for (int to : {0, 5, 50, 59}) {
    const std::vector<int> hops = t.HopsTo(t.Leaf(to, 1));
    for (int from = 0; from < 60; ++from) {
      if (from == to) continue;
      EXPECT_EQ(t.Switches(from, to, 1), hops[static_cast<std::size_t>(t.Leaf(from, 1))] + 1)
          << from << " " << to;
    }
  }
}

TEST(Topology, PlanesOfAMultiPlaneTreeAreNotConnected) {
  const Topology t(SmallCluster("multi_plane_fat_tree", 20, 2, 8));
  const std::vector<int> hops = t.HopsTo(t.Leaf(0, 0));
  EXPECT_EQ(hops[static_cast<std::size_t>(t.Leaf(19, 1))], -1);
  EXPECT_EQ(hops[static_cast<std::size_t>(t.Leaf(19, 0))], 2);
}

TEST(Topology, MessageLatencyIsThatOfTableFive) {
  const Cluster ib = ClusterPreset("h800-2048"), roce = ClusterPreset("h800-2048-roce");
  const Topology t(ib), r(roce);
  EXPECT_NEAR(Microseconds(MessageLatency(ib, t, 0, 31)), 2.8, 1e-6);
  EXPECT_NEAR(Microseconds(MessageLatency(ib, t, 0, 32)), 3.7, 1e-6);
  EXPECT_NEAR(Microseconds(MessageLatency(roce, r, 0, 255)), 5.6, 1e-6);
  EXPECT_NEAR(Microseconds(MessageLatency(ib, t, 7, 7)), 3.33, 1e-6);
  EXPECT_EQ(ReachOf(t, 0, 31), Reach::kLeaf);
  EXPECT_EQ(ReachOf(t, 0, 32), Reach::kCrossLeaf);
}

class RoutesOf : public ::testing::TestWithParam<const char*> {};

TEST_P(RoutesOf, StartAndEndAtTheNicsAndNeverRepeatALink) {
  for (int nodes : {3, 15, 60}) {  // one, two and three layers of 8-port switches
    const Cluster c = SmallCluster("multi_rail_fat_tree", nodes, 2, 8, GetParam());
    const Topology t(c);
    const FabricRoutes routes(c, t);
    for (int a = 0; a < nodes; a += 3) {
      for (int b = 0; b < nodes; b += 5) {
        if (a == b) continue;
        std::vector<std::int32_t> way;
        routes.Append(a, b, 1, 0, &way);
        EXPECT_EQ(way.size(), static_cast<std::size_t>(t.Switches(a, b, 1) + 1));
        EXPECT_EQ(way.front(), 2 * t.Nic(a, 1));
        EXPECT_EQ(way.back(), 2 * t.Nic(b, 1) + 1);
        std::sort(way.begin(), way.end());
        EXPECT_EQ(std::adjacent_find(way.begin(), way.end()), way.end());
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllRoutings, RoutesOf, ::testing::Values("adaptive", "ecmp", "ecmp_spine"),
                         [](const auto& test) { return std::string(test.param); });

TEST(FabricRoutes, LinksOfEveryRoutingAddUpToTheSameCapacity) {
  double adaptive = 0;
  for (const char* routing : {"adaptive", "ecmp", "ecmp_spine"}) {
    const Cluster c = SmallCluster("multi_rail_fat_tree", 60, 2, 8, routing);
    const Topology t(c);
    const FabricRoutes routes(c, t);
    double sum = 0;
    for (double rate : routes.capacity()) sum += rate;
    EXPECT_NEAR(sum, t.cables() * c.device.scale_out.value, 1);
    if (adaptive == 0) adaptive = sum;
    EXPECT_DOUBLE_EQ(sum, adaptive);
  }
}

TEST(FabricRoutes, OversubscribedLeafHasHalfTheTrunk) {
  const Cluster c = SmallCluster("multi_plane_fat_tree", 64, 1, 48, "adaptive", 2);  // 32 down, 16 up
  const Topology t(c);
  const FabricRoutes routes(c, t);
  std::vector<std::int32_t> way;
  routes.Append(0, 63, 0, 0, &way);
  ASSERT_EQ(way.size(), 4u);
  EXPECT_DOUBLE_EQ(routes.capacity()[static_cast<std::size_t>(way[1])], 16 * 50e9);
}

TEST(ReadCluster, EveryPresetReadsAndBuilds) {
  EXPECT_GE(ClusterPresets().size(), 4u);
  for (const std::string& name : ClusterPresets()) {
    const Cluster c = ClusterPreset(name);
    EXPECT_EQ(c.name, name);
    EXPECT_FALSE(c.source.empty()) << name;
    EXPECT_GE(Topology(c).switches(), 1) << name;
  }
}

TEST(ReadCluster, CapitalsOfANameAreForgivenInTheAdvice) {
  for (const auto& [written, meant] : {std::pair{"H100-64", "h100-64"},
                                       {"H800-2048-RoCE", "h800-2048-roce"},
                                       {"GB200-NVL72", "gb200-nvl72"}}) {
    try {
      ClusterPreset(written);
      ADD_FAILURE() << written;
    } catch (const InputError& e) {
      EXPECT_THAT(e.what(), HasSubstr(std::string("did you mean '") + meant + "'?"));
    }
  }
}

TEST(ReadCluster, OverridesAPreset) {
  const Cluster c = ReadCluster(
      Document::Parse("preset: h800-2048\nnodes: 64\nfabric: {routing: ecmp}\n", "x.yaml").root());
  EXPECT_EQ(c.nodes, 64);
  EXPECT_EQ(c.fabric.routing, FabricRouting::kEcmp);
  EXPECT_EQ(c.fabric.kind, FabricKind::kMultiPlaneFatTree);
  EXPECT_EQ(c.device.name, "h800-sxm");
}

TEST(ReadCluster, TheDeviceOfAPresetCanBeChanged) {
  const Cluster c = ReadCluster(
      Document::Parse("preset: h800-2048\ndevice: {override: {dollars_per_hour: 3}}\n", "x.yaml").root());
  EXPECT_EQ(c.device.dollars_per_hour, 3);
  EXPECT_EQ(c.device.name, "h800-sxm");
  EXPECT_EQ(c.Title(), "h800-2048 with device changed (256 nodes of 8 h800-sxm with dollars_per_hour 3)");
}

TEST(ReadCluster, TitlesSayWhatItIs) {
  const auto title = [](const std::string& yaml) {
    return ReadCluster(Document::Parse(yaml, "x.yaml").root()).Title();
  };
  const std::string fabric =
      "fabric: {kind: multi_rail_fat_tree, ports: 64, transport: roce, routing: ecmp}\n";
  EXPECT_EQ(title("preset: h800-512\n"), "h800-512 (64 nodes of 8 h800-sxm)");
  EXPECT_EQ(title("source: x\ndevice: h20\nnodes: 1\ndevices_per_node: 4\n" + fabric), "1 node of 4 h20");
  EXPECT_EQ(title("name: mine\ndevice: h20\nnodes: 2\ndevices_per_node: 8\nnics_per_node: 4\n" + fabric),
            "mine (2 nodes of 8 h20, 4 NICs a node)");
  EXPECT_EQ(title("preset: h800-2048\ndevice: b200-sxm\nnodes: 3\n"),
            "h800-2048 with device, nodes changed (3 nodes of 8 b200-sxm)");
}

Cluster WithNics(const std::string& nics, const std::string& kind = "multi_rail_fat_tree") {
  return ReadCluster(Document::Parse("device: h800-sxm\nnodes: 64\ndevices_per_node: 8\nnics_per_node: " +
                                         nics + "\nfabric: {kind: " + kind +
                                         ", ports: 64, transport: infiniband, routing: adaptive}\n",
                                     "cluster.yaml")
                         .root());
}

TEST(ReadCluster, GpusShareTheNicsOfTheirNode) {
  EXPECT_DOUBLE_EQ(WithNics("8").device.scale_out.value, 50e9);
  const Cluster few = WithNics("2"), many = WithNics("16");
  EXPECT_DOUBLE_EQ(few.device.scale_out.value, 12.5e9);
  EXPECT_DOUBLE_EQ(few.nic_rate(), 50e9);
  EXPECT_DOUBLE_EQ(many.device.scale_out.value, 100e9);
  EXPECT_EQ(Topology(few).nics_per_node(), 2);
  EXPECT_EQ(Topology(many).nics_per_node(), 16);
  EXPECT_LT(Topology(few).switches(), Topology(WithNics("8")).switches());
  EXPECT_EQ(WithNics("4", "multi_plane_fat_tree").fabric.planes, 4);
  EXPECT_DOUBLE_EQ(FabricRoutes(few, Topology(few)).capacity()[0], 50e9);
}

TEST(ReadCluster, ChangedNicsOfAPresetKeepTheirRate) {
  const auto read = [](const std::string& more) {
    return ReadCluster(Document::Parse("preset: h800-2048\nnics_per_node: 4\n" + more, "x.yaml").root());
  };
  EXPECT_DOUBLE_EQ(read("").device.scale_out.value, 25e9);
  EXPECT_DOUBLE_EQ(read("device: {override: {scale_out: 100 GB/s}}\n").device.scale_out.value, 50e9);
  EXPECT_DOUBLE_EQ(read("devices_per_node: 4\n").device.scale_out.value, 50e9);
  EXPECT_EQ(read("").fabric.planes, 4);
}

TEST(ReadCluster, NicsDivideAmongGpus) {
  const auto error = [](const std::string& nics) {
    return ErrorOf("device: h800-sxm\nnodes: 4\ndevices_per_node: 8\nnics_per_node: " + nics +
                   "\nfabric: {}\n");
  };
  EXPECT_THAT(error("3"), HasSubstr("cluster.yaml:4:16: nics_per_node: '3': expected nics_per_node to divide "
                                    "devices_per_node (8) or to be a multiple of it, not 3"));
  EXPECT_THAT(error("12"), HasSubstr("not 12"));
  EXPECT_THAT(error("0"), HasSubstr("expected a whole number from 1 to 1024"));
  EXPECT_THAT(ErrorOf("preset: h800-2048\nfile: x.yaml\n"), HasSubstr("either a preset or a file"));
  EXPECT_THAT(ErrorOf("file: x.yaml\n"), HasSubstr("cluster.yaml:1:7: file: 'x.yaml': no such file"));
}

TEST(ReadCluster, MistakesAreRefusedWithTheirPlace) {
  EXPECT_THAT(ErrorOf("preset: h800-2084\n"), HasSubstr("h800-2048"));
  EXPECT_THAT(ErrorOf("preset: h800-2048\nnode: 3\n"), HasSubstr("cluster.yaml:2"));
  EXPECT_THAT(ErrorOf("preset: h800-2048\nnodes: 0\n"), HasSubstr("nodes"));
  EXPECT_THAT(ErrorOf("preset: h800-2048\nfabric: {planes: 4}\n"), HasSubstr("expected 8"));
  EXPECT_THAT(ErrorOf("preset: h800-2048\nfabric: {routing: adaptative}\n"), HasSubstr("adaptive"));
  EXPECT_THAT(ErrorOf("preset: h800-2048\nfabric: {oversubscription: 2}\n"), HasSubstr("multiple"));
  EXPECT_THAT(ErrorOf("preset: h800-2048-mrft\nnodes: 200000\n"), HasSubstr("leaves"));
  EXPECT_THAT(ErrorOf("device: h800-sxm\nnodes: 4\ndevices_per_node: 8\n"), HasSubstr("fabric"));
}

TEST(ClusterPreset, UnknownNameListsTheKnown) {
  try {
    ClusterPreset("h800-204");
    FAIL() << "accepted";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("did you mean"));
  }
}

}  // namespace
}  // namespace orrery::hw
