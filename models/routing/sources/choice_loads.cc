#include "models/routing/sources/choice_loads.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/units.h"
#include "models/routing/sampling/load_sampler.h"
#include "models/routing/sampling/renumbering.h"
#include "models/routing/text/multinomial.h"

namespace orrery::models {
namespace {

/// Tokens that are counted of one measured chunk. They are few, so that many mixtures of documents are seen.
constexpr int kCounted = 2 * RoutedText::kDocumentTokens;

/// Affinities of documents one after another, in blocks of kLanes tokens.
class ChunkText {
 public:
  explicit ChunkText(const RouterLayer& router)
      : router_(router),
        experts_(static_cast<std::size_t>(router.experts)),
        base_(experts_),
        block_(experts_ * kLanes),
        factor_(static_cast<std::size_t>(router.rank) * kLanes) {}

  void Clear() { tokens_ = 0, affinity_.clear(); }
  /// Appends a document, or the part of one that lies in the chunk.
  void Append(int domain, int tokens, FastNormal& normal) {
    router_.DocumentBase(domain, normal, base_);
    TokenFactors factors(router_.rank, router_.correlation);
    for (int t = 0; t < tokens; ++t, ++tokens_) {
      const std::size_t from = static_cast<std::size_t>(t % kLanes), to = tokens_ % kLanes;
      if (from == 0) {
        factors.Next(normal, factor_);
        router_.Block(base_, factor_, block_);
      }
      if (to == 0) affinity_.resize(affinity_.size() + experts_ * kLanes);
      float* out = affinity_.data() + tokens_ / kLanes * experts_ * kLanes + to;
      for (std::size_t e = 0; e < experts_; ++e) out[e * kLanes] = block_[e * kLanes + from];
    }
  }
  int tokens() const { return static_cast<int>(tokens_); }
  std::span<const float> affinity() const { return affinity_; }

 private:
  const RouterLayer& router_;
  std::size_t experts_, tokens_ = 0;
  std::vector<float> base_, block_, factor_, affinity_;
};

/// Lengths of the parts of documents in a chunk that is picked at random from sequences of `length` tokens.
std::vector<int> PartsOf(const SyntheticOptions& o, int length, int chunk, RandomStream& random) {
  std::vector<int> parts;
  const auto choices = static_cast<std::uint64_t>(o.most_documents - o.fewest_documents + 1);
  const auto offsets = static_cast<std::uint64_t>(std::max(1, length / chunk));
  int skip = chunk < length ? chunk * static_cast<int>(random.Below(offsets)) : 0;
  for (int left = chunk; left > 0;) {
    const int count = std::min(length, o.fewest_documents + static_cast<int>(random.Below(choices)));
    for (int i = 0; i < count && left > 0; ++i) {
      const auto edge = [&](int j) { return static_cast<int>(std::int64_t{length} * j / count); };
      const int tokens = edge(i + 1) - edge(i), skipped = std::min(skip, tokens);
      skip -= skipped;
      const int taken = std::min(left, tokens - skipped);
      if (taken > 0) parts.push_back(taken);
      left -= taken;
    }
  }
  return parts;
}

/// `parts` shrunk to add up to `tokens`; some may vanish.
std::vector<int> Shrink(const std::vector<int>& parts, int tokens) {
  const std::int64_t all = std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
  std::vector<int> out;
  std::int64_t sum = 0;
  for (const int part : parts) {
    const std::int64_t before = sum * tokens / all;
    sum += part;
    out.push_back(static_cast<int>(sum * tokens / all - before));
  }
  return out;
}

/// Tokens [first, first + count) of `chunk` appended to `text`.
void AppendTokens(const ChosenTokens& chunk, int first, int count, ChosenTokens* text) {
  for (int t = first; t < first + count; ++t) {
    const auto i = static_cast<std::size_t>(t);
    for (std::uint32_t j = i > 0 ? chunk.end[i - 1] : 0; j < chunk.end[i]; ++j)
      text->experts.push_back(chunk.experts[j]);
    text->end.push_back(static_cast<std::uint32_t>(text->experts.size()));
  }
}

/// Adds `weight` to the share of each token's number of experts, tokens [first, first + count).
void AddShares(const ChosenTokens& text, std::size_t first, std::size_t count, double weight,
               std::vector<double>* share) {
  for (std::size_t t = first; t < first + count; ++t) {
    const std::size_t experts = text.end[t] - (t > 0 ? text.end[t - 1] : 0);
    if (share->size() <= experts) share->resize(experts + 1);
    (*share)[experts] += weight;
  }
}

/// Adds a share of `counts` that is in proportion to them.
void AddInProportion(double share, const std::vector<double>& counts, std::vector<double>* to) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  if (to->size() < counts.size()) to->resize(counts.size());
  for (std::size_t j = 0; j < counts.size(); ++j) (*to)[j] += share * counts[j] / all;
}

}  // namespace

