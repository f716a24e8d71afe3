#include "models/routing/sampling/load_table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"

namespace orrery::models {
namespace {

constexpr int kHalf = RoutedText::kDocumentTokens / 2;

/// How many tokens of each half document select each thing (a slot, a rank, a node),
/// [domains][documents][2][things]. The halves of a document deviate together where documents differ, and
/// independently where tokens differ; so the counts tell the two variances apart.
class HalfCounts {
 public:
  HalfCounts(int domains, int documents, int things)
      : domains_(domains),
        documents_(documents),
        things_(things),
        count_(static_cast<std::size_t>(domains * documents * 2 * things)) {}

  std::uint16_t* At(int domain, int document, int half) {
    return count_.data() + (static_cast<std::ptrdiff_t>(domain * documents_ + document) * 2 + half) * things_;
  }
  const std::uint16_t* At(int domain, int document, int half) const {
    return const_cast<HalfCounts*>(this)->At(domain, document, half);
  }

  /// [domains][things] share of tokens.
  std::vector<float> Means() const {
    std::vector<float> mean(static_cast<std::size_t>(domains_ * things_));
    for (int d = 0; d < domains_; ++d) {
      for (int i = 0; i < documents_ * 2; ++i) {
        const std::uint16_t* half = At(d, i / 2, i % 2);
        for (int e = 0; e < things_; ++e) mean[static_cast<std::size_t>(d * things_ + e)] += half[e];
      }
    }
    for (float& m : mean) m /= static_cast<float>(documents_ * 2 * kHalf);
    return mean;
  }

  struct Spread {
    double between = 0;  ///< sum over domains and things of the variance of the probability between documents
    double inflation = 1;  ///< variance of a count of tokens of one document, over the binomial one
  };
  /// Of the count that a token of one domain adds: its variance within a document, and that of its mean
  /// between documents.
  std::pair<double, double> Variances(int domain, double mean) const {
    double within = 0, between = 0;
    for (int i = 0; i < documents_; ++i) {
      const double a = *At(domain, i, 0) / double{kHalf} - mean, b = *At(domain, i, 1) / double{kHalf} - mean;
      within += (a - b) * (a - b) / 2;
      between += a * b;
    }
    within /= documents_;
    return {within * kHalf, Between(between, within)};
  }

  Spread Measure(std::span<const float> mean) const {
    double within = 0, binomial = 0, between = 0;
    for (int d = 0; d < domains_; ++d) {
      for (int e = 0; e < things_; ++e) {
        const double p = mean[static_cast<std::size_t>(d * things_ + e)];
        binomial += p * (1 - p);
        for (int i = 0; i < documents_; ++i) {
          const double a = At(d, i, 0)[e] / double{kHalf} - p, b = At(d, i, 1)[e] / double{kHalf} - p;
          between += a * b;
          within += (a - b) * (a - b) / 2;
        }
      }
    }
    within /= documents_;
    return {Between(between, within), binomial > 0 ? within * kHalf / binomial : 1.0};
  }

 private:
  /// The variance between documents, from the sum over documents of the product of the deviations of their
  /// halves. Deviations are taken from the mean of the sample itself; that takes the variance of a whole
  /// document over the number of documents off each product, which is given back here.
  double Between(double products, double within) const {
    const double between = products / documents_ + within / (2 * documents_);
    return std::max(0.0, documents_ > 1 ? between * documents_ / (documents_ - 1.0) : between);
  }

  int domains_, documents_, things_;
  std::vector<std::uint16_t> count_;
};

/// Normal density over tail at the point whose upper tail is p: d ln p / d (threshold in standard
/// deviations).
double Hazard(double p) {
  if (p <= 0 || p >= 1) return 0;
  double z = 0;
  for (int i = 0; i < 40; ++i) {
    const double tail = 0.5 * std::erfc(z / std::numbers::sqrt2);
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
    z += std::clamp((tail - p) / density, -0.5, 0.5);
  }
  return std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi) / p;
}

/// Spreads the measured variance between documents over domain and slot as the square of each slot's response
/// to a small shift of its logit, p * hazard(p) / token_sd.
std::vector<float> DocumentVariance(const std::vector<float>& mean, double between, double token_sd) {
  std::vector<float> response(mean.size());
  double sum = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double r = mean[i] * Hazard(mean[i]) / std::max(token_sd, 1e-6);
    sum += response[i] = static_cast<float>(r * r);
  }
  for (float& r : response) r = sum > 0 ? static_cast<float>(r * between / sum) : 0.0f;
  return response;
}

