// What a layer's router does to the text of each domain, as probabilities. The fast sampler needs nothing
// else.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/gate/gate.h"
#include "models/routing/load_source.h"
#include "models/routing/placement.h"
#include "models/routing/sampling/exchange.h"
#include "models/routing/text/affinity_model.h"

namespace orrery::models {

struct LoadTable {
  int domains = 0, slots = 0, ranks = 0, nodes = 0;
  std::vector<float> slot;  ///< [domains][slots] probability that a token selects the slot
  std::vector<float>
      slot_noise;  ///< [domains][slots] variance a token adds to the count (text is correlated)
  std::vector<float> slot_document;     ///< [domains][slots] variance of the probability between documents
  std::vector<float> rank;              ///< [domains][ranks] probability that a token reaches the rank
  std::vector<float> node;              ///< [domains][nodes] probability that a token reaches the node
  std::vector<float> node_noise;        ///< [domains][nodes] as slot_noise
  std::vector<float> node_document;     ///< [domains][nodes] as slot_document
  std::vector<float> nodes_mean;        ///< [domains] nodes a token reaches
  std::vector<float> nodes_noise;       ///< [domains] and its variance a token
  int nodes_least = 1, nodes_most = 0;  ///< nodes a token can reach at all
  int rows_most = 0;                    ///< experts a token can have: top_k, unless experts choose
  float rank_noise = 1;                 ///< variance of a reach count over binomial
  /// Where tokens have a variable number of experts, else empty: [domains] experts a token has, its variance
  /// a token, and the variance of its mean between documents.
  std::vector<float> rows_mean, rows_noise, rows_document;
};

/// The experts that the tokens of a text select, token after token.
struct TextSelection {
  int top_k = 0;                           ///< experts of every token; 0: those of token t end at end[t]
  std::span<const std::uint16_t> experts;  ///< each token's ascending
  std::span<const std::uint32_t> end;      ///< [tokens]
  std::size_t tokens() const {
    return top_k > 0 ? experts.size() / static_cast<std::size_t>(top_k) : end.size();
  }
};

/// Documents of text and their affinities to the experts of one layer. The affinities are computed once and
/// routed as often as the bias changes.
class RoutedText {
 public:
  static constexpr int kDocumentTokens = 64;

  /// `documents` of kDocumentTokens tokens in each domain.
  RoutedText(const RouterLayer& layer, const GateShape& gate, int domains, int documents, std::uint64_t seed);

  /// Routes the first `documents` documents of each domain: [domains][documents * kDocumentTokens][top_k].
  std::vector<std::uint16_t> Route(std::span<const float> bias, int documents) const;

  /// All documents of one domain: [documents * kDocumentTokens][top_k].
  std::vector<std::uint16_t> RouteDomain(int domain, std::span<const float> bias) const;

  /// How much an affinity at the edge of selection moves with its logit. The slope of an affinity s is s (1 -
  /// s), for the sigmoid and for the softmax alike; this is its mean over tokens at the k-th largest
  /// affinity.
  double EdgeSlope() const;

  /// All affinities of one domain, [documents][blocks][experts][kLanes].
  std::span<const float> affinity(int domain) const {
    const std::size_t each = affinity_.size() / static_cast<std::size_t>(domains_);
    return std::span(affinity_).subspan(static_cast<std::size_t>(domain) * each, each);
  }

  const GateShape& gate() const { return gate_; }
  int domains() const { return domains_; }
  int documents() const { return documents_; }
  Affinity kind() const { return kind_; }

 private:
  Affinity kind_;
  GateShape gate_;
  int domains_, documents_;
  std::vector<float> affinity_;  ///< [domains][documents][blocks][experts][kLanes]
};

/// Relative load of each expert (1 is balanced) when domains come in `share`.
std::vector<double> RelativeLoads(const GateShape& gate, std::span<const std::uint16_t> selected,
                                  std::span<const double> share);

/// The physical slots of each logical expert. Consecutive tokens of an expert use its slots in turn. The
/// experts after those of the gate are shared: every token goes to them.
struct SlotMap {
  std::vector<std::vector<std::uint16_t>> slots_of;  ///< [experts]
  static SlotMap Contiguous(int experts);
  static SlotMap Of(const ExpertPlacement& placement);
  std::uint16_t Slot(int expert, std::uint32_t token) const {
    const auto& slots = slots_of[static_cast<std::size_t>(expert)];
    return slots[token % slots.size()];
  }
};

/// The slots of token number `t` of the text, number `in_domain` of its domain; the map's experts beyond
/// `experts` are shared.
void SlotsOf(const TextSelection& text, const SlotMap& map, int experts, std::size_t t,
             std::uint32_t in_domain, std::vector<std::uint16_t>* slots);

/// Measures the table from routed text. `token_sd` and `document_sd` are the router's (in logits): they shape
/// how the variance between documents falls on experts; its size is measured.
LoadTable MeasureLoads(const LoadShape& shape, const SlotMap& map, const GateShape& gate, int domains,
                       std::span<const std::uint16_t> selected, double token_sd, double document_sd);
/// The same of tokens with any number of experts, [domains][documents][RoutedText::kDocumentTokens].
LoadTable MeasureLoads(const LoadShape& shape, const SlotMap& map, const GateShape& gate, int domains,
                       const TextSelection& text, double token_sd, double document_sd);

/// The table of a uniform router, whatever the text: every slot, rank and node alike where each expert has
/// one slot; else replicas share their expert's load, and ranks and nodes are reached as measured.
LoadTable UniformTable(const LoadShape& shape, const GateShape& gate, const SlotMap& map, std::uint64_t seed);

}  // namespace orrery::models