ChoiceLoads::ChoiceLoads(const LoadShape& shape, const SyntheticOptions& options, int moe_layers,
                         std::uint64_t seed, const RunControl& control)
    : TableLoads(shape, MixOf(options), seed),
      options_(options),
      gate_{shape.experts, shape.top_k, shape.groups, shape.top_groups} {
  CheckShape(shape);
  CheckAffinity(options.affinity);
  if (options.chunk.tokens > 0 && options.sequence_length % options.chunk.tokens != 0) {
    throw InputError(fmt::format("routing: chunks of {} tokens do not divide sequences of {}",
                                 options.chunk.tokens, options.sequence_length));
  }
  chunks_ = ChunkLengths(shape, 0);
  if (!chunks_.empty() && std::int64_t{chunks_.front()} * shape.top_k < shape.experts) {
    throw InputError(
        fmt::format("routing: chunks of {} tokens have none for some of {} experts, expected {} or more",
                    chunks_.front(), shape.experts, CeilDiv(shape.experts, shape.top_k)));
  }
  const int drawn = std::min(moe_layers, kDrawnLayers);
  for (int l = 0; l < drawn; ++l) {
    control.Tell(static_cast<double>(l) / drawn);
    drawn_.push_back(DrawLayer(l, control));
  }
  for (int l = 0; l < moe_layers; ++l) {
    renumber_.push_back(l < kDrawnLayers ? KeepExperts(gate_.experts) : ShuffleRanks(shape, seed, l));
    tables_.push_back(Renumbered(drawn_[static_cast<std::size_t>(l % kDrawnLayers)].table, renumber_.back()));
  }
}

std::vector<int> ChoiceLoads::ChunkLengths(const LoadShape& physical, int rank) const {
  const int gpu = physical.MicroBatchTokensOf(rank), all = physical.TokensOf(rank);
  const int sequence = options_.chunk.tokens > 0 ? options_.chunk.tokens : options_.sequence_length;
  const int chunk = options_.chunk.over == ChoiceChunk::Over::kMicroBatch ? gpu : sequence;
  std::vector<int> lengths;
  for (int first = 0; first < all; first += gpu) {
    const int end = std::min(gpu, all - first);
    for (int start = 0; start < end; start += chunk) lengths.push_back(std::min(chunk, end - start));
  }
  return lengths;
}

/// Rows that the experts take of a rank's micro-batch.
double ChoiceLoads::RowsOf(const LoadShape& physical, int rank) const {
  double rows = 0;
  for (const int tokens : ChunkLengths(physical, rank))
    rows += double{1} * gate_.experts * ChoiceCapacity(tokens, gate_.top_k, gate_.experts);
  return rows;
}

/// Of one rank, where all are alike.
double ChoiceLoads::RowsPerToken(const LoadShape& physical) const {
  if (physical.tokens_of_rank.empty()) return RowsOf(physical, 0) / std::max(1, physical.tokens_per_rank);
  double rows = 0;
  for (int rank = 0; rank < physical.ranks; ++rank) rows += RowsOf(physical, rank);
  return rows / static_cast<double>(std::max(std::int64_t{1}, physical.Tokens()));
}