std::vector<float> TokenVariance(const std::vector<float>& mean, double inflation) {
  std::vector<float> out;
  out.reserve(mean.size());
  for (float p : mean) out.push_back(p * (1 - p) * static_cast<float>(inflation));
  return out;
}

/// The most nodes that one token can reach, by the nodes over which the slots of the groups it keeps are
/// spread.
int MostNodes(const LoadShape& shape, const GateShape& gate, const SlotMap& map) {
  const int nodes = NodeCount(shape), per_node = shape.experts / nodes, group = gate.experts / gate.groups;
  int spread = 0;
  for (int g = 0; g < gate.groups; ++g) {
    std::vector<bool> reached(static_cast<std::size_t>(nodes));
    for (int e = g * group; e < (g + 1) * group; ++e) {
      for (int slot : map.slots_of[static_cast<std::size_t>(e)])
        reached[static_cast<std::size_t>(slot / per_node)] = true;
    }
    spread = std::max(spread, static_cast<int>(std::count(reached.begin(), reached.end(), true)));
  }
  const int shared = static_cast<int>(map.slots_of.size()) - gate.experts;
  return std::min({nodes, gate.top_k + shared, gate.top_groups * spread + shared});
}

/// What is counted of a text, token after token.
struct Counts {
  HalfCounts slot, rank, node, rows;
  std::vector<double> nodes, nodes_square;  ///< [domains] sums over tokens
};

void CountToken(const LoadShape& shape, std::span<const std::uint16_t> slots, std::uint16_t* slot,
                std::uint16_t* rank, std::uint16_t* node, int* nodes) {
  const int per_rank = shape.experts / shape.ranks, per_node = NodeSize(shape);
  std::uint64_t seen_nodes[64] = {}, seen_ranks[64] = {};
  for (std::uint16_t s : slots) {
    ++slot[s];
    const int r = s / per_rank, n = r / per_node;
    const std::uint64_t rank_bit = std::uint64_t{1} << (r % 64), node_bit = std::uint64_t{1} << (n % 64);
    if (!(seen_ranks[r / 64] & rank_bit)) ++rank[r];
    if (!(seen_nodes[n / 64] & node_bit)) ++node[n], ++*nodes;
    seen_ranks[r / 64] |= rank_bit;
    seen_nodes[n / 64] |= node_bit;
  }
}

Counts CountText(const LoadShape& shape, const SlotMap& map, int experts, int domains, int documents,
                 const TextSelection& text) {
  Counts c{{domains, documents, shape.experts},
           {domains, documents, shape.ranks},
           {domains, documents, NodeCount(shape)},
           {domains, documents, 1},
           std::vector<double>(static_cast<std::size_t>(domains)),
           std::vector<double>(static_cast<std::size_t>(domains))};
  std::vector<std::uint16_t> slots;
  std::size_t next = 0;
  for (int d = 0; d < domains; ++d) {
    for (int t = 0; t < documents * RoutedText::kDocumentTokens; ++t) {
      SlotsOf(text, map, experts, next++, static_cast<std::uint32_t>(t), &slots);
      const int doc = t / RoutedText::kDocumentTokens, half = t % RoutedText::kDocumentTokens / kHalf;
      int nodes = 0;
      *c.rows.At(d, doc, half) += static_cast<std::uint16_t>(slots.size());
      CountToken(shape, slots, c.slot.At(d, doc, half), c.rank.At(d, doc, half), c.node.At(d, doc, half),
                 &nodes);
      c.nodes[static_cast<std::size_t>(d)] += nodes;
      c.nodes_square[static_cast<std::size_t>(d)] += nodes * nodes;
    }
  }
  return c;
}

/// Sets the mean and the variances of the number of experts of a token, where that varies.
void AddRows(const HalfCounts& rows, int domains, LoadTable* t) {
  t->rows_mean = rows.Means();
  for (int d = 0; d < domains; ++d) {
    const auto [token, document] = rows.Variances(d, double{t->rows_mean[static_cast<std::size_t>(d)]});
    t->rows_noise.push_back(static_cast<float>(token));
    t->rows_document.push_back(static_cast<float>(document));
  }
}

}  // namespace

