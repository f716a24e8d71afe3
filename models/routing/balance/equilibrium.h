// The selection biases of an equilibrium: those at which the loads of experts are what a strategy, or a
// record, says. Training reaches it in time (dynamics/); here it is solved for.
//
// An expert e of a token of domain d is selected by its affinity plus a bias
//
//   b[d][e] = common[e] + own[d][e].
//
// Each of these parts is held by one condition on loads f, which are 1 where balanced and are counted over
// the mix for the common part, over the domain for an own part:
//
//   target   f[e] = w[e]
//   losses   part[e] = -c * (a1 * (f[e] - 1) + a2 * (f_group - 1) + a3 * (reach_group - 1))
//
// Loss-free biases have the target w = 1 over the mix, recorded loads have w as recorded in a domain.
// a1, a2 and a3 are BalanceRule's feedbacks, f_group is the mean load of the expert's group, reach_group the
// tokens that reach the group over the even number, and c the share of what a loss counts that belongs to the
// part: with losses over n documents 1 / n for the token's own domain and 1 - 1 / n for the mix. A loss over
// a batch counts the mix alone, so that nothing remains of the own parts.
//
// The second condition is a surrogate. A loss trains the router itself; here its logits give way in
// proportion.
#pragma once

#include <span>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/balance/strategy.h"
#include "models/routing/sampling/load_table.h"

namespace orrery::models {

struct ConvergedBiases {
  std::vector<float> bias;  ///< [experts], or [domains][experts] of a strategy that PullsDomains
  /// How far loads are from the equilibrium at these biases, in loads (1 is balanced): the largest over
  /// experts, or the root mean square where a record is imitated.
  double distance = 0;
  /// What of that is no more than whole tokens and the solver's closeness. Beyond it no biases were found
  /// that come nearer: none may exist, as where many tokens have the same affinities.
  double tolerance = 0;
  bool converged() const { return distance <= tolerance; }
};

/// The biases that a strategy leads to over domains in `share`. Zero where nothing moves them.
ConvergedBiases ConvergedBias(const RoutedText& text, std::span<const double> share, const BalanceRule& rule,
                              const RunControl& control = {});

/// The biases [experts] under which the text of one domain selects experts as often as `load` (mean 1) says:
/// to within one selection an expert of the text (root mean square), or as near as the search comes. A load
/// of 0 is never quite reached, nor one in which an expert takes part in every token.
ConvergedBiases BiasesOfLoads(const RoutedText& text, int domain, std::span<const double> load,
                              const RunControl& control = {});

}  // namespace orrery::models
