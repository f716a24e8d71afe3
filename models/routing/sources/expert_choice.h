// Expert choice (Zhou et al., arXiv 2202.09368): each expert takes its best tokens of a chunk, so that every
// expert has the same load by construction and a token has any number of experts, none included. Whether an
// expert takes a token depends on later tokens of the chunk, so a causal model can be neither trained
// honestly nor served with it (arXiv 2408.15664, section 5 and appendix D): it is here for comparison.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/sampling/load_table.h"

namespace orrery::models {

/// What experts choose over.
struct ChoiceChunk {
  enum class Over {
    kTokens,      ///< `tokens` consecutive tokens of a sequence; 0: the whole sequence
    kMicroBatch,  ///< the tokens of a rank
    kBatch,       ///< the global batch: in the limit an expert takes what passes a fixed affinity
  };
  Over over = Over::kTokens;
  int tokens = 0;
  bool operator==(const ChoiceChunk&) const = default;
};

/// Tokens that each expert takes of a chunk of `tokens`: tokens * top_k / experts, rounded up.
int ChoiceCapacity(int tokens, int top_k, int experts);

/// Lower bound of what a token's choice of experts tells about later tokens, bits a token and layer:
/// K log2((1 - R) / R) with R = K / experts (arXiv 2408.15664, appendix D); 0 at half the experts and above.
double ChoiceLeakBits(int top_k, int experts);

/// The experts that chose each token.
struct ChosenTokens {
  std::vector<std::uint16_t> experts;  ///< ascending within a token
  std::vector<std::uint32_t> end;      ///< [tokens] end of each token's experts
  TextSelection Selection() const { return {0, experts, end}; }
};

/// Routes one chunk: each expert takes the `capacity` tokens of highest affinity, of equals the first ones.
/// `affinity` is whole blocks of kLanes tokens [blocks][experts][kLanes] of which the first `tokens` count;
/// finite. Exact.
void ChooseTokens(int experts, int tokens, int capacity, std::span<const float> affinity,
                  ChosenTokens* chosen);

/// The same by fixed thresholds [experts]: an expert takes every token that reaches its own.
void TakeTokens(int experts, int tokens, std::span<const float> threshold, std::span<const float> affinity,
                ChosenTokens* chosen);

/// The affinity that share `taken` of a weighted text reaches, one expert at a time: `affinity` is blocks of
/// `weight.size()` equal parts, each weighing weight[i] (sum 1). [experts]
std::vector<float> ChoiceThresholds(int experts, double taken, std::span<const double> weight,
                                    std::span<const float> affinity);

}  // namespace orrery::models
