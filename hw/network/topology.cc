#include "hw/network/topology.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <boost/graph/breadth_first_search.hpp>

#include "core/base/text.h"
#include "core/config/codecs.h"
#include "core/config/resources.h"

namespace orrery::hw {
namespace {

/// GPUs of one scale-up domain: the widest announced, NVIDIA's NVL576, and room.
constexpr int kMostInNode = 1024;

int DownPorts(const Fabric& f) { return f.ports * f.oversubscription / (f.oversubscription + 1); }

const Fields<Fabric>& FabricFields() {
  static const Fields<Fabric> fields = [] {
    using F = Fabric;
    Fields<F> f;
    f.Add("kind", &F::kind,
          Choice<FabricKind>({{"multi_plane_fat_tree", FabricKind::kMultiPlaneFatTree},
                              {"multi_rail_fat_tree", FabricKind::kMultiRailFatTree}}),
          "a tree for every NIC of a node, or one for all")
        .Required();
    f.Add("transport", &F::transport,
          Choice<Transport>({{"infiniband", Transport::kInfiniBand}, {"roce", Transport::kRoce}}),
          "it sets the latencies")
        .Required();
    f.Add("routing", &F::routing,
          Choice<FabricRouting>({{"adaptive", FabricRouting::kAdaptive},
                                 {"ecmp", FabricRouting::kEcmp},
                                 {"ecmp_spine", FabricRouting::kEcmpSpine}}),
          "how flows choose among equal paths")
        .Required();
    f.Add("planes", &F::planes, Whole<int>(1, kMostInNode), "only what follows is accepted")
        .DefaultText("NICs of a node in a multi-plane fat tree, else 1")
        .WrittenIf([](const F&) { return false; });
    f.Add("ports", &F::ports, Whole<int>(2, 1024), "of a switch").Required();
    f.Add("oversubscription", &F::oversubscription, Whole<int>(1, 64), "ports down to ports up of a leaf");
    f.Add("hop_latency", &F::hop_latency, Duration(), "of one switch more on the way")
        .DefaultText("the transport's")
        .WrittenIf([](const F& x) { return x.hop_latency != HopLatency(x.transport); });
    f.After([](F* x, const GivenKeys& given) {
      if (x->ports % (x->oversubscription + 1) != 0) {
        throw given.map().Error(
            "ports: expected a multiple of oversubscription + 1, so that a leaf divides into down and up");
      }
      if (!given.Has("hop_latency")) x->hop_latency = HopLatency(x->transport);
    });
    return f;
  }();
  return fields;
}

/// The largest tree of three layers: ports pods of ports/2 leaves.
void CheckFits(const Value& v, const Cluster& c) {
  const int down = DownPorts(c.fabric);
  const std::int64_t rails = c.fabric.kind == FabricKind::kMultiRailFatTree ? c.nics() : 1;
  const std::int64_t leaves = CeilDiv(c.nodes, down) * rails;
  const std::int64_t most = static_cast<std::int64_t>(c.fabric.ports) * (c.fabric.ports / 2);
  if (leaves > most) {
    throw v.Error("the fabric needs " + std::to_string(leaves) + " leaves; three layers of " +
                  std::to_string(c.fabric.ports) + "-port switches hold " + std::to_string(most));
  }
}

std::filesystem::path ClusterFolder() { return ResourceRoot() / "hw" / "data" / "clusters"; }

/// GPUs have equal shares of the NICs. `at`: what to blame.
void CheckNics(const Cluster& c, const Value& at) {
  if (c.devices_per_node % c.nics() == 0 || c.nics() % c.devices_per_node == 0) return;
  throw at.Error("expected nics_per_node to divide devices_per_node (" + std::to_string(c.devices_per_node) +
                 ") or to be a multiple of it, not " + std::to_string(c.nics()));
}

/// A multi-plane fat tree has a plane a NIC.
void SetPlanes(Cluster* c, const GivenKeys& given) {
  const int planes = c->fabric.kind == FabricKind::kMultiPlaneFatTree ? c->nics() : 1;
  const Value* fabric = given.map().Find("fabric");
  const Value* said = fabric != nullptr ? fabric->Find("planes") : nullptr;
  if (said != nullptr && c->fabric.planes != planes) {
    throw said->Error("expected " + std::to_string(planes) +
                      ": a plane a NIC in a multi-plane fat tree, else 1");
  }
  c->fabric.planes = planes;
}

/// A preset with the place that names it.
Cluster PresetOf(const Value& name) {
  try {
    return ClusterPreset(name.AsString());
  } catch (const InputError& error) {
    throw name.Error(error.what());
  }
}

/// The cluster that the map's other keys override, if it names one.
std::optional<Cluster> BaseCluster(const Value& value) {
  if (const Value* preset = value.Find("preset")) {
    if (const Value* file = value.Find("file")) throw file->Error("expected either a preset or a file");
    return PresetOf(*preset);
  }
  const Value* file = value.Find("file");
  if (file == nullptr) return std::nullopt;
  const std::filesystem::path path = FileBeside(*file);
  const Document document = Document::Load(path);
  if (const Value* other = document.root().Find("file"))
    throw other->Error("expected a cluster, or a preset and what differs from it, not a further file");
  Cluster c = ReadCluster(document.root());
  if (c.name.empty()) c.name = path.stem().string();
  return c;
}

/// "h800-2048 with nodes, device changed", so that no changed cluster passes for its preset.
std::string ChangedName(const std::string& name, const Value& value) {
  std::string changed;
  for (const auto& [key, entry] : value.entries()) {
    if (entry.is_null() || key == "preset" || key == "file" || key == "source") continue;
    changed += (changed.empty() ? "" : ", ") + key;
  }
  return changed.empty() ? name : name + " with " + changed + " changed";
}

}  // namespace

std::string Cluster::Title() const {
  const std::string gpus = std::to_string(nodes) + (nodes == 1 ? " node of " : " nodes of ") +
                           std::to_string(devices_per_node) + " " + device.Title() +
                           (nics() == devices_per_node ? "" : ", " + std::to_string(nics()) + " NICs a node");
  return name.empty() ? gpus : name + " (" + gpus + ")";
}

const Fields<Cluster>& ClusterFields() {
  static const Fields<Cluster> fields = [] {
    using C = Cluster;
    const auto never = [](const C&) { return false; };
    const auto base = [](const char* words) {
      FieldType type{FieldType::Kind::kText, words, "", {}, {}, {}, {}};
      return type;
    };
    Fields<C> f;
    FieldType presets = base("name of a cluster");
    presets.choices = ClusterPresets();
    f.AddWith(
         "preset", presets, [](const Value&, C*) {}, [](const C&) { return Written::Scalar(""); },
         "the cluster from which the other keys differ")
        .WrittenIf(never);
    f.AddWith(
         "file", base("file"), [](const Value&, C*) {}, [](const C&) { return Written::Scalar(""); },
         "the same in a file beside the document")
        .WrittenIf(never);
    f.Add("name", &C::name, Text(), "what reports call it");
    f.Add("source", &C::source, Text(), "where its figures come from");
    f.AddWith(
         "device", DeviceCodec().type,
         [](const Value& v, C* c) {
           const Device of_preset = c->device;
           c->device = ReadDevice(v, of_preset.name.empty() ? nullptr : &of_preset);
         },
         [](const C& c) {
           if (c.device.name.empty()) return Written::Scalar("");
           Device device = c.device;
           device.scale_out.value = c.nic_rate();
           return WriteDevice(device);
         },
         "every GPU")
        .Required();
    f.Add("nodes", &C::nodes, Whole<int>(1, 1 << 20), "nodes of the cluster").Required();
    f.Add("devices_per_node", &C::devices_per_node, Whole<int>(1, kMostInNode), "GPUs of a node").Required();
    const Codec<int> nics = Whole<int>(1, kMostInNode);
    f.AddWith(
         "nics_per_node", nics.type,
         [nics](const Value& v, C* c) {
           c->nics_per_node = nics.read(v);
           CheckNics(*c, v);
         },
         [nics](const C& c) { return nics.write(c.nics_per_node); }, "NICs of a node")
        .DefaultText("devices_per_node");
    f.Add("fabric", &C::fabric, MapOf(FabricFields()), "network between the nodes").Required();
    f.After([](C* c, const GivenKeys& given) {
      CheckNics(*c, given.map());
      c->device.scale_out.value *= static_cast<double>(c->nics()) / c->devices_per_node;  // now a GPU's share
      SetPlanes(c, given);
      CheckFits(given.Has("fabric") ? given.map().At("fabric") : given.map(), *c);
    });
    return f;
  }();
  return fields;
}

Cluster ReadCluster(const Value& value) {
  if (value.is_scalar()) return PresetOf(value);
  std::optional<Cluster> base = BaseCluster(value);
  if (!base) return ClusterFields().Read(value);
  base->device.scale_out.value = base->nic_rate();  // until the NICs are known
  base->name = ChangedName(base->name, value);
  return ClusterFields().ReadOver(value, std::move(*base));
}

Written WriteCluster(const Cluster& cluster) {
  std::optional<Cluster> base;
  try {
    base = ClusterPreset(cluster.name.substr(0, cluster.name.find(" with ")));
  } catch (const InputError&) {
    return ClusterFields().Write(cluster);  // a cluster of one's own
  }
  if (cluster == *base) return Written::Scalar(base->name);
  Cluster renamed = cluster;
  renamed.name = base->name;
  Written map = Written::Map();
  map.Add("preset", Written::Scalar(base->name));
  const Written changed = ClusterFields().WriteChanged(renamed, *base);
  for (std::size_t i = 0; i < changed.keys.size(); ++i) map.Add(changed.keys[i], changed.items[i]);
  return FirstThatReadsBack<Cluster>({map}, cluster, ReadCluster).value_or(ClusterFields().Write(cluster));
}

Codec<Cluster> ClusterCodec() {
  Codec<Cluster> c;
  c.type = {FieldType::Kind::kMap,
            "name of a cluster, or a map: {preset: NAME, ...}, {file: FILE, ...}, or all keys",
            "",
            {},
            {},
            ClusterPresets(),
            ClusterFields().Infos()};
  c.read = ReadCluster;
  c.write = WriteCluster;
  return c;
}

std::vector<std::string> ClusterPresets() { return ResourceNames("hw/data/clusters", "yaml"); }

std::string ClusterFamily::Title() const {
  const std::string first = name + "-" + (one.empty() ? std::to_string(devices_per_node) : one);
  const std::string last = devices_per_node < largest ? " to " + name + "-" + std::to_string(largest) : "";
  return first + last + " (nodes of " + std::to_string(devices_per_node) + " " + device + ")";
}

std::vector<ClusterFamily> ClusterFamilies() {
  const Document document = Document::Load(ResourceRoot() / "hw" / "data" / "cluster-families.yaml");
  document.root().AllowKeys({"schema_version", "families"});
  document.root().At("schema_version").AsInt(1, 1);
  std::vector<ClusterFamily> families;
  for (const Value& v : document.root().At("families").items()) {
    v.AllowKeys({"name", "device", "devices_per_node", "largest", "ports", "one", "source"});
    ClusterFamily f;
    f.name = v.At("name").AsString();
    f.device = v.At("device").AsString();
    f.source = v.At("source").AsString();
    if (const Value* one = v.Find("one")) f.one = one->AsString();
    f.devices_per_node = static_cast<int>(v.At("devices_per_node").AsInt(1, kMostInNode));
    f.largest = static_cast<int>(v.At("largest").AsInt(f.devices_per_node, 1 << 20));
    f.ports = static_cast<int>(v.At("ports").AsInt(2, 1024));
    families.push_back(std::move(f));
  }
  return families;
}

namespace {

/// GPUs that `name` asks of the family; absent where it is no name of the family's.
std::optional<int> GpusOf(const ClusterFamily& family, const std::string& name) {
  if (!name.starts_with(family.name + "-")) return std::nullopt;
  const std::string rest = name.substr(family.name.size() + 1);
  if (!family.one.empty() && rest == family.one) return family.devices_per_node;
  int gpus = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), gpus);
  if (error != std::errc() || end != rest.data() + rest.size() || rest.front() == '0') return std::nullopt;
  return gpus;
}