RoutedText::RoutedText(const RouterLayer& layer, const GateShape& gate, int domains, int documents,
                       std::uint64_t seed)
    : kind_(layer.kind), gate_(gate), domains_(domains), documents_(documents) {
  const auto experts = static_cast<std::size_t>(gate.experts);
  constexpr std::size_t kBlocks = kDocumentTokens / kLanes;
  affinity_.resize(static_cast<std::size_t>(domains * documents) * kBlocks * experts * kLanes);
  std::vector<float> base(experts), factor(static_cast<std::size_t>(layer.rank) * kLanes);
  std::span<float> out(affinity_);
  for (int d = 0; d < domains; ++d) {
    FastNormal normal(RandomStream(seed, "routed text", {static_cast<std::uint64_t>(d)}));
    for (int i = 0; i < documents; ++i) {
      layer.DocumentBase(d, normal, base);
      TokenFactors factors(layer.rank, layer.correlation);
      for (std::size_t b = 0; b < kBlocks; ++b) {
        factors.Next(normal, factor);
        layer.Block(base, factor, out.first(experts * kLanes));
        out = out.subspan(experts * kLanes);
      }
    }
  }
}

std::vector<std::uint16_t> RoutedText::Route(std::span<const float> bias, int documents) const {
  const std::size_t tokens = static_cast<std::size_t>(documents) * kDocumentTokens;
  const auto experts = static_cast<std::size_t>(gate_.experts), k = static_cast<std::size_t>(gate_.top_k);
  const std::size_t stride = static_cast<std::size_t>(documents_) * kDocumentTokens * experts;
  std::vector<std::uint16_t> selected(static_cast<std::size_t>(domains_) * tokens * k);
  for (std::size_t d = 0; d < static_cast<std::size_t>(domains_); ++d) {
    RouteBlocks(gate_, std::span(affinity_).subspan(d * stride, tokens * experts), bias,
                std::span(selected).subspan(d * tokens * k, tokens * k));
  }
  return selected;
}

std::vector<std::uint16_t> RoutedText::RouteDomain(int domain, std::span<const float> bias) const {
  const std::size_t tokens = static_cast<std::size_t>(documents_) * kDocumentTokens;
  const std::size_t stride = tokens * static_cast<std::size_t>(gate_.experts);
  std::vector<std::uint16_t> selected(tokens * static_cast<std::size_t>(gate_.top_k));
  RouteBlocks(gate_, std::span(affinity_).subspan(static_cast<std::size_t>(domain) * stride, stride), bias,
              selected);
  return selected;
}

double RoutedText::EdgeSlope() const {
  const auto experts = static_cast<std::size_t>(gate_.experts);
  const std::size_t block = experts * kLanes, document = block * kDocumentTokens / kLanes;
  std::vector<float> token(experts);
  double slope = 0;
  std::size_t tokens = 0;
  for (std::size_t at = 0; at < affinity_.size(); at += document) {  // the first tokens of every document
    for (std::size_t lane = 0; lane < kLanes; ++lane, ++tokens) {
      for (std::size_t e = 0; e < experts; ++e) token[e] = affinity_[at + e * kLanes + lane];
      const auto edge = token.begin() + gate_.top_k - 1;
      std::nth_element(token.begin(), edge, token.end(), std::greater<>());
      slope += double{*edge} * (1 - double{*edge});
    }
  }
  return tokens > 0 ? slope / static_cast<double>(tokens) : 0;
}

std::vector<double> RelativeLoads(const GateShape& gate, std::span<const std::uint16_t> selected,
                                  std::span<const double> share) {
  std::vector<double> load(static_cast<std::size_t>(gate.experts));
  const std::size_t each = selected.size() / share.size();
  for (std::size_t d = 0; d < share.size(); ++d) {
    std::vector<std::uint32_t> count(load.size());
    for (std::uint16_t e : selected.subspan(d * each, each)) ++count[e];
    const double scale = share[d] * gate.experts / static_cast<double>(each);
    for (std::size_t e = 0; e < load.size(); ++e) load[e] += scale * count[e];
  }
  return load;
}

void SlotsOf(const TextSelection& text, const SlotMap& map, int experts, std::size_t t,
             std::uint32_t in_domain, std::vector<std::uint16_t>* slots) {
  const auto k = static_cast<std::size_t>(text.top_k);
  const std::size_t first = k > 0 ? t * k : t > 0 ? text.end[t - 1] : 0;
  const std::size_t end = k > 0 ? first + k : text.end[t];
  slots->clear();
  for (std::size_t i = first; i < end; ++i) slots->push_back(map.Slot(text.experts[i], in_domain));
  for (int e = experts; e < static_cast<int>(map.slots_of.size()); ++e)
    slots->push_back(map.Slot(e, in_domain));
}

