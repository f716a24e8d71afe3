#include "scenarios/training/rebalancing.h"

#include <algorithm>
#include <numeric>

#include "core/base/units.h"

namespace orrery::scenarios {
namespace {

constexpr int kRearrangements = 3;  // compared, at most: the mean stands for all

/// Bytes through each port of each rank.
struct Ports {
  explicit Ports(int ranks)
      : out_sent(static_cast<std::size_t>(ranks)),
        out_received(out_sent),
        up_sent(out_sent),
        up_received(out_sent) {}

  void Add(const models::ExpertMoves::Port& moves, double bytes) {
    for (std::size_t r = 0; r < out_sent.size(); ++r) {
      out_sent[r] += moves.scale_out_sent[r] * bytes;
      out_received[r] += moves.scale_out_received[r] * bytes;
      up_sent[r] += moves.scale_up_sent[r] * bytes;
      up_received[r] += moves.scale_up_received[r] * bytes;
    }
  }

  Ports& operator+=(const Ports& other) {
    for (std::size_t r = 0; r < out_sent.size(); ++r) {
      out_sent[r] += other.out_sent[r], out_received[r] += other.out_received[r];
      up_sent[r] += other.up_sent[r], up_received[r] += other.up_received[r];
    }
    return *this;
  }

  /// Every rank's the mean of all.
  void Level() {
    for (auto* port : {&out_sent, &out_received, &up_sent, &up_received}) {
      const double sum = std::accumulate(port->begin(), port->end(), 0.0);
      std::fill(port->begin(), port->end(), sum / static_cast<double>(port->size()));
    }
  }

  std::vector<double> out_sent, out_received, up_sent, up_received;
};

/// Seconds until the last rank has sent and received all; both ports work side by side, both ways at once.
double Seconds(const Ports& p, const hw::PointToPoint& link, double stretch) {
  double worst = 0;
  for (std::size_t r = 0; r < p.out_sent.size(); ++r) {
    const double out = std::max(p.out_sent[r], p.out_received[r]),
                 up = std::max(p.up_sent[r], p.up_received[r]);
    if (out > 0)
      worst = std::max(worst, out / link.rate(hw::Reach::kCrossLeaf).value * stretch +
                                  orrery::Seconds(link.latency(hw::Reach::kCrossLeaf)));
    if (up > 0)
      worst = std::max(
          worst, up / link.rate(hw::Reach::kNode).value + orrery::Seconds(link.latency(hw::Reach::kNode)));
  }
  return worst;
}

double Busiest(const Ports& p) {
  double most = 0;
  for (std::size_t r = 0; r < p.out_sent.size(); ++r)
    most = std::max({most, p.out_sent[r] + p.up_sent[r], p.out_received[r] + p.up_received[r]});
  return most;
}

}  // namespace

ExpertBytes BytesOfExpert(const Scenario& s, int stage_copies) {
  // As models/memory/memory.cc keeps them (V3 report 3.3.2, 3.3.3).
  const double parameters = 3.0 * static_cast<double>(s.model.hidden) * s.model.moe->intermediate;
  const double copies =
      std::max(1.0, static_cast<double>(s.parallelism.data) * stage_copies / s.parallelism.expert);
  return {s.fp8 ? parameters * (1 + 4.0 / (128 * 128)) : 2 * parameters, 4 * parameters,
          8 * parameters / (s.parallelism.zero > 0 ? copies : 1), 4 * parameters / copies,
          2 * parameters / copies};
}

ReplicaTime PriceReplicas(const ExpertBytes& bytes, const std::vector<models::ExpertMoves::Port>& chains,
                          const hw::PointToPoint& link, double stretch, bool even) {
  if (chains.empty()) return {};
  const auto seconds = [&](double of_expert) {
    Ports ports(static_cast<int>(chains.front().scale_up_sent.size()));
    for (const models::ExpertMoves::Port& layer : chains) ports.Add(layer, of_expert);
    if (even) ports.Level();
    return Seconds(ports, link, stretch);
  };
  return {seconds(bytes.gradient_shard), seconds(bytes.parameter_shard)};
}

RebalanceReport PriceRebalancing(const Scenario& s, const models::LoadSource& loads,
                                 const std::vector<std::vector<int>>& moe_layers, int stage_copies,
                                 const hw::PointToPoint& link, double stretch) {
  RebalanceReport report;
  const int every = loads.placement().replanned_every;
  if (every == 0) return report;
  const models::LoadShape& shape = loads.shape();
  const ExpertBytes bytes = BytesOfExpert(s, stage_copies);
  const int in_step = s.MicroBatches();
  const int periods = std::clamp(static_cast<int>(CeilDiv(in_step, every)) - 1, 1, kRearrangements);
  // Of in_step / gcd rearrangements one falls between two steps, where no gradients are under way.
  const double between = static_cast<double>(std::gcd(every, in_step)) / in_step;
  int layers = 0;
  double seconds = 0;
  for (int period = 1; period <= periods; ++period) {
    double worst_between = 0, worst_within = 0;
    for (const std::vector<int>& of_rank : moe_layers) {
      Ports ports(shape.ranks), gradients(shape.ranks);
      for (const int layer : of_rank) {
        const models::ExpertMoves moves =
            models::MovesBetween(loads.PlacementAt(layer, (period - 1) * every),
                                 loads.PlacementAt(layer, period * every), shape.ranks, shape.ranks_per_node);
        ports.Add(moves.weights, bytes.weights);
        ports.Add(moves.state, bytes.state);
        gradients.Add(moves.gradients, bytes.gradients);
        report.copies_per_layer += moves.copies;
        ++layers;
      }
      worst_between = std::max(worst_between, Seconds(ports, link, stretch));
      if (between < 1) ports += gradients;
      worst_within = std::max(worst_within, Seconds(ports, link, stretch));
      report.busiest_bytes = std::max(report.busiest_bytes, Busiest(ports));
    }
    seconds += (between * worst_between + (1 - between) * worst_within) / periods;
  }
  report.per_step = static_cast<double>(in_step) / every;
  report.copies_per_layer /= std::max(1, layers);
  report.each_s = seconds;
  return report;
}

}  // namespace orrery::scenarios
