#include "scenarios/training/loads.h"

#include <algorithm>
#include <cmath>

#include "core/units.h"

namespace orrery::scenarios {
namespace {

RankLoad LoadOf(const models::ExchangeLoad& exchange, int rank, int experts_per_rank, std::int64_t alignment) {
  const auto r = static_cast<std::size_t>(rank);
  RankLoad load;
  for (int e = rank * experts_per_rank; e < (rank + 1) * experts_per_rank; ++e) {
    load.rows += static_cast<std::int32_t>(RoundUp(exchange.expert_rows[static_cast<std::size_t>(e)], alignment));
  }
  load.unique = exchange.unique_rows[r];
  load.scale_out = std::max(exchange.scale_out_sent[r], exchange.scale_out_received[r]);
  load.scale_up = std::max(exchange.scale_up_sent[r], exchange.scale_up_received[r]);
  return load;
}

RankLoad MeanOf(const RankLoad* loads, int count) {
  std::int64_t rows = 0, unique = 0, out = 0, up = 0;
  for (int r = 0; r < count; ++r) {
    rows += loads[r].rows;
    unique += loads[r].unique;
    out += loads[r].scale_out;
    up += loads[r].scale_up;
  }
  const auto mean = [count](std::int64_t sum) { return static_cast<std::int32_t>((sum + count / 2) / count); };
  return {mean(rows), mean(unique), mean(out), mean(up)};
}

}  // namespace

StepLoads::StepLoads(const models::LoadSource& source, int layers, int micro_batches, int groups,
                     std::int64_t row_alignment, bool balanced, bool fold)
    : groups_(groups) {
  const models::LoadShape& shape = source.shape();
  const int ranks = shape.ranks;
  ranks_ = fold ? 1 : ranks;
  const auto exchanges = static_cast<std::size_t>(layers) * static_cast<std::size_t>(micro_batches) * static_cast<std::size_t>(groups);
  loads_.reserve(exchanges * static_cast<std::size_t>(ranks_));
  std::vector<RankLoad> ranks_of_one(static_cast<std::size_t>(ranks));
  models::ExchangeLoad exchange;
  double rows = 0, squares = 0, unique = 0, out = 0, up = 0, excess = 0;
  for (int layer = 0; layer < layers; ++layer) {
    for (int mb = 0; mb < micro_batches; ++mb) {
      for (int group = 0; group < groups; ++group) {
        source.Sample(layer, mb, group, &exchange);
        std::int32_t fullest = 0;
        for (int r = 0; r < ranks; ++r) {
          RankLoad& load = ranks_of_one[static_cast<std::size_t>(r)];
          load = LoadOf(exchange, r, shape.experts / ranks, row_alignment);
          fullest = std::max(fullest, load.rows);
          squares += static_cast<double>(load.rows) * load.rows;
        }
        const RankLoad mean = MeanOf(ranks_of_one.data(), ranks);
        rows += mean.rows;
        unique += mean.unique;
        out += mean.scale_out;
        up += mean.scale_up;
        excess += mean.rows > 0 ? static_cast<double>(fullest) / mean.rows - 1 : 0;
        if (balanced || fold) std::fill(ranks_of_one.begin(), ranks_of_one.end(), mean);
        max_rows_ = std::max(max_rows_, balanced || fold ? mean.rows : fullest);
        loads_.insert(loads_.end(), ranks_of_one.begin(), ranks_of_one.begin() + ranks_);
      }
    }
  }
  if (exchanges == 0) return;
  const auto n = static_cast<double>(exchanges);
  mean_ = {static_cast<std::int32_t>(rows / n), static_cast<std::int32_t>(unique / n), static_cast<std::int32_t>(out / n),
           static_cast<std::int32_t>(up / n)};
  hottest_excess_ = excess / n;
  const double mean_rows = rows / n;
  row_deviation_ = mean_rows > 0 ? std::sqrt(std::max(0.0, squares / (n * ranks) - mean_rows * mean_rows)) / mean_rows : 0;
}

}  // namespace orrery::scenarios
