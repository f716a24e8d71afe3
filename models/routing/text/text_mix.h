// What text the ranks of an expert-parallel group hold in one micro-batch: documents of some domain, packed into
// sequences. The same for every layer of the micro-batch, as it is in training.
#pragma once

#include <cstdint>
#include <vector>

#include "models/routing/load_source.h"

namespace orrery::models {

struct TextMix {
  std::vector<double> share;   ///< [domains], sums to 1
  int sequence_length = 4096;  ///< tokens; a rank holds tokens_per_rank / sequence_length of them
  int fewest_documents = 1;    ///< documents packed into a sequence, drawn evenly in [fewest, most];
  int most_documents = 4;      ///< a sequence's documents are of equal length
};

struct TextDocument {
  int rank = 0, domain = 0, tokens = 0;
  bool kept = false;  ///< of a sequence that is never dropped
  int alike = 1;      ///< documents of the same sequence and domain that this stands for, `tokens` each
};

/// The documents of one micro-batch, rank by rank; each rank's add up to tokens_per_rank. `shape` says which
/// share of sequences is never dropped.
void DrawDocuments(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch, int group,
                   std::vector<TextDocument>* documents);

/// The same in distribution, for counting: of a sequence of more than kMostSingleDocuments documents those of
/// one domain and length stand together, and are drawn together.
void DrawDocumentCounts(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch,
                        int group, std::vector<TextDocument>* documents);
constexpr int kMostSingleDocuments = 64;

}  // namespace orrery::models
