// The same exchange run to its end by Orrery's fluid solver and by SimGrid's (network model CM02, no latency, no
// cross traffic: plain max-min fairness). Fails where the makespans differ by more than 1e-6 of themselves.
#include <chrono>
#include <cmath>

#include "benchmarks/exchange_flows.h"
#include <benchmark/benchmark.h>
#include <simgrid/s4u.hpp>

namespace orrery::benchmarks {
namespace {

namespace s4u = simgrid::s4u;
using hw::FabricRouting;

/// A process has one SimGrid engine: all cases share it, each with hosts and links of its own.
s4u::Engine& Engine() {
  static s4u::Engine& engine = *[] {
    static int argc = 1;
    static char name[] = "network_simgrid_benchmark";
    static char* argv[] = {name, nullptr};
    auto* e = new s4u::Engine(&argc, argv);
    for (const char* option : {"network/model:CM02", "network/crosstraffic:0", "network/weight-S:0",
                               "network/latency-factor:1", "network/bandwidth-factor:1"}) {
      s4u::Engine::set_config(option);
    }
    return e;
  }();
  return engine;
}

struct Platform {
  std::vector<s4u::Host*> hosts;  ///< by (node, NIC)
};

/// A zone with explicit ways: exactly the links of each flow.
Platform Build(s4u::NetZone* root, const ExchangeFlows& flows, const std::string& name) {
  s4u::NetZone* zone = s4u::create_full_zone(name);
  zone->set_parent(root);
  Platform platform;
  for (int i = 0; i < 2048; ++i) platform.hosts.push_back(zone->create_host(name + std::to_string(i), "1Gf"));
  std::vector<const s4u::Link*> links;
  for (std::size_t l = 0; l < flows.network.capacity.size(); ++l) {
    links.push_back(zone->create_link(name + "-link" + std::to_string(l), flows.network.capacity[l])
                        ->set_latency(0)
                        ->seal());
  }
  for (std::size_t f = 0; f < flows.demands.size(); ++f) {
    const hw::Demand& d = flows.demands[f];
    std::vector<s4u::LinkInRoute> way;
    for (std::int32_t e = flows.network.start[f]; e < flows.network.start[f + 1]; ++e) {
      way.emplace_back(links[static_cast<std::size_t>(flows.network.links[static_cast<std::size_t>(e)])]);
    }
    zone->add_route(platform.hosts[static_cast<std::size_t>(d.from_node * 8 + d.nic)]->get_netpoint(),
                    platform.hosts[static_cast<std::size_t>(d.to_node * 8 + d.nic)]->get_netpoint(), nullptr,
                    nullptr, way, false);
  }
  zone->seal();
  return platform;
}

const std::vector<FabricRouting> kRoutings = {FabricRouting::kAdaptive, FabricRouting::kEcmp};

struct Case {
  ExchangeFlows flows;
  Platform platform;
};

/// All cases: the platform is complete before the first simulation starts.
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = [] {
    Engine();
    s4u::NetZone* root = s4u::create_full_zone("root");
    std::vector<Case> all;
    for (std::size_t i = 0; i < kRoutings.size(); ++i) {
      Case c{Ep64Exchange(kRoutings[i]), {}};
      c.platform = Build(root, c.flows, "case" + std::to_string(i) + "-");
      all.push_back(std::move(c));
    }
    root->seal();
    return all;
  }();
  return cases;
}

/// Simulated seconds from the start of all flows to the end of the last.
double SimGridMakespan(const Case& c) {
  double makespan = 0;
  s4u::Actor::create("sender", c.platform.hosts[0], [&c, &makespan] {
    const double begin = s4u::Engine::get_clock();
    std::vector<s4u::CommPtr> pending;
    for (const hw::Demand& d : c.flows.demands) {
      s4u::CommPtr comm =
          s4u::Comm::sendto_init(c.platform.hosts[static_cast<std::size_t>(d.from_node * 8 + d.nic)],
                                 c.platform.hosts[static_cast<std::size_t>(d.to_node * 8 + d.nic)]);
      comm->set_payload_size(static_cast<std::uint64_t>(d.bytes))->start();
      pending.push_back(comm);
    }
    s4u::Comm::wait_all(pending);
    makespan = s4u::Engine::get_clock() - begin;
  });
  Engine().run();
  return makespan;
}

double WholeBytesMakespan(const ExchangeFlows& flows) {
  std::vector<double> whole;
  for (double s : flows.sizes) whole.push_back(std::floor(s));  // SimGrid's sizes are integers
  return hw::SimulateFlows(flows.network, whole).makespan_seconds;
}

void Ep64Exchange14336Flows(benchmark::State& state) {
  const Case& c = Cases()[static_cast<std::size_t>(state.range(0))];
  const auto seconds = [](auto since) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  };
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    const double theirs = SimGridMakespan(c);
    const double their_seconds = seconds(begin);
    const auto middle = std::chrono::steady_clock::now();
    const double ours = WholeBytesMakespan(c.flows);
    const double our_seconds = seconds(middle);
    state.counters["orrery_s"] = our_seconds;
    state.counters["simgrid_s"] = their_seconds;
    state.counters["times_faster"] = their_seconds / our_seconds;
    state.counters["makespan_difference"] = std::abs(ours / theirs - 1);
    if (!(std::abs(ours / theirs - 1) < 1e-6)) state.SkipWithError("the makespans differ");
  }
}
BENCHMARK(Ep64Exchange14336Flows)->Arg(0)->Arg(1)->ArgName("hashed")->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace orrery::benchmarks