/// A cluster by rule; absent where no family has such names.
std::optional<Cluster> ByRule(const std::string& name) {
  for (const ClusterFamily& family : ClusterFamilies()) {
    const std::optional<int> gpus = GpusOf(family, name);
    if (!gpus) continue;
    if (*gpus % family.devices_per_node != 0 || *gpus > family.largest || *gpus < 1) {
      throw InputError("cluster '" + name + "': expected " + family.name + "-N with N a multiple of " +
                       std::to_string(family.devices_per_node) + ", the GPUs of a node, and " +
                       std::to_string(family.largest) + " at most" + DidYouMean(name, ClusterPresets()));
    }
    Cluster c;
    c.name = name;
    c.source = family.source;
    c.device = DevicePreset(family.device);
    c.devices_per_node = family.devices_per_node;
    c.nodes = *gpus / family.devices_per_node;
    c.fabric.kind = FabricKind::kMultiRailFatTree;
    c.fabric.ports = family.ports;
    c.fabric.hop_latency = HopLatency(c.fabric.transport);
    return c;
  }
  return std::nullopt;
}

/// The preset or cluster by rule that `name` is but for its capitals and blanks, else the nearest preset.
std::string ClusterHint(const std::string& name, const std::vector<std::string>& known) {
  const std::string folded = FoldName(name);
  const std::vector<ClusterFamily> families = ClusterFamilies();
  const bool is_one = std::find(known.begin(), known.end(), folded) != known.end() ||
                      std::any_of(families.begin(), families.end(),
                                  [&](const ClusterFamily& f) { return GpusOf(f, folded).has_value(); });
  return is_one ? " (did you mean '" + folded + "'?)" : DidYouMean(name, known);
}

}  // namespace