/// The length of a measured chunk. Where the true chunk is longer, it is one of which every expert takes a
/// whole number of tokens.
int ChoiceLoads::MeasuredTokens() const {
  const int chunk = chunks_.empty() ? 1 : chunks_.front();
  const int unit = gate_.experts / std::gcd(gate_.experts, gate_.top_k);
  return std::min(chunk, std::max(unit, kMeasuredChunk / unit * unit));
}

/// Over the global batch: finds the thresholds at which loads are even over the mix of the measured text, and
/// lets them take its tokens.
void ChoiceLoads::MeasureBatch(FastNormal& normal, Drawn* drawn) const {
  ChunkText text(drawn->router);
  for (int d = 0; d < options_.affinity.domains; ++d) {
    for (int i = 0; i < options_.measured_documents; ++i) text.Append(d, RoutedText::kDocumentTokens, normal);
  }
  drawn->threshold = ChoiceThresholds(gate_.experts, static_cast<double>(gate_.top_k) / gate_.experts,
                                      mix().share, text.affinity());
  TakeTokens(gate_.experts, text.tokens(), drawn->threshold, text.affinity(), &drawn->text);
  const std::size_t each = drawn->text.end.size() / mix().share.size();
  for (std::size_t d = 0; d < mix().share.size(); ++d)
    AddShares(drawn->text, d * each, each, mix().share[d] / static_cast<double>(each), &drawn->token_share);
}

std::vector<int> ChoiceLoads::MeasuredParts(RandomStream* random) const {
  const int sequence = std::min(options_.sequence_length, shape().MicroBatchTokens());
  return Shrink(PartsOf(options_, sequence, chunks_.front(), *random), MeasuredTokens());
}

/// Measures chunks in which one part is of `domain` and the others are of the mix. The first tokens of that
/// part are counted. A token picked from the mix lies in such a chunk of its domain; so chunks weighted by
/// the share of their domain are chunks of the mix, and all of their tokens together have exactly the experts
/// that chose them.
void ChoiceLoads::MeasureDomain(int domain, RandomStream* random, FastNormal& normal,
                                const RunControl& control, Drawn* drawn) const {
  const int wanted = WantedTokens(), tokens = MeasuredTokens();
  ChunkText text(drawn->router);
  ChosenTokens chosen;
  std::vector<double> experts;
  for (int counted = 0; counted < wanted;) {
    control.Check();
    const std::vector<int> parts = MeasuredParts(random);
    int at = static_cast<int>(random->Below(static_cast<std::uint64_t>(tokens))), first = 0, mine = 0;
    text.Clear();
    for (const int part : parts) {
      const bool here = at >= 0 && at < part;
      if (here) first = text.tokens(), mine = part;
      text.Append(here ? domain : DrawItem(mix().share, *random), part, normal);
      at -= part;
    }
    ChooseTokens(gate_.experts, tokens, ChoiceCapacity(tokens, gate_.top_k, gate_.experts), text.affinity(),
                 &chosen);
    AddShares(chosen, 0, chosen.end.size(), 1, &experts);
    const int count = std::min({mine, kCounted, wanted - counted});
    AppendTokens(chosen, first, count, &drawn->text);
    counted += count;
  }
  AddInProportion(mix().share[static_cast<std::size_t>(domain)], experts, &drawn->token_share);
}

