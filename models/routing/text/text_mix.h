// The text that the ranks of an expert-parallel group hold in one micro-batch: documents, each of one domain,
// packed into sequences. Every layer of the micro-batch sees the same text, as it does in training.
#pragma once

#include <cstdint>
#include <vector>

#include "models/routing/load_source.h"

namespace orrery::models {

struct TextMix {
  std::vector<double> share;   ///< [domains], sums to 1
  int sequence_length = 4096;  ///< tokens; a rank holds its tokens / sequence_length of them
  int fewest_documents = 1;    ///< documents packed into a sequence, drawn evenly in [fewest, most];
  int most_documents = 4;      ///< a sequence's documents are of equal length
};

/// What a shift of the text turns the mix of domains into.
enum class DomainShift {
  kReversed,  ///< the same domains in reverse order of share
  kOne,       ///< the rarest domain alone
};

struct TextDocument {
  int rank = 0, domain = 0, tokens = 0;
  bool kept = false;  ///< the document is of a sequence that is never dropped
  int alike = 1;      ///< how many documents of the same sequence and domain this stands for, `tokens` each
};

/// The documents of one micro-batch, rank by rank; a rank's documents add up to shape.TokensOf(rank). `shape`
/// says which share of sequences is never dropped.
void DrawDocuments(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch, int group,
                   std::vector<TextDocument>* documents);

/// The same in distribution, for counting. In a sequence of more than kMostSingleDocuments documents, those
/// of one domain and length stand together as one entry and are drawn together.
void DrawDocumentCounts(const TextMix& mix, const LoadShape& shape, std::uint64_t seed, int micro_batch,
                        int group, std::vector<TextDocument>* documents);
constexpr int kMostSingleDocuments = 64;

}  // namespace orrery::models