Cluster ClusterPreset(const std::string& name) {
  std::vector<std::string> known = ClusterPresets();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    if (std::optional<Cluster> c = ByRule(name)) return *c;
    std::string all;
    for (const std::string& k : known) all += k + ", ";
    std::string rules;
    for (const ClusterFamily& f : ClusterFamilies()) rules += (rules.empty() ? "" : ", ") + f.name + "-N";
    throw InputError("cluster '" + Clipped(name) + "': unknown; expected one of: " + all +
                     "or by its number of GPUs: " + rules + ClusterHint(name, known));
  }
  Cluster c = ReadCluster(Document::Load(ClusterFolder() / (name + ".yaml")).root());
  c.name = name;
  return c;
}

int Topology::AddSwitch(Layer layer, int plane, int pod) {
  ++switches_;
  const int index = switches_of_layer_[static_cast<std::size_t>(layer)]++;
  return static_cast<int>(boost::add_vertex(FabricVertex{layer, plane, pod, index}, graph_));
}

void Topology::Connect(int below, int above, int cables) {
  if (cables == 0) return;
  const auto a = static_cast<std::size_t>(below), b = static_cast<std::size_t>(above);
  boost::add_edge(a, b, FabricEdge{cables, bundles_++, cables_}, graph_);
  cables_ += cables;
  boost::add_edge(b, a, FabricEdge{cables, bundles_++, cables_}, graph_);
  cables_ += cables;
  if (graph_[a].layer != Layer::kNic) switch_links_ += cables;
}