/// Where documents are short, a chunk holds many of them. Then all its parts are of the mix, and the tokens
/// of every domain are counted, at most kCounted of each, until the rarest domain has enough.
void ChoiceLoads::MeasureMix(RandomStream* random, FastNormal& normal, const RunControl& control,
                             Drawn* drawn) const {
  const int wanted = WantedTokens(), tokens = MeasuredTokens();
  const std::size_t domains = mix().share.size();
  std::vector<ChosenTokens> of(domains);
  ChunkText text(drawn->router);
  ChosenTokens chosen;
  std::vector<std::size_t> domain_of;
  std::vector<double> experts;
  for (std::size_t full = 0; full < domains;) {
    control.Check();
    text.Clear(), domain_of.clear();
    for (const int part : MeasuredParts(random)) {
      const int domain = DrawItem(mix().share, *random);
      text.Append(domain, part, normal);
      domain_of.insert(domain_of.end(), static_cast<std::size_t>(part), static_cast<std::size_t>(domain));
    }
    ChooseTokens(gate_.experts, tokens, ChoiceCapacity(tokens, gate_.top_k, gate_.experts), text.affinity(),
                 &chosen);
    AddShares(chosen, 0, chosen.end.size(), 1, &experts);
    std::vector<int> counted(domains);
    for (std::size_t t = 0; t < domain_of.size(); ++t) {
      ChosenTokens& mine = of[domain_of[t]];
      if (static_cast<int>(mine.end.size()) == wanted || ++counted[domain_of[t]] > kCounted) continue;
      AppendTokens(chosen, static_cast<int>(t), 1, &mine);
      full += static_cast<int>(mine.end.size()) == wanted;
    }
  }
  for (const ChosenTokens& mine : of) AppendTokens(mine, 0, wanted, &drawn->text);
  AddInProportion(1, experts, &drawn->token_share);
}

int ChoiceLoads::WantedTokens() const { return options_.measured_documents * RoutedText::kDocumentTokens; }

/// Whether the parts of measured chunks are so short that one of them has fewer tokens than may be counted.
bool ChoiceLoads::HasShortParts() const {
  const double documents = (options_.fewest_documents + options_.most_documents) / 2.0;
  const double sequences =
      double{1} * chunks_.front() / std::min(options_.sequence_length, shape().MicroBatchTokens());
  return MeasuredTokens() < kCounted * documents * sequences;
}

ChoiceLoads::Drawn ChoiceLoads::DrawLayer(int layer, const RunControl& control) const {
  Drawn out{DrawRouterLayer(options_.affinity, gate_.experts, seed(), layer), {}, {}, {}, {}};
  RandomStream random(seed(), "expert choice", {static_cast<std::uint64_t>(layer)});
  FastNormal normal(RandomStream(seed(), "chosen text", {static_cast<std::uint64_t>(layer)}));
  if (options_.chunk.over == ChoiceChunk::Over::kBatch) {
    MeasureBatch(normal, &out);
  } else if (HasShortParts()) {
    MeasureMix(&random, normal, control, &out);
  } else {
    for (int d = 0; d < options_.affinity.domains; ++d) MeasureDomain(d, &random, normal, control, &out);
  }
  out.table = Measure(out.text, shape(), SlotMap::Contiguous(gate_.experts));
  return out;
}

/// With chunks within a rank every expert has the same number of rows, whatever the text. How many tokens
/// reach ranks and nodes is as measured.
LoadTable ChoiceLoads::Measure(const ChosenTokens& text, const LoadShape& physical,
                               const SlotMap& map) const {
  const AffinityParameters& a = options_.affinity;
  LoadTable t = MeasureLoads(physical, map, gate_, a.domains, text.Selection(), a.token, a.document);
  if (options_.chunk.over != ChoiceChunk::Over::kBatch) SetEvenRows(physical, map, &t);
  return t;
}

void ChoiceLoads::SetEvenRows(const LoadShape& physical, const SlotMap& map, LoadTable* t) const {
  const double rows = RowsPerToken(physical);
  const auto shared = static_cast<double>(map.slots_of.size()) - gate_.experts;
  std::fill(t->rows_mean.begin(), t->rows_mean.end(), static_cast<float>(rows + shared));
  for (auto* v : {&t->rows_noise, &t->rows_document, &t->slot_noise, &t->slot_document})
    std::fill(v->begin(), v->end(), 0.0f);
  for (std::size_t e = 0; e < map.slots_of.size(); ++e) {
    const bool chooses = e < static_cast<std::size_t>(gate_.experts);
    const double each = (chooses ? rows / gate_.experts : 1.0) / static_cast<double>(map.slots_of[e].size());
    for (const std::uint16_t slot : map.slots_of[e]) {
      for (std::size_t d = 0; d < static_cast<std::size_t>(t->domains); ++d)
        t->slot[d * static_cast<std::size_t>(t->slots) + slot] = static_cast<float>(each);
    }
  }
}

