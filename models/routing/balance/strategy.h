// How a router is kept balanced once it has converged.
#pragma once

#include <string>
#include <vector>

#include "core/config/document.h"

namespace orrery::models {

enum class Strategy {
  kBalanced,      ///< uniform experts, for reference
  kLossFree,      ///< biases moved until the global load is even (arXiv 2408.15664)
  kSequenceLoss,  ///< auxiliary loss over each sequence: domains stay alike, the global load is not even
  kBatchLoss,     ///< auxiliary loss over a batch: domains differ, the global load is not even
  kNone,          ///< nothing
  kLossFreePlus,  ///< loss-free with a complementary sequence-wise loss (DeepSeek-V3 report 2.1.2 eq. 17-20)
  kMicroBatchLoss,  ///< auxiliary loss over each rank's micro-batch
  kV2Losses,        ///< expert-, device- and communication-level losses (DeepSeek-V2 report 2.2.3)
  kExpertChoice,    ///< experts choose tokens (expert_choice.h)
};

const std::vector<std::string>& StrategyNames();
std::string StrategyName(Strategy s);
Strategy ReadStrategy(const Value& value);

struct BalanceRule {
  Strategy strategy = Strategy::kLossFree;
  /// Of the losses over experts: at the equilibrium an expert's bias is -feedback * (load - 1): the pull of
  /// the loss grows with the overload it leaves. In sigmoid affinities; a loss moves logits, so for a softmax
  /// the same pull is worth less affinity, as its slope is less.
  double feedback = 0;
  double device_feedback = 0;         ///< kV2Losses: the same of a group's mean load
  double communication_feedback = 0;  ///< kV2Losses: the same of the tokens that reach a group
  /// Documents that the loss counts loads over together: a token's domain weighs 1 / documents in what its
  /// experts are pulled by, the mix the rest. kLossFreePlus: of a sequence; kMicroBatchLoss: of a
  /// micro-batch.
  double documents = 1;
  bool updated = true;  ///< kLossFree, kLossFreePlus: else no bias ever moves, as at an update rate of 0
};

/// Whether `strategy` leads to biases that differ by domain: a loss on less than the mix teaches the router
/// so.
bool PullsDomains(Strategy strategy);

}  // namespace orrery::models
