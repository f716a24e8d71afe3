// What a simulation sees of sampled exchanges, for tests and campaigns.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "models/routing/load_source.h"

namespace orrery::models {

inline double Sum(const std::vector<std::int32_t>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
inline double Most(const std::vector<std::int32_t>& v) { return *std::max_element(v.begin(), v.end()); }

inline std::vector<double> RankRows(const LoadShape& shape, const ExchangeLoad& load) {
  std::vector<double> rows(static_cast<std::size_t>(shape.ranks));
  const std::size_t each = static_cast<std::size_t>(shape.experts / shape.ranks);
  for (std::size_t e = 0; e < load.expert_rows.size(); ++e) rows[e / each] += load.expert_rows[e];
  return rows;
}

/// Means over several micro-batches of what a simulation sees: totals and the hottest of each.
struct Summary {
  double excess = 0, expert_cv = 0, unique = 0, hottest_unique = 0, out = 0, hottest_out = 0,
         hottest_out_received = 0;
  double up = 0, hottest_up = 0, hottest_up_received = 0;
};

template <class Draw>
Summary Summarise(const LoadShape& shape, int layers, int micro_batches, Draw draw) {
  Summary s;
  ExchangeLoad load;
  const double n = layers * micro_batches, mean = double(shape.tokens_per_rank) * shape.top_k;
  for (int i = 0; i < layers * micro_batches; ++i) {
    draw(i % layers, i / layers, &load);
    const std::vector<double> rank = RankRows(shape, load);
    s.excess += (*std::max_element(rank.begin(), rank.end()) / mean - 1) / n;
    for (double rows : load.expert_rows)
      s.expert_cv += std::pow(rows * shape.experts / (mean * shape.ranks) - 1, 2) / shape.experts / n;
    s.unique += Sum(load.unique_rows) / n, s.hottest_unique += Most(load.unique_rows) / n;
    s.out += Sum(load.scale_out_sent) / n, s.hottest_out += Most(load.scale_out_sent) / n;
    s.hottest_out_received += Most(load.scale_out_received) / n;
    s.up += Sum(load.scale_up_sent) / n, s.hottest_up += Most(load.scale_up_sent) / n;
    s.hottest_up_received += Most(load.scale_up_received) / n;
  }
  s.expert_cv = std::sqrt(s.expert_cv);
  return s;
}

}  // namespace orrery::models