const LoadTable& ChoiceLoads::Table(int layer) const { return tables_.at(static_cast<std::size_t>(layer)); }

LoadTable ChoiceLoads::TableOn(int layer, const LoadShape& physical, const SlotMap& map) const {
  return Measure(drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers)).text, physical,
                 DrawnSlots(map, renumber_.at(static_cast<std::size_t>(layer))));
}

void ChoiceLoads::SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap& map, int layer,
                           int micro_batch, int group, ExchangeLoad* load) const {
  if (LoadSampler::HasFewTokens(physical))
    return SampleExactlyOn(physical, map, layer, micro_batch, group, load);
  if (physical.tokens_of_rank.empty() || options_.chunk.over == ChoiceChunk::Over::kBatch)
    return TableLoads::SampleOn(table, physical, map, layer, micro_batch, group, load);
  // How many rows experts take follows from the chunks, which differ where ranks do.
  LoadTable ragged = table;
  SetEvenRows(physical, map, &ragged);
  TableLoads::SampleOn(ragged, physical, map, layer, micro_batch, group, load);
}

void ChoiceLoads::SampleExactlyOn(const LoadShape& physical, const SlotMap& map, int layer, int micro_batch,
                                  int group, ExchangeLoad* load) const {
  const Drawn& drawn = drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers));
  const SlotMap slots_of = DrawnSlots(map, renumber_.at(static_cast<std::size_t>(layer)));
  std::vector<TextDocument> documents;
  DrawDocuments(mix(), physical, seed(), micro_batch, group, &documents);
  FastNormal normal(RandomStream(seed(), "choosing exactly",
                                 {static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(micro_batch),
                                  static_cast<std::uint64_t>(group)}));
  ExchangeCounter counter(physical, load);
  ChunkText text(drawn.router);
  ChosenTokens chosen;
  std::vector<std::uint16_t> slots;
  std::size_t next = 0;
  for (int rank = 0; rank < physical.ranks; ++rank) {
    int document_left = 0;
    for (const int tokens : ChunkLengths(physical, rank)) {
      text.Clear();
      while (text.tokens() < tokens) {
        if (document_left == 0) document_left = documents[next++].tokens;
        const int part = std::min(document_left, tokens - text.tokens());
        text.Append(documents[next - 1].domain, part, normal);
        document_left -= part;
      }
      if (drawn.threshold.empty()) {
        ChooseTokens(gate_.experts, tokens, ChoiceCapacity(tokens, gate_.top_k, gate_.experts),
                     text.affinity(), &chosen);
      } else {
        TakeTokens(gate_.experts, tokens, drawn.threshold, text.affinity(), &chosen);
      }
      for (std::uint32_t t = 0; t < static_cast<std::uint32_t>(tokens); ++t) {
        SlotsOf(chosen.Selection(), slots_of, gate_.experts, t, t, &slots);
        counter.Add(rank, slots);
      }
    }
  }
}

std::vector<double> ChoiceLoads::ExpertsPerToken(int layer) const {
  return drawn_.at(static_cast<std::size_t>(layer % kDrawnLayers)).token_share;
}

std::string ChoiceLoads::Describe() const {
  const ChoiceChunk& c = options_.chunk;
  const std::string over = c.over == ChoiceChunk::Over::kBatch        ? "the global batch"
                           : c.over == ChoiceChunk::Over::kMicroBatch ? "each rank's micro-batch"
                           : c.tokens > 0 ? fmt::format("chunks of {} tokens", c.tokens)
                                          : "each sequence";
  return fmt::format(
      "expert-choice over {}: synthetic router, {} domains of sd {:g}, {} to {} documents a sequence of {} "
      "tokens",
      over, options_.affinity.domains, options_.affinity.domain, options_.fewest_documents,
      options_.most_documents, options_.sequence_length);
}

}  // namespace orrery::models
