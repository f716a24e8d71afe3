#include "models/routing/synthetic_loads.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "models/routing/load_sampler.h"

namespace orrery::models {
namespace {

GateShape GateOf(const LoadShape& s) { return {s.experts, s.top_k, s.groups, s.top_groups}; }

std::vector<int> Shuffled(int n, RandomStream& random) {
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

/// `values` [domains][n * each] with item i of each row moved to to[i].
void Renumber(std::vector<float>* values, int domains, std::span<const std::uint16_t> to) {
  std::vector<float> out(values->size());
  for (std::size_t d = 0; d < static_cast<std::size_t>(domains); ++d) {
    for (std::size_t i = 0; i < to.size(); ++i) out[d * to.size() + to[i]] = (*values)[d * to.size() + i];
  }
  *values = std::move(out);
}

/// Where each `each`-th item went, in units of `each`: slots to ranks, ranks to nodes.
std::vector<std::uint16_t> Coarsen(std::span<const std::uint16_t> to, std::size_t each) {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < to.size(); i += each) out.push_back(static_cast<std::uint16_t>(to[i] / each));
  return out;
}

LoadTable Renumbered(LoadTable t, std::span<const std::uint16_t> to) {
  const auto ranks = Coarsen(to, to.size() / static_cast<std::size_t>(t.ranks));
  const auto nodes = Coarsen(ranks, ranks.size() / static_cast<std::size_t>(t.nodes));
  for (auto* v : {&t.slot, &t.slot_noise, &t.slot_document}) Renumber(v, t.domains, to);
  Renumber(&t.rank, t.domains, ranks);
  for (auto* v : {&t.node, &t.node_noise, &t.node_document}) Renumber(v, t.domains, nodes);
  return t;
}

TextMix MixOf(const SyntheticOptions& o) {
  return {ZipfShares(o.affinity.domains), o.sequence_length, o.fewest_documents, o.most_documents};
}

/// Documents that a loss over part of the mix counts together: a sequence's, or a micro-batch's.
double CountedDocuments(const SyntheticOptions& o, const LoadShape& shape) {
  const double documents = std::max(1.0, (o.fewest_documents + o.most_documents) / 2.0);
  if (o.balance.strategy != Strategy::kMicroBatchLoss) return documents;
  return documents * std::max(1.0, static_cast<double>(shape.tokens_per_rank) / o.sequence_length);
}

}  // namespace

LossPullWeights PullOf(const SyntheticOptions& o, const LoadShape& shape) {
  return {o.balance.feedback, o.balance.device_feedback, o.balance.communication_feedback,
          CountedDocuments(o, shape)};
}

void TableLoads::Sample(int layer, int micro_batch, int group, ExchangeLoad* load) const {
  TableLoads::SampleOn(Table(layer), shape_, {}, layer, micro_batch, group, load);
}

void TableLoads::SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap&, int layer,
                          int micro_batch, int group, ExchangeLoad* load) const {
  std::vector<TextDocument> documents;
  DrawDocuments(mix_, shape_, seed_, micro_batch, group, &documents);
  const RandomStream random(seed_, "routing",
                            {static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(micro_batch),
                             static_cast<std::uint64_t>(group)});
  LoadSampler(physical).Sample(table, documents, random, load);
}

LoadTable UniformLoads::TableOn(int, const LoadShape& physical, const SlotMap& map) const {
  return UniformTable(physical, GateOf(shape()), map, seed());
}

UniformLoads::UniformLoads(const LoadShape& shape, std::uint64_t seed)
    : TableLoads(shape, {{1.0}, 4096, 1, 1}, seed) {
  CheckShape(shape);
  table_ = UniformTable(shape, GateOf(shape), SlotMap::Contiguous(shape.experts), seed);
}

std::string UniformLoads::Describe() const { return "balanced: every expert alike, multinomial noise only"; }

SyntheticLoads::SyntheticLoads(const LoadShape& shape, const SyntheticOptions& options, int moe_layers,
                               std::uint64_t seed)
    : TableLoads(shape, MixOf(options), seed), options_(options), gate_(GateOf(shape)) {
  CheckShape(shape);
  CheckAffinity(options.affinity);
  for (int l = 0; l < std::min(moe_layers, kDrawnLayers); ++l) drawn_.push_back(Draw(l));
  for (int l = 0; l < moe_layers; ++l) {
    renumber_.push_back(Renumbering(l));
    tables_.push_back(Renumbered(drawn_[static_cast<std::size_t>(l % kDrawnLayers)].table, renumber_.back()));
  }
}

SyntheticLoads::Drawn SyntheticLoads::Draw(int layer) const {
  const AffinityParameters& a = options_.affinity;
  Drawn out{DrawRouterLayer(a, gate_.experts, seed(), layer), {}, {}, {}, {}};
  RandomStream random(seed(), "measured text", {static_cast<std::uint64_t>(layer)});
  const RoutedText text(out.router, gate_, a.domains, options_.measured_documents, random());
  out.bias = DomainBias(text);
  const auto experts = static_cast<std::size_t>(gate_.experts);
  for (int d = 0; d < a.domains; ++d) {
    const auto mine = std::span(out.bias).subspan(static_cast<std::size_t>(d) * experts, experts);
    const std::vector<std::uint16_t> selected = text.RouteDomain(d, mine);
    out.selected.insert(out.selected.end(), selected.begin(), selected.end());
  }
  out.global = RelativeLoads(gate_, out.selected, mix().share);
  out.table = MeasureLoads(shape(), SlotMap::Contiguous(gate_.experts), gate_, a.domains, out.selected,
                           a.token, a.document);
  return out;
}

