// Shapes of published gates, and how uneven a converged router leaves one, for tests and campaigns.
#pragma once

#include <vector>

#include "models/routing/balance/balance_stats.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {

inline const LoadShape kV3{256, 64, 8, 4096, 8, 8, 4};

/// CV of the mix and mean CV of a domain in one layer.
struct Spread {
  double mix = 0, domain = 0;
};

inline Spread SpreadOf(const SyntheticOptions& options, const LoadShape& shape = kV3) {
  const SyntheticLoads loads(shape, options, 1, 3);
  Spread out{Balance(loads.GlobalLoads(0)).cv, 0};
  const LoadTable& t = loads.Table(0);
  const auto slots = static_cast<std::size_t>(t.slots);
  for (std::size_t d = 0; d < static_cast<std::size_t>(t.domains); ++d) {
    const std::vector<double> load(t.slot.begin() + static_cast<std::ptrdiff_t>(d * slots),
                                   t.slot.begin() + static_cast<std::ptrdiff_t>((d + 1) * slots));
    out.domain += Balance(load).cv / t.domains;
  }
  return out;
}

/// Gates of published models whose affinities are a softmax over few and over many experts.
inline const LoadShape kMixtral{8, 8, 8, 4096, 2, 1, 1};
inline const LoadShape kV2{160, 8, 8, 4096, 6, 8, 3};
inline const LoadShape kQwen3{128, 64, 8, 4096, 8, 1, 1};

}  // namespace orrery::models