SlotMap SlotMap::Of(const ExpertPlacement& placement) {
  SlotMap map;
  map.slots_of.resize(placement.replicas.size());
  for (std::size_t s = 0; s < placement.expert_of.size(); ++s) {
    map.slots_of[static_cast<std::size_t>(placement.expert_of[s])].push_back(static_cast<std::uint16_t>(s));
  }
  return map;
}

SlotMap SlotMap::Contiguous(int experts) {
  SlotMap map;
  for (int e = 0; e < experts; ++e) map.slots_of.push_back({static_cast<std::uint16_t>(e)});
  return map;
}

LoadTable MeasureLoads(const LoadShape& shape, const SlotMap& map, const GateShape& gate, int domains,
                       std::span<const std::uint16_t> selected, double token_sd, double document_sd) {
  return MeasureLoads(shape, map, gate, domains, {gate.top_k, selected, {}}, token_sd, document_sd);
}

LoadTable MeasureLoads(const LoadShape& shape, const SlotMap& map, const GateShape& gate, int domains,
                       const TextSelection& text, double token_sd, double document_sd) {
  const int documents = static_cast<int>(text.tokens()) / (domains * RoutedText::kDocumentTokens);
  const Counts c = CountText(shape, map, gate.experts, domains, documents, text);
  LoadTable t;
  t.domains = domains, t.slots = shape.experts, t.ranks = shape.ranks, t.nodes = NodeCount(shape);
  t.slot = c.slot.Means(), t.rank = c.rank.Means(), t.node = c.node.Means();
  const auto slot = c.slot.Measure(t.slot), rank = c.rank.Measure(t.rank), node = c.node.Measure(t.node);
  t.slot_noise = TokenVariance(t.slot, slot.inflation);
  t.node_noise = TokenVariance(t.node, node.inflation);
  t.rank_noise = static_cast<float>(rank.inflation);
  t.slot_document = DocumentVariance(t.slot, document_sd > 0 ? slot.between : 0, token_sd);
  t.node_document.assign(
      t.node.size(),
      document_sd > 0 ? static_cast<float>(node.between / static_cast<double>(t.node.size())) : 0.0f);
  const bool variable = text.top_k == 0;
  t.nodes_least = variable ? 0 : 1, t.nodes_most = variable ? t.nodes : MostNodes(shape, gate, map);
  t.rows_most = variable ? gate.experts : shape.top_k;
  if (variable) AddRows(c.rows, domains, &t);
  const double tokens = documents * RoutedText::kDocumentTokens;
  for (std::size_t d = 0; d < c.nodes.size(); ++d) {
    const double mean = c.nodes[d] / tokens;
    t.nodes_mean.push_back(static_cast<float>(mean));
    t.nodes_noise.push_back(static_cast<float>(std::max(0.0, c.nodes_square[d] / tokens - mean * mean)));
  }
  return t;
}

LoadTable UniformTable(const LoadShape& shape, const GateShape& gate, const SlotMap& map,
                       std::uint64_t seed) {
  RouterLayer
      layer;  // no preference, no domain, no document: independent unit factors, one an expert in turn
  layer.experts = gate.experts, layer.rank = 64;
  layer.base.assign(static_cast<std::size_t>(gate.experts), 0.0f);
  RandomStream random(seed, "uniform router");
  for (int i = 0; i < gate.experts * layer.rank; ++i)
    layer.weight.push_back(static_cast<float>(random.Normal() / 8));
  const RoutedText text(layer, gate, 1, 64, seed);
  const auto selected = text.Route({}, 64);
  LoadTable t = MeasureLoads(shape, map, gate, 1, selected, 1, 0);
  const auto flatten = [](std::vector<float>& v) {
    std::fill(v.begin(), v.end(), std::accumulate(v.begin(), v.end(), 0.0f) / static_cast<float>(v.size()));
  };
  if (shape.experts == gate.experts) {
    for (auto* v : {&t.slot, &t.rank, &t.node}) flatten(*v);
  } else {  // replicas share their expert's even load; what ranks and nodes then see is as measured
    for (std::size_t e = 0; e < map.slots_of.size(); ++e) {
      const float even = static_cast<float>(gate.top_k) / static_cast<float>(gate.experts);
      const float load = e < static_cast<std::size_t>(gate.experts) ? even : 1.0f;  // else a shared expert
      for (std::uint16_t s : map.slots_of[e]) t.slot[s] = load / static_cast<float>(map.slots_of[e].size());
    }
  }
  t.slot_noise = TokenVariance(t.slot, 1), t.node_noise = TokenVariance(t.node, 1), t.rank_noise = 1;
  return t;
}

}  // namespace orrery::models
