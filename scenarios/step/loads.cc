#include "scenarios/step/loads.h"

#include <algorithm>
#include <cmath>

#include "core/base/units.h"

namespace orrery::scenarios {
namespace {

/// A rank's tokens come from every rank of the group, through every GPU of its own node (V3 report 3.2.2: over
/// InfiniBand to the GPU of the same index, from there over NVLink). All of them interleave their receivers, so the
/// rank has its last token when the busiest sender and the busiest forwarder of its node have sent theirs.
struct Busiest {
  std::int32_t sender = 0;
  std::vector<std::int32_t> received, forwarded;  ///< [node]
};

Busiest BusiestOf(const models::ExchangeLoad& exchange, const models::LoadShape& shape) {
  Busiest busiest;
  const auto nodes = static_cast<std::size_t>(CeilDiv(shape.ranks, shape.ranks_per_node));
  busiest.received.resize(nodes);
  busiest.forwarded.resize(nodes);
  for (std::size_t r = 0; r < static_cast<std::size_t>(shape.ranks); ++r) {
    const std::size_t node = r / static_cast<std::size_t>(shape.ranks_per_node);
    busiest.sender = std::max(busiest.sender, exchange.scale_out_sent[r]);
    busiest.received[node] = std::max(busiest.received[node], exchange.scale_out_received[r]);
    busiest.forwarded[node] = std::max(busiest.forwarded[node], exchange.scale_up_sent[r]);
  }
  return busiest;
}

RankLoad LoadOf(const models::ExchangeLoad& exchange, const Busiest& busiest, const models::LoadShape& shape,
                int rank, std::int64_t alignment) {
  const auto r = static_cast<std::size_t>(rank);
  const auto node = static_cast<std::size_t>(rank / shape.ranks_per_node);
  const int experts_per_rank = shape.experts / shape.ranks;
  RankLoad load;
  for (int e = rank * experts_per_rank; e < (rank + 1) * experts_per_rank; ++e) {
    const std::int32_t rows = exchange.expert_rows[static_cast<std::size_t>(e)];
    load.rows += static_cast<std::int32_t>(RoundUp(rows, alignment));
    load.idle_experts += rows == 0 ? 1 : 0;
  }
  load.unique = exchange.unique_rows[r];
  load.scale_out = std::max(busiest.sender, busiest.received[node]);
  load.scale_up = std::max(busiest.forwarded[node], exchange.scale_up_received[r]);
  return load;
}

}  // namespace

RankLoad WithoutRows(const RankLoad& even, double dropped, double rows_per_node) {
  const double kept = 1 - dropped;
  // Of two rows that a token has on a rank both must be kept for it to count there once more than once.
  const double again = std::max(0, even.rows - even.unique);
  const double unique = even.unique > 0 ? kept + dropped * kept * again / even.unique : 1;
  const double nodes = 1 - std::pow(dropped, rows_per_node);
  const auto scaled = [](std::int32_t n, double by) {
    return static_cast<std::int32_t>(std::lround(n * by));
  };
  return {scaled(even.rows, kept), scaled(even.unique, std::min(1.0, unique)), scaled(even.scale_out, nodes),
          scaled(even.scale_up, std::min(1.0, unique))};
}

StepLoads::StepLoads(const models::LoadSource& source, int layers, int micro_batches, int groups,
                     std::int64_t row_alignment, const RunControl& control)
    : groups_(groups), ranks_(source.shape().ranks) {
  const models::LoadShape& shape = source.shape();
  std::vector<RankLoad> ranks(static_cast<std::size_t>(shape.ranks));
  loads_.reserve(static_cast<std::size_t>(layers) * static_cast<std::size_t>(micro_batches) *
                 static_cast<std::size_t>(groups) * static_cast<std::size_t>(ranks_));
  models::ExchangeLoad exchange;
  double dropped = 0, asked = 0;
  for (int layer = 0; layer < layers; ++layer) {
    for (int mb = 0; mb < micro_batches; ++mb) {
      control.Check();
      for (int group = 0; group < groups; ++group) {
        source.Sample(layer, mb, group, &exchange);
        dropped += static_cast<double>(exchange.dropped_rows);
        for (const std::int32_t rows : exchange.expert_rows) asked += rows;
        const Busiest busiest = BusiestOf(exchange, shape);
        for (int r = 0; r < shape.ranks; ++r) {
          ranks[static_cast<std::size_t>(r)] = LoadOf(exchange, busiest, shape, r, row_alignment);
        }
        loads_.insert(loads_.end(), ranks.begin(), ranks.end());
      }
    }
  }
  dropped_share_ = dropped > 0 ? dropped / (asked + dropped) : 0;
  Summarise();
}

StepLoads::StepLoads(int groups, int ranks, std::vector<RankLoad> loads)
    : groups_(groups), ranks_(ranks), loads_(std::move(loads)) {
  Summarise();
}

StepLoads StepLoads::Even(const RankLoad& load) {
  StepLoads loads(1, 1, {load});
  loads.even_ = true;
  return loads;
}

void StepLoads::Summarise() {
  const auto ranks = static_cast<std::size_t>(ranks_);
  const std::size_t exchanges = loads_.size() / ranks;
  if (exchanges == 0) return;
  double rows = 0, squares = 0, unique = 0, out = 0, up = 0, excess = 0;
  for (std::size_t i = 0; i < exchanges; ++i) {
    double sum = 0;
    std::int32_t fullest = 0;
    for (std::size_t r = 0; r < ranks; ++r) {
      const RankLoad& load = loads_[i * ranks + r];
      sum += load.rows;
      squares += static_cast<double>(load.rows) * load.rows;
      unique += load.unique;
      out += load.scale_out;
      up += load.scale_up;
      fullest = std::max(fullest, load.rows);
      max_idle_experts_ = std::max(max_idle_experts_, load.idle_experts);
    }
    rows += sum;
    excess += sum > 0 ? fullest * static_cast<double>(ranks) / sum - 1 : 0;
    max_rows_ = std::max(max_rows_, fullest);
  }
  const auto n = static_cast<double>(loads_.size());
  const auto whole = [n](double total) { return static_cast<std::int32_t>(std::lround(total / n)); };
  mean_ = {whole(rows), whole(unique), whole(out), whole(up)};
  hottest_excess_ = excess / static_cast<double>(exchanges);
  const double mean_rows = rows / n;
  row_deviation_ =
      mean_rows > 0 ? std::sqrt(std::max(0.0, squares / n - mean_rows * mean_rows)) / mean_rows : 0;
}

}  // namespace orrery::scenarios
