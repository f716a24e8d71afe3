#include "hw/network/fabric_routes.h"

#include <algorithm>

namespace orrery::hw {
namespace {

/// SplitMix64's finaliser.
std::uint64_t Mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::int32_t AddLink(double rate, std::vector<double>* capacity) {
  capacity->push_back(rate);
  return static_cast<std::int32_t>(capacity->size() - 1);
}

/// The link numbered `*link`, made at first use.
void AddToTrunk(double rate, std::int32_t* link, std::vector<double>* capacity) {
  if (*link < 0) *link = AddLink(0, capacity);
  (*capacity)[static_cast<std::size_t>(*link)] += rate;
}

}  // namespace

FabricRoutes::FabricRoutes(const Cluster& cluster, const Topology& topology, std::uint64_t seed)
    : topology_(topology), routing_(cluster.fabric.routing), seed_(seed) {
  const double rate = cluster.nic_rate();
  nic_count_ = static_cast<std::size_t>(topology.nodes() * topology.nics_per_node());
  switch_count_ = boost::num_vertices(topology.graph()) - nic_count_;
  for (std::size_t nic = 0; nic < nic_count_; ++nic) {
    nic_up_.push_back(AddLink(rate, &capacity_));
    nic_down_.push_back(AddLink(rate, &capacity_));
  }
  if (routing_ == FabricRouting::kAdaptive)
    BuildTrunks(topology, rate);
  else
    BuildHashed(topology, rate, routing_ == FabricRouting::kEcmpSpine);
}

void FabricRoutes::BuildTrunks(const Topology& topology, double cable_rate) {
  const FabricGraph& g = topology.graph();
  int planes = 1;
  for (std::size_t v = 0; v < boost::num_vertices(g); ++v) {
    pods_ = std::max(pods_, g[v].pod + 1);
    planes = std::max(planes, g[v].plane + 1);
  }
  leaf_up_.assign(boost::num_vertices(g), -1);
  leaf_down_ = leaf_up_;
  pod_up_.assign(static_cast<std::size_t>(planes * pods_), -1);
  pod_down_ = pod_up_;
  const auto pod_of = [&](std::size_t v) { return static_cast<std::size_t>(g[v].plane * pods_ + g[v].pod); };
  for (const auto edge : boost::make_iterator_range(boost::edges(g))) {
    const std::size_t u = boost::source(edge, g), v = boost::target(edge, g);
    if (g[u].layer == Layer::kNic || g[v].layer == Layer::kNic) continue;
    const double rate = g[edge].cables * cable_rate;
    if (g[u].layer == Layer::kLeaf)
      AddToTrunk(rate, &leaf_up_[u], &capacity_);
    else if (g[v].layer == Layer::kLeaf)
      AddToTrunk(rate, &leaf_down_[v], &capacity_);
    else if (g[u].layer == Layer::kSpine)
      AddToTrunk(rate, &pod_up_[pod_of(u)], &capacity_);
    else
      AddToTrunk(rate, &pod_down_[pod_of(v)], &capacity_);
  }
}

void FabricRoutes::BuildHashed(const Topology& topology, double cable_rate, bool pool_cables) {
  const FabricGraph& g = topology.graph();
  const std::size_t vertices = boost::num_vertices(g);
  std::vector<std::int32_t> first_link;  // by bundle number
  for (const auto edge : boost::make_iterator_range(boost::edges(g))) {
    const auto number = static_cast<std::size_t>(g[edge].number);
    if (first_link.size() <= number) first_link.resize(number + 1, -1);
    if (g[boost::source(edge, g)].layer == Layer::kNic || g[boost::target(edge, g)].layer == Layer::kNic)
      continue;
    const int links = pool_cables ? 1 : g[edge].cables;
    first_link[number] = static_cast<std::int32_t>(capacity_.size());
    for (int i = 0; i < links; ++i) AddLink(cable_rate * g[edge].cables / links, &capacity_);
  }
  leaf_ordinal_.assign(vertices, -1);
  for (std::size_t leaf = 0; leaf < vertices; ++leaf) {
    if (g[leaf].layer != Layer::kLeaf) continue;
    leaf_ordinal_[leaf] = static_cast<std::int32_t>(steps_.size() / switch_count_);
    const std::vector<int> hops = topology.HopsTo(static_cast<int>(leaf));
    steps_.resize(steps_.size() + switch_count_);
    std::vector<Step>* towards = &steps_[steps_.size() - switch_count_];
    for (const auto edge : boost::make_iterator_range(boost::edges(g))) {
      const std::size_t u = boost::source(edge, g), v = boost::target(edge, g);
      if (g[u].layer == Layer::kNic || g[v].layer == Layer::kNic || hops[u] < 0 || hops[v] != hops[u] - 1)
        continue;
      const std::int32_t first = first_link[static_cast<std::size_t>(g[edge].number)];
      towards[u - nic_count_].push_back(
          {static_cast<std::int32_t>(v), first, pool_cables ? 1 : g[edge].cables});
    }
  }
}

void FabricRoutes::Append(int from_node, int to_node, int nic, std::uint64_t flow,
                          std::vector<std::int32_t>* links) const {
  ORRERY_CHECK(from_node != to_node, "a node does not reach itself over the fabric");
  const auto from = static_cast<std::size_t>(topology_.Nic(from_node, nic));
  const auto to = static_cast<std::size_t>(topology_.Nic(to_node, nic));
  const auto a = static_cast<std::size_t>(topology_.Leaf(from_node, nic));
  const auto b = static_cast<std::size_t>(topology_.Leaf(to_node, nic));
  links->push_back(nic_up_[from]);
  if (a != b && routing_ != FabricRouting::kAdaptive) {
    AppendHashed(static_cast<int>(a), static_cast<int>(b), Mix(Mix(Mix(seed_ ^ from) ^ to) ^ flow), links);
  } else if (a != b) {
    const FabricVertex &la = topology_.graph()[a], &lb = topology_.graph()[b];
    links->push_back(leaf_up_[a]);
    if (la.pod != lb.pod) {
      links->push_back(pod_up_[static_cast<std::size_t>(la.plane * pods_ + la.pod)]);
      links->push_back(pod_down_[static_cast<std::size_t>(lb.plane * pods_ + lb.pod)]);
    }
    links->push_back(leaf_down_[b]);
  }
  links->push_back(nic_down_[to]);
}

void FabricRoutes::AppendHashed(int leaf, int to_leaf, std::uint64_t hash,
                                std::vector<std::int32_t>* links) const {
  const auto ordinal = static_cast<std::size_t>(leaf_ordinal_[static_cast<std::size_t>(to_leaf)]);
  const std::vector<Step>* towards = &steps_[ordinal * switch_count_];
  for (auto v = static_cast<std::size_t>(leaf); v != static_cast<std::size_t>(to_leaf);) {
    const std::vector<Step>& steps = towards[v - nic_count_];
    std::int64_t choices = 0;
    for (const Step& s : steps) choices += s.links;
    ORRERY_CHECK(choices > 0, "no way to the leaf");
    auto pick = static_cast<std::int64_t>(Mix(hash ^ (v << 32)) % static_cast<std::uint64_t>(choices));
    std::size_t i = 0;
    while (pick >= steps[i].links) pick -= steps[i++].links;
    links->push_back(steps[i].first_link + static_cast<std::int32_t>(pick));
    v = static_cast<std::size_t>(steps[i].next);
  }
}

}  // namespace orrery::hw
