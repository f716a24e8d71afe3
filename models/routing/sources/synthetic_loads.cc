#include "models/routing/sources/synthetic_loads.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "core/base/parallel.h"
#include "models/routing/balance/equilibrium.h"
#include "models/routing/sampling/load_sampler.h"
#include "models/routing/sampling/renumbering.h"

namespace orrery::models {
namespace {

GateShape GateOf(const LoadShape& s) { return {s.experts, s.top_k, s.groups, s.top_groups}; }

/// Documents that a loss over part of the mix counts together: a sequence's, or a micro-batch's.
double CountedDocuments(const SyntheticOptions& o, const LoadShape& shape) {
  const double documents = std::max(1.0, (o.fewest_documents + o.most_documents) / 2.0);
  if (o.balance.strategy != Strategy::kMicroBatchLoss) return documents;
  return documents * std::max(1.0, static_cast<double>(shape.MicroBatchTokens()) / o.sequence_length);
}

}  // namespace

TextMix MixOf(const SyntheticOptions& o) {
  return {ZipfShares(o.affinity.domains), o.sequence_length, o.fewest_documents, o.most_documents};
}

LossPullWeights PullOf(const SyntheticOptions& o, const LoadShape& shape) {
  return {o.balance.feedback, o.balance.device_feedback, o.balance.communication_feedback,
          CountedDocuments(o, shape)};
}

SyntheticLoads::SyntheticLoads(const LoadShape& shape, const SyntheticOptions& options, int moe_layers,
                               std::uint64_t seed, const RunControl& control)
    : TableLoads(shape, MixOf(options), seed), options_(options), gate_(GateOf(shape)) {
  CheckShape(shape);
  CheckAffinity(options.affinity);
  drawn_.resize(static_cast<std::size_t>(std::min(moe_layers, kDrawnLayers)));
  ParallelParts parts(control, drawn_.size());
  ParallelFor(drawn_.size(), [&](std::size_t l) {
    drawn_[l] = DrawLayer(static_cast<int>(l), parts.StopOnly());
    parts.Done();
  });
  for (int l = 0; l < moe_layers; ++l) {
    renumber_.push_back(l < kDrawnLayers ? KeepExperts(gate_.experts) : ShuffleRanks(shape, seed, l));
    tables_.push_back(Renumbered(drawn_[static_cast<std::size_t>(l % kDrawnLayers)].table, renumber_.back()));
  }
}

SyntheticLoads::Drawn SyntheticLoads::DrawLayer(int layer, const RunControl& control) const {
  control.Check();
  const AffinityParameters& a = options_.affinity;
  Drawn out{DrawRouterLayer(a, gate_.experts, seed(), layer), {}, {}, {}, {}, 0};
  RandomStream random(seed(), "measured text", {static_cast<std::uint64_t>(layer)});
  const RoutedText text(out.router, gate_, a.domains, options_.measured_documents, random());
  SetBias(text, control, &out);
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

void SyntheticLoads::SetBias(const RoutedText& text, const RunControl& control, Drawn* drawn) const {
  BalanceRule rule = options_.balance;
  rule.documents = CountedDocuments(options_, shape());
  const ConvergedBiases found = ConvergedBias(text, mix().share, rule, control);
  const std::size_t times = mix().share.size() * static_cast<std::size_t>(gate_.experts) / found.bias.size();
  for (std::size_t d = 0; d < times; ++d)
    drawn->bias.insert(drawn->bias.end(), found.bias.begin(), found.bias.end());
  if (!found.converged()) drawn->distance = found.distance;
}

double SyntheticLoads::NotConverged() const {
  double distance = 0;
  for (const Drawn& drawn : drawn_) distance = std::max(distance, drawn.distance);
  return distance;
}

const LoadTable& SyntheticLoads::Table(int layer) const {
  return tables_.at(static_cast<std::size_t>(layer));
}

LoadTable SyntheticLoads::TableOn(int layer, const LoadShape& physical, const SlotMap& map) const {
  const SlotMap drawn = DrawnSlots(map, renumber_.at(static_cast<std::size_t>(layer)));
  const AffinityParameters& a = options_.affinity;
  return MeasureLoads(physical, drawn, gate_, a.domains,
                      drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers)).selected, a.token,
                      a.document);
}

const std::vector<double>& SyntheticLoads::GlobalLoads(int layer) const {
  return drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers)).global;
}

void SyntheticLoads::SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap& map,
                              int layer, int micro_batch, int group, ExchangeLoad* load) const {
  if (LoadSampler::HasFewTokens(physical))
    return SampleExactlyOn(physical, map, layer, micro_batch, group, load);
  TableLoads::SampleOn(table, physical, map, layer, micro_batch, group, load);
}

void SyntheticLoads::SampleExactly(int layer, int micro_batch, int group, ExchangeLoad* load) const {
  SampleExactlyOn(shape(), SlotMap::Contiguous(gate_.experts), layer, micro_batch, group, load);
}

bool SyntheticLoads::SampleTokenByToken(int layer, int micro_batch, int group, ExchangeLoad* load) const {
  SampleExactly(layer, micro_batch, group, load);
  return true;
}

void SyntheticLoads::SampleExactlyOn(const LoadShape& physical, const SlotMap& map, int layer,
                                     int micro_batch, int group, ExchangeLoad* load) const {
  const Drawn& drawn = drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers));
  const SlotMap slots_of = DrawnSlots(map, renumber_.at(static_cast<std::size_t>(layer)));
  std::vector<TextDocument> documents;
  DrawDocuments(mix(), physical, seed(), micro_batch, group, &documents);
  RandomStream random(seed(), "routing exactly",
                      {static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(micro_batch),
                       static_cast<std::uint64_t>(group)});
  FastNormal normal(random);
  const auto experts = static_cast<std::size_t>(gate_.experts), k = static_cast<std::size_t>(gate_.top_k);
  std::vector<float> base(experts), block(experts * kLanes),
      factor(static_cast<std::size_t>(drawn.router.rank) * kLanes);
  std::vector<std::uint16_t> selected(k * kLanes), slots;
  std::vector<float> gates(k);
  RowCounter counter(physical, random(), load);
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
      }
      SlotsOf({gate_.top_k, selected, {}}, slots_of, gate_.experts, lane, static_cast<std::uint32_t>(t),
              &slots);
      for (std::size_t i = 0; i < k; ++i)
        gates[i] = block[static_cast<std::size_t>(selected[lane * k + i]) * kLanes + lane];
      counter.Add(doc, slots, gates);
    }
  }
  counter.Finish();
}

std::string SyntheticLoads::Describe() const {
  std::string router = fmt::format(
      "{}: synthetic router, {} domains of sd {:g}, {} to {} documents a sequence of {} tokens",
      StrategyName(options_.balance.strategy), options_.affinity.domains, options_.affinity.domain,
      options_.fewest_documents, options_.most_documents, options_.sequence_length);
  if (NotConverged() <= 0) return router;
  return fmt::format("{} (NOT CONVERGED: no biases found that bring every expert within {:.2g} of its load)",
                     router, NotConverged());
}

}  // namespace orrery::models
