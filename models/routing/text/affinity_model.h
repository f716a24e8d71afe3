// The synthetic router: where affinities come from when no recorded loads are given.
//
//   logit[t,e] = z0 + expert*G[e] + domain_l*A[d,e] + document*Q[q,e] + token*(W u_t)[e]
//
// G, A, Q, W and u have unit variance.
//
// A share of the A may be outliers with a deviation of their own: a sequence-wise loss leaves a few experts
// far from the rest.
//
// G is an expert's lasting preference, A a domain's, Q a document's; the token term has `rank` factors u_t
// that follow an AR(1) process along the text, so neighbours reuse experts and pairs of experts co-activate.
// domain_l = domain * exp(spread * N(0,1)) differs by layer.
// Source of form and values: routing reference section 6, where `domain` was set from the per-domain CV of
// the 16B loads of the DeepSeek-V3 report (App. C Fig. 10), `correlation` and `rank` from V2-Lite token
// traces.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/gate/gate.h"
#include "models/routing/text/fast_normal.h"

namespace orrery::models {

struct AffinityParameters {
  double offset = -1.0;       ///< z0
  double expert = 0.5;        ///< sd of G
  double domain = 0.8;        ///< sd of A; 0.22-0.27 for a router trained with a sequence-wise loss
  double spread = 0.0;        ///< log-normal spread of `domain` over layers
  double document = 0.15;     ///< sd of Q
  double token = 1.0;         ///< sd of the token term
  int rank = 8;               ///< factors of the token term
  double correlation = 0.38;  ///< AR(1) coefficient along the text
  int student = 0;            ///< degrees of freedom of A; 0 is Gaussian, 5 gives R1's hot experts
  double outlier_share = 0;   ///< of a domain's experts whose affinity has outlier_sd instead of `domain`
  double outlier_sd = 0;
  int domains = 16;  ///< domains, mixed by Zipf(1)
  Affinity kind = Affinity::kSigmoid;
};

/// InputError when a parameter is out of range.
void CheckAffinity(const AffinityParameters& p);

/// Shares of the domains: 1/rank, normalised. Zipf's law with exponent 1.
std::vector<double> ZipfShares(int domains);

/// Affinities of one layer's router: its drawn factors.
struct RouterLayer {
  int experts = 0;
  int rank = 0;
  Affinity kind = Affinity::kSigmoid;
  double document = 0, token = 0, correlation = 0;  ///< of AffinityParameters
  std::vector<float> base;    ///< [domains][experts] logit without document and token terms
  std::vector<float> weight;  ///< [experts][rank] token * W
  /// [domains][experts] deviation each domain affinity was drawn with; empty where all have the same.
  std::vector<float> deviation;

  /// `out[experts]`: the logits' base for a document of `domain` (draws Q).
  void DocumentBase(int domain, FastNormal& normal, std::span<float> out) const;
  /// Affinities of `factor`'s block of kLanes tokens.
  void Block(std::span<const float> document_base, std::span<const float> factor, std::span<float> out) const;
};

/// A pure function of parameters, seed and layer.
RouterLayer DrawRouterLayer(const AffinityParameters& p, int experts, std::uint64_t seed, int layer);

/// The AR(1) factors of kLanes consecutive tokens at a time.
class TokenFactors {
 public:
  TokenFactors(int rank, double correlation) : rank_(rank), a_(static_cast<float>(correlation)) {}
  /// Forgets the text so far: the next token is the first of a document.
  void Restart() { fresh_ = true; }
  /// `out` [rank][kLanes].
  void Next(FastNormal& normal, std::span<float> out);

 private:
  int rank_;
  float a_;
  bool fresh_ = true;
  std::vector<float> last_;
};

}  // namespace orrery::models
