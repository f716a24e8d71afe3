// MLA carried out on small matrices, to show what the shapes claim: absorbing W^UK into the query and W^UV into the
// output changes nothing, and absorbing through a rotation that differs from key to key changes the result.
//
// One sequence, queries at positions [context, context + queries). Row vectors: rows are tokens.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

namespace orrery::models {

struct MlaSizes {
  int heads = 3;
  int head_dim = 6;  ///< d_h; even, so that it can be rotated
  int rope_dim = 4;  ///< d_h^R; even
  int v_dim = 5;
  int latent = 8;  ///< d_c; even
  int context = 11;
  int queries = 2;
};

struct MlaCase {
  MlaSizes sizes;
  std::vector<Eigen::MatrixXd> query;       ///< per head [queries, d_h], before any rotation
  std::vector<Eigen::MatrixXd> query_rope;  ///< per head [queries, d_h^R], before rotation
  Eigen::MatrixXd latents;                  ///< [context, d_c]: the cache
  Eigen::MatrixXd key_rope;                 ///< [context, d_h^R]: the shared key, before rotation
  std::vector<Eigen::MatrixXd> up_key;      ///< per head W^UK [d_c, d_h]
  std::vector<Eigen::MatrixXd> up_value;    ///< per head W^UV [d_c, d_v]
};

/// Standard normal entries from the named stream "mla-numerics".
MlaCase RandomMlaCase(const MlaSizes& sizes, std::uint64_t seed);

/// Rows rotated pairwise by RoPE (base 10000), row r at position `first` + r.
Eigen::MatrixXd Rotated(const Eigen::MatrixXd& rows, int first);

/// Outputs [queries, heads * d_v] of each way to compute.
/// Keys and values up-projected per head; decoupled RoPE.
Eigen::MatrixXd MaterialisedOutput(const MlaCase& c);
/// Queries and outputs absorbed, one shared head of d_c + d_h^R; decoupled RoPE.
Eigen::MatrixXd AbsorbedOutput(const MlaCase& c);
/// RoPE on each head's up-projected key, nothing decoupled: the reference of the design "RoPE re-applied".
Eigen::MatrixXd RopeOnKeysOutput(const MlaCase& c);
/// The same absorbed as if the rotations were not there to stand between W^UK and the query: rotated query times
/// W^UK against the plain latents. Wrong, which is why MLA decouples RoPE.
Eigen::MatrixXd RopeBeforeAbsorptionOutput(const MlaCase& c);
/// RoPE on the latent: absorbed queries and latents both rotated; [context + queries] shifted by `shift`
/// positions.
Eigen::MatrixXd RopeOnLatentOutput(const MlaCase& c, int shift);

/// Largest absolute difference over the largest absolute entry of `a`.
double RelativeDifference(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b);

}  // namespace orrery::models
