#include "models/routing/text/text_mix.h"

#include <algorithm>
#include <climits>

#include "core/base/random.h"
#include "models/routing/text/multinomial.h"

namespace orrery::models {
namespace {

/// One sequence: its rank, tokens and documents.
struct Sequence {
  int rank = 0, tokens = 0;
  bool kept = false;
  int documents = 0;
};

void DrawOneByOne(const TextMix& mix, const Sequence& s, RandomStream& random,
                  std::vector<TextDocument>* documents) {
  for (int i = 0; i < s.documents; ++i) {
    const auto edge = [&](int j) { return static_cast<int>(std::int64_t{s.tokens} * j / s.documents); };
    documents->push_back({s.rank, DrawItem(mix.share, random), edge(i + 1) - edge(i), s.kept});
  }
}

/// The documents of a sequence have two lengths that differ by a token. Draws how many of each length are of
/// each domain.
void DrawTogether(const TextMix& mix, const Sequence& s, RandomStream& random,
                  std::vector<TextDocument>* documents) {
  std::vector<std::int64_t> counts(mix.share.size());
  const int longer = s.tokens % s.documents;
  for (const int longer_by : {0, 1}) {
    DrawMultinomial(longer_by == 1 ? longer : s.documents - longer, mix.share, random, counts);
    for (std::size_t d = 0; d < counts.size(); ++d) {
      if (counts[d] > 0)
        documents->push_back({s.rank, static_cast<int>(d), s.tokens / s.documents + longer_by, s.kept,
                              static_cast<int>(counts[d])});
    }
  }
}

void Draw(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch, int group,
          int most_single, std::vector<TextDocument>* documents) {
  RandomStream random(seed, "documents",
                      {static_cast<std::uint64_t>(micro_batch), static_cast<std::uint64_t>(group)});
  RandomStream keep(seed, "never dropped",
                    {static_cast<std::uint64_t>(micro_batch), static_cast<std::uint64_t>(group)});
  const auto choices = static_cast<std::uint64_t>(mix.most_documents - mix.fewest_documents + 1);
  documents->clear();
  for (int rank = 0; rank < shape.ranks; ++rank) {
    const int tokens = shape.TokensOf(rank), of_gpu = shape.MicroBatchTokensOf(rank);
    for (int first = 0; first < tokens; first += of_gpu) {
      for (int left = std::min(of_gpu, tokens - first); left > 0; left -= mix.sequence_length) {
        Sequence s{rank, std::min(left, mix.sequence_length), false, 0};
        s.kept = shape.never_dropped > 0 && keep.Uniform() < shape.never_dropped;
        s.documents = std::min(s.tokens, mix.fewest_documents + static_cast<int>(random.Below(choices)));
        (s.documents > most_single ? DrawTogether : DrawOneByOne)(mix, s, random, documents);
      }
    }
  }
}

}  // namespace

void DrawDocuments(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch, int group,
                   std::vector<TextDocument>* documents) {
  Draw(mix, shape, seed, micro_batch, group, INT_MAX, documents);
}

void DrawDocumentCounts(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch,
                        int group, std::vector<TextDocument>* documents) {
  Draw(mix, shape, seed, micro_batch, group, kMostSingleDocuments, documents);
}

}  // namespace orrery::models
