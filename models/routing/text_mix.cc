#include "models/routing/text_mix.h"

#include <algorithm>

#include "core/random.h"

namespace orrery::models {
namespace {

int DrawDomain(const std::vector<double>& share, RandomStream& random) {
  double x = random.Uniform();
  std::size_t d = 0;
  while (d + 1 < share.size() && x >= share[d]) x -= share[d++];
  return static_cast<int>(d);
}

/// One sequence of `tokens`: its documents, equal up to rounding.
void DrawSequence(const TextMix& mix, int rank, int tokens, bool kept, RandomStream& random,
                  std::vector<TextDocument>* documents) {
  const auto choices = static_cast<std::uint64_t>(mix.most_documents - mix.fewest_documents + 1);
  const int count = std::min(tokens, mix.fewest_documents + static_cast<int>(random.Below(choices)));
  for (int i = 0; i < count; ++i) {
    const auto edge = [&](int j) { return static_cast<int>(std::int64_t{tokens} * j / count); };
    documents->push_back({rank, DrawDomain(mix.share, random), edge(i + 1) - edge(i), kept});
  }
}

}  // namespace

void DrawDocuments(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch, int group,
                   std::vector<TextDocument>* documents) {
  RandomStream random(seed, "documents",
                      {static_cast<std::uint64_t>(micro_batch), static_cast<std::uint64_t>(group)});
  RandomStream keep(seed, "never dropped",
                    {static_cast<std::uint64_t>(micro_batch), static_cast<std::uint64_t>(group)});
  documents->clear();
  for (int rank = 0; rank < shape.ranks; ++rank) {
    for (int first = 0; first < shape.tokens_per_rank; first += shape.MicroBatchTokens()) {
      for (int left = shape.MicroBatchTokens(); left > 0; left -= mix.sequence_length) {
        DrawSequence(mix, rank, std::min(left, mix.sequence_length),
                     shape.never_dropped > 0 && keep.Uniform() < shape.never_dropped, random, documents);
      }
    }
  }
}

}  // namespace orrery::models
