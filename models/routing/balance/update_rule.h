// What acts on the loads of experts while a model trains.
#pragma once

namespace orrery::models {

/// What changes a router after each batch. c is the number of tokens an expert got, f = c / mean(c)
/// (arXiv 2408.15664).
enum class UpdateRule {
  kSign,            ///< b += u * sign(mean - c)
  kProportional,    ///< b += u * (1 - f): the error relative to the mean, since the paper states no scale
  kMultiplicative,  ///< selection by s * b, b from 1; b += u * sign(mean - c)
  kAuxiliaryLoss,   ///< b approaches -feedback * (f - 1) over about a hundred batches: a loss trains the
                    ///< router itself
  kNone,
};

/// Strengths of losses that count loads over part of the mix. In equilibrium an expert's logit is lowered by
/// the sum of each feedback times the excess that its loss counts.
struct LossPullWeights {
  double expert = 0;         ///< of an expert's load
  double device = 0;         ///< of its group's mean load
  double communication = 0;  ///< of the tokens that reach its group
  /// Documents whose loads the loss counts together: a token's own domain weighs 1 / documents, the mix the
  /// rest. It is a mean over ranks and steps, so it need not be whole.
  double documents = 1;

  bool any() const { return expert > 0 || device > 0 || communication > 0; }
};

}  // namespace orrery::models