namespace {

/// Cables from the `i`-th lower switch to the `j`-th of `uppers` when `cables` are dealt out evenly; the remainder
/// rotates with i so that the upper switches fill evenly too.
int Dealt(int cables, int uppers, int i, int j) {
  const int rest = cables % uppers;
  const int turn = (j - (i * rest) % uppers + uppers) % uppers;
  return cables / uppers + (turn < rest ? 1 : 0);
}

}  // namespace

void Topology::BuildTree(const Fabric& fabric, int plane, const std::vector<std::vector<int>>& nics_by_leaf) {
  const int leaves = static_cast<int>(nics_by_leaf.size());
  const int up = fabric.ports - DownPorts(fabric);
  const int pod_leaves = leaves > fabric.ports ? fabric.ports / 2 : leaves;
  const int pods = static_cast<int>(CeilDiv(leaves, pod_leaves));
  std::vector<int> leaf_vertices;
  for (int l = 0; l < leaves; ++l) {
    leaf_vertices.push_back(AddSwitch(Layer::kLeaf, plane, l / pod_leaves));
    for (int nic : nics_by_leaf[static_cast<std::size_t>(l)]) {
      leaf_of_nic_[static_cast<std::size_t>(nic)] = leaf_vertices.back();
      Connect(nic, leaf_vertices.back(), 1);
    }
  }
  if (leaves == 1) return;
  layers_ = std::max(layers_, pods > 1 ? 3 : 2);
  const int spines =
      pods > 1 ? up : static_cast<int>(CeilDiv(static_cast<std::int64_t>(leaves) * up, fabric.ports));
  std::vector<int> spine_vertices;
  for (int s = 0; s < pods * spines; ++s)
    spine_vertices.push_back(AddSwitch(Layer::kSpine, plane, s / spines));
  for (int l = 0; l < leaves; ++l) {
    for (int s = 0; s < spines; ++s) {
      const auto spine = static_cast<std::size_t>(l / pod_leaves * spines + s);
      Connect(leaf_vertices[static_cast<std::size_t>(l)], spine_vertices[spine], Dealt(up, spines, l, s));
    }
  }
  if (pods == 1) return;
  const int spine_up = fabric.ports / 2;  // spine s of every pod shares a group of cores
  const int group = static_cast<int>(CeilDiv(static_cast<std::int64_t>(pods) * spine_up, fabric.ports));
  for (int s = 0; s < spines; ++s) {
    for (int c = 0; c < group; ++c) {
      const int core = AddSwitch(Layer::kCore, plane, 0);
      for (int p = 0; p < pods; ++p) {
        Connect(spine_vertices[static_cast<std::size_t>(p * spines + s)], core, Dealt(spine_up, group, p, c));
      }
    }
  }
}