std::vector<float> SyntheticLoads::DomainBias(const RoutedText& text) const {
  BalanceRule rule = options_.balance;
  if (PullsDomains(rule.strategy)) {
    rule.documents = CountedDocuments(options_, shape());
    return ConvergedDomainBias(text, mix().share, rule);
  }
  const std::vector<float> one = ConvergedBias(text, mix().share, rule);
  std::vector<float> all;
  for (std::size_t d = 0; d < mix().share.size(); ++d) all.insert(all.end(), one.begin(), one.end());
  return all;
}

std::vector<std::uint16_t> SyntheticLoads::Renumbering(int layer) const {
  RandomStream random(seed(), "layer renumbering", {static_cast<std::uint64_t>(layer)});
  std::vector<std::uint16_t> to(static_cast<std::size_t>(gate_.experts));
  std::iota(to.begin(), to.end(), std::uint16_t{0});
  if (layer < kDrawnLayers) return to;
  const int node_size = NodeSize(shape()), per_rank = shape().experts / shape().ranks;
  const std::vector<int> nodes = Shuffled(NodeCount(shape()), random);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const std::vector<int> ranks = Shuffled(node_size, random);
    for (int i = 0; i < node_size * per_rank; ++i) {
      const int from = static_cast<int>(n) * node_size * per_rank + i;
      const int rank = nodes[n] * node_size + ranks[static_cast<std::size_t>(i / per_rank)];
      to[static_cast<std::size_t>(from)] = static_cast<std::uint16_t>(rank * per_rank + i % per_rank);
    }
  }
  return to;
}

const LoadTable& SyntheticLoads::Table(int layer) const {
  return tables_.at(static_cast<std::size_t>(layer));
}

LoadTable SyntheticLoads::TableOn(int layer, const LoadShape& physical, const SlotMap& map) const {
  const auto& to = renumber_.at(static_cast<std::size_t>(layer));
  SlotMap drawn;  // of the drawn layer's numbers
  for (std::uint16_t expert : to) drawn.slots_of.push_back(map.slots_of[expert]);
  const AffinityParameters& a = options_.affinity;
  return MeasureLoads(physical, drawn, gate_, a.domains,
                      drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers)).selected, a.token,
                      a.document);
}

const std::vector<double>& SyntheticLoads::GlobalLoads(int layer) const {
  return drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers)).global;
}

void SyntheticLoads::Sample(int layer, int micro_batch, int group, ExchangeLoad* load) const {
  if (shape().tokens_per_rank < LoadSampler::kFewestTokens)
    return SampleExactly(layer, micro_batch, group, load);
  TableLoads::Sample(layer, micro_batch, group, load);
}

void SyntheticLoads::SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap& map,
                              int layer, int micro_batch, int group, ExchangeLoad* load) const {
  if (shape().tokens_per_rank < LoadSampler::kFewestTokens)
    return SampleExactlyOn(physical, map, layer, micro_batch, group, load);
  TableLoads::SampleOn(table, physical, map, layer, micro_batch, group, load);
}

void SyntheticLoads::SampleExactly(int layer, int micro_batch, int group, ExchangeLoad* load) const {
  SampleExactlyOn(shape(), SlotMap::Contiguous(gate_.experts), layer, micro_batch, group, load);
}

void SyntheticLoads::SampleExactlyOn(const LoadShape& physical, const SlotMap& map, int layer,
                                     int micro_batch, int group, ExchangeLoad* load) const {
  const Drawn& drawn = drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers));
  const auto& to = renumber_.at(static_cast<std::size_t>(layer));
  std::vector<TextDocument> documents;
  DrawDocuments(mix(), shape(), seed(), micro_batch, group, &documents);
  RandomStream random(seed(), "routing exactly",
                      {static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(micro_batch),
                       static_cast<std::uint64_t>(group)});
  FastNormal normal(random);
  const auto experts = static_cast<std::size_t>(gate_.experts), k = static_cast<std::size_t>(gate_.top_k);
  std::vector<float> base(experts), block(experts * kLanes),
      factor(static_cast<std::size_t>(drawn.router.rank) * kLanes);
  std::vector<std::uint16_t> selected(k * kLanes);
  ExchangeCounter counter(physical, load);
  for (const TextDocument& doc : documents) {
    drawn.router.DocumentBase(doc.domain, normal, base);
    const auto bias = std::span(drawn.bias).subspan(static_cast<std::size_t>(doc.domain) * experts, experts);
    TokenFactors factors(drawn.router.rank, drawn.router.correlation);
    for (int t = 0; t < doc.tokens; ++t) {
      const std::size_t lane = static_cast<std::size_t>(t % kLanes);
      if (lane == 0) {
        factors.Next(normal, factor);
        drawn.router.Block(base, factor, block);
        RouteBlocks(gate_, block, bias, selected);
        for (std::size_t i = 0; i < selected.size(); ++i)
          selected[i] =
              map.Slot(to[selected[i]], static_cast<std::uint32_t>(t) + static_cast<std::uint32_t>(i / k));
      }
      counter.Add(doc.rank, std::span(selected).subspan(lane * k, k));
    }
  }
}

std::string SyntheticLoads::Describe() const {
  return fmt::format(
      "{}: synthetic router, {} domains of sd {:g}, {} to {} documents a sequence of {} tokens",
      StrategyName(options_.balance.strategy), options_.affinity.domains, options_.affinity.domain,
      options_.fewest_documents, options_.most_documents, options_.sequence_length);
}

}  // namespace orrery::models
