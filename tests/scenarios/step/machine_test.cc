// A machine is loaded once; how groups lie on it is worked out once.
#include "scenarios/step/machine.h"

#include <gmock/gmock.h>

#include "scenarios/step/placement.h"
#include "tests/core/input_error.h"

namespace orrery::scenarios {
namespace {

std::shared_ptr<const Machine> Load(const std::string& cluster, const std::string& kernels = "2025-02") {
  Communication communication;
  communication.kernels = kernels;
  return LoadMachine(hw::ClusterPreset(cluster), {}, communication);
}

TEST(LoadMachine, NeedsNoScenario) {
  const auto machine = Load("h800-512");
  EXPECT_EQ(machine->cluster.devices(), 512);
  EXPECT_EQ(machine->topology.nodes(), 64);
  EXPECT_FALSE(machine->cost.sources().empty());
  EXPECT_GT(machine->Link().rate(hw::Reach::kNode).value, 0);
}

TEST(LoadMachine, RefusesWhatNoTableHas) {
  EXPECT_THAT(ErrorOf([] { Load("h800-512", "1999-01"); }), testing::HasSubstr("1999-01"));
  const auto scenario =
      ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", {"exchange.kernels=1999-01"}), "");
  EXPECT_THAT(ErrorOf([&] { LoadMachine(scenario); }), testing::HasSubstr("exchange.kernels"))
      << "names the key";
}

TEST(PlaceOn, RemembersWhatItWorkedOut) {
  const auto machine = Load("h800-512");
  const Degrees degrees{8, 64, 64, 2};
  const auto placed = PlaceOn(*machine, degrees);
  EXPECT_EQ(PlaceOn(*machine, degrees), placed);
  EXPECT_NE(PlaceOn(*machine, {8, 64, 32, 2}), placed);
}

TEST(PlaceOn, OnePipelineRankSendsNoMessagesAndOneNodeExchangesOverNoFabric) {
  const auto machine = Load("h800-512");
  const auto placed = PlaceOn(*machine, {1, 512, 8, 1});
  EXPECT_EQ(placed->message_latency, Time{});
  EXPECT_EQ(placed->message_stretch, 1);
  EXPECT_EQ(placed->exchange_stretch, 1);
  EXPECT_GE(PlaceOn(*machine, {8, 64, 64, 1})->exchange_stretch, 1);
  EXPECT_GT(PlaceOn(*machine, {8, 64, 64, 1})->message_latency, Time{});
}

TEST(PlaceOn, WithOneExpertRankExpertsHaveTheCopiesOfEverythingElse) {
  const auto placed = PlaceOn(*Load("h800-512"), {8, 64, 1, 2});
  EXPECT_EQ(placed->copies.nodes, placed->expert_copies.nodes);
  EXPECT_EQ(placed->copies.ranks_per_node, placed->expert_copies.ranks_per_node);
}

}  // namespace
}  // namespace orrery::scenarios