Topology::Topology(const Cluster& cluster) : nodes_(cluster.nodes), nics_(cluster.nics()) {
  const bool multi_plane = cluster.fabric.kind == FabricKind::kMultiPlaneFatTree;
  for (int i = 0; i < nodes_ * nics_; ++i) {
    boost::add_vertex(FabricVertex{Layer::kNic, multi_plane ? i % nics_ : 0, 0, i}, graph_);
  }
  leaf_of_nic_.resize(static_cast<std::size_t>(nodes_ * nics_));
  // NIC `nic` of `down` neighbouring nodes hangs on one leaf; all leaves are one tree, or those of each NIC
  // one.
  const int down = DownPorts(cluster.fabric);
  std::vector<std::vector<std::vector<int>>> trees(multi_plane ? static_cast<std::size_t>(nics_) : 1);
  for (int block = 0; block * down < nodes_; ++block) {
    for (int nic = 0; nic < nics_; ++nic) {
      std::vector<int> leaf;
      for (int n = block * down; n < std::min(nodes_, (block + 1) * down); ++n) leaf.push_back(Nic(n, nic));
      trees[multi_plane ? static_cast<std::size_t>(nic) : 0].push_back(std::move(leaf));
    }
  }
  for (std::size_t t = 0; t < trees.size(); ++t) BuildTree(cluster.fabric, static_cast<int>(t), trees[t]);
}

int Topology::Switches(int from_node, int to_node, int nic) const {
  if (from_node == to_node) return 0;
  const auto a = static_cast<std::size_t>(Leaf(from_node, nic)),
             b = static_cast<std::size_t>(Leaf(to_node, nic));
  if (a == b) return 1;
  return graph_[a].pod == graph_[b].pod ? 3 : 5;
}

std::vector<int> Topology::HopsTo(int leaf) const {
  std::vector<int> hops(boost::num_vertices(graph_), -1);
  hops[static_cast<std::size_t>(leaf)] = 0;
  // Cables run both ways, so hops from the leaf are hops to it.
  const auto visitor = boost::make_bfs_visitor(boost::record_distances(hops.data(), boost::on_tree_edge()));
  boost::breadth_first_search(graph_, static_cast<std::size_t>(leaf), boost::visitor(visitor));
  return hops;
}

Reach ReachOf(const Topology& topology, int from_node, int to_node, int nic) {
  const int switches = topology.Switches(from_node, to_node, nic);
  return switches == 0 ? Reach::kNode : switches == 1 ? Reach::kLeaf : Reach::kCrossLeaf;
}

Time MessageLatency(const Cluster& cluster, const Topology& topology, int from_node, int to_node, int nic) {
  const TransportLatency l = LatencyOf(cluster.fabric.transport);
  const int switches = topology.Switches(from_node, to_node, nic);
  return switches == 0 ? l.node : l.leaf + cluster.fabric.hop_latency * (switches - 1);
}

}  // namespace orrery::hw
