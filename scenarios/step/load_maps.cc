#include "scenarios/step/load_maps.h"

#include <cstdint>
#include <numeric>

namespace orrery::scenarios {
namespace {

/// Divides every row of the map by its mean.
void OverTheMeanOfRows(HeatMap* map) {
  for (int row = 0; row < map->rows; ++row) {
    double sum = 0;
    for (int c = 0; c < map->columns; ++c) sum += map->At(row, c);
    for (int c = 0; sum > 0 && c < map->columns; ++c) map->At(row, c) *= map->columns / sum;
  }
}

HeatMap Empty(int rows, int columns) {
  return {rows, columns,
          std::vector<double>(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns))};
}

HeatMap Transposed(const HeatMap& map) {
  HeatMap turned = Empty(map.columns, map.rows);
  for (int r = 0; r < map.rows; ++r)
    for (int c = 0; c < map.columns; ++c) turned.At(c, r) = map.At(r, c);
  return turned;
}

}  // namespace

HeatMap ExpertLoads(const models::LoadSource& source, int layers, int micro_batches, int group,
                    const RunControl& control) {
  HeatMap map = Empty(layers, source.shape().experts);
  models::ExchangeLoad load;
  for (int layer = 0; layer < layers; ++layer) {
    control.Tell(static_cast<double>(layer) / layers, "counting the rows of experts");
    for (int mb = 0; mb < micro_batches; ++mb) {
      control.Check();
      source.Sample(layer, mb, group, &load);
      for (int e = 0; e < map.columns; ++e) map.At(layer, e) += load.expert_rows[static_cast<std::size_t>(e)];
    }
  }
  OverTheMeanOfRows(&map);
  return map;
}

HeatMap RankLoads(const models::LoadSource& source, int layer, int micro_batches, int group,
                  const RunControl& control) {
  const int ranks = source.shape().ranks, experts = source.shape().experts / ranks;
  HeatMap map = Empty(micro_batches, ranks);
  models::ExchangeLoad load;
  for (int mb = 0; mb < micro_batches; ++mb) {
    control.Tell(static_cast<double>(mb) / micro_batches, "counting the rows of ranks");
    source.Sample(layer, mb, group, &load);
    for (int r = 0; r < ranks; ++r) {
      const auto first = load.expert_rows.begin() + static_cast<std::ptrdiff_t>(r) * experts;
      map.At(mb, r) = std::accumulate(first, first + experts, 0.0);
    }
  }
  OverTheMeanOfRows(&map);
  return Transposed(map);
}

PairBytesByKind NormalPairs(int hidden, int top_k, bool fp8) {
  PairBytesByKind pairs{};
  for (std::size_t k = 0; k < pairs.size(); ++k)
    pairs[k] = hw::NormalPairBytes(static_cast<hw::ExchangeKind>(k), hidden, top_k, fp8);
  return pairs;
}

std::vector<PortBytes> ExchangeTraffic(const models::LoadSource& source, int layer, int micro_batch,
                                       int group, const PairBytesByKind& pairs) {
  models::ExchangeLoad load;
  source.Sample(layer, micro_batch, group, &load);
  double there = 0, back = 0;  // bytes of a pair, over all exchanges that go the same way
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    (hw::IsDispatch(static_cast<hw::ExchangeKind>(k)) ? there : back) +=
        static_cast<double>(pairs[k].wire.count);
  }
  const auto bytes = [&](std::int32_t sent, std::int32_t received) { return sent * there + received * back; };
  std::vector<PortBytes> ports;
  for (std::size_t r = 0; r < static_cast<std::size_t>(source.shape().ranks); ++r) {
    ports.push_back({bytes(load.scale_out_sent[r], load.scale_out_received[r]),
                     bytes(load.scale_out_received[r], load.scale_out_sent[r]),
                     bytes(load.scale_up_sent[r], load.scale_up_received[r]),
                     bytes(load.scale_up_received[r], load.scale_up_sent[r])});
  }
  return ports;
}

std::vector<PortBytes> StepTraffic(const models::LoadSource& source, int layers, int micro_batches, int group,
                                   const PairBytesByKind& pairs, const RunControl& control) {
  std::vector<PortBytes> sum(static_cast<std::size_t>(source.shape().ranks));
  for (int layer = 0; layer < layers; ++layer) {
    control.Tell(static_cast<double>(layer) / layers, "counting bytes through ports");
    for (int mb = 0; mb < micro_batches; ++mb) {
      control.Check();
      const std::vector<PortBytes> ports = ExchangeTraffic(source, layer, mb, group, pairs);
      for (std::size_t r = 0; r < sum.size(); ++r) {
        sum[r].scale_out_sent += ports[r].scale_out_sent;
        sum[r].scale_out_received += ports[r].scale_out_received;
        sum[r].scale_up_sent += ports[r].scale_up_sent;
        sum[r].scale_up_received += ports[r].scale_up_received;
      }
    }
  }
  return sum;
}

}  // namespace orrery::scenarios
