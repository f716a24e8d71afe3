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
  /// Of a loss over experts. In equilibrium an expert's bias is -feedback * (load - 1): the pull of the loss
  /// grows with the overload that it leaves. The unit is a sigmoid's affinity. A loss moves logits; the slope
  /// of a softmax is smaller, so there the same pull is worth less affinity.
  double feedback = 0;
  double device_feedback = 0;         ///< kV2Losses: the same of a group's mean load
  double communication_feedback = 0;  ///< kV2Losses: the same of the tokens that reach a group
  /// Documents over which the loss counts loads together: those of a sequence (kLossFreePlus, kV2Losses) or
  /// of a micro-batch (kMicroBatchLoss). A token's own domain weighs 1 / documents in the pull on its
  /// experts, the mix the rest.
  double documents = 1;
  bool updated =
      true;  ///< kLossFree, kLossFreePlus: false where the update rate is 0, so that no bias ever moves
};

/// Whether `strategy` leads to biases that differ by domain. A loss over less than the mix teaches the router
/// such.
bool PullsDomains(Strategy strategy);

}  // namespace orrery::models
