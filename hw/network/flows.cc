#include "hw/network/flows.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "hw/network/fold.h"

namespace orrery::hw {
namespace {

std::size_t At(std::int32_t i) { return static_cast<std::size_t>(i); }

/// Disjoint sets of links.
class LinkSets {
 public:
  explicit LinkSets(std::size_t links) : parent_(links) { std::iota(parent_.begin(), parent_.end(), 0); }
  std::int32_t Find(std::int32_t l) {
    while (parent_[At(l)] != l) l = parent_[At(l)] = parent_[At(parent_[At(l)])];
    return l;
  }
  void Join(std::int32_t a, std::int32_t b) {
    a = Find(a), b = Find(b);
    parent_[At(std::max(a, b))] = std::min(a, b);
  }

 private:
  std::vector<std::int32_t> parent_;
};

/// Flows that share links, directly or through others, as a network of their own.
struct Component {
  FlowNetwork network;
  std::vector<std::int32_t> flows;  ///< of the whole network
};

std::vector<Component> Components(const FlowNetwork& network) {
  LinkSets sets(network.capacity.size());
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    const std::int32_t begin = network.start[At(f)], end = network.start[At(f) + 1];
    ORRERY_CHECK(begin < end, "a flow without a link");
    for (std::int32_t e = begin + 1; e < end; ++e) sets.Join(network.links[At(begin)], network.links[At(e)]);
  }
  std::vector<std::int32_t> number(network.capacity.size(), -1), local(network.capacity.size(), -1);
  std::vector<Component> components;
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    std::int32_t& n = number[At(sets.Find(network.links[At(network.start[At(f)])]))];
    if (n < 0) {
      n = static_cast<std::int32_t>(components.size());
      components.emplace_back();
    }
    Component& component = components[At(n)];
    component.flows.push_back(f);
    for (std::int32_t e = network.start[At(f)]; e < network.start[At(f) + 1]; ++e) {
      const std::size_t link = At(network.links[At(e)]);
      if (local[link] < 0) {
        local[link] = static_cast<std::int32_t>(component.network.capacity.size());
        component.network.capacity.push_back(network.capacity[link]);
      }
      component.network.links.push_back(local[link]);
      if (!network.times.empty()) component.network.times.push_back(network.times[At(e)]);
    }
    component.network.EndFlow();
  }
  return components;
}

/// Runs one component to its end; `left` are the bytes of its flows.
class ComponentRun {
 public:
  ComponentRun(const FlowNetwork& network, std::vector<double> left, double batch_seconds)
      : solver_(network), left_(std::move(left)), done_(left_.size(), 0), batch_(batch_seconds) {
    for (std::int32_t f = 0; f < network.flows(); ++f) {
      ORRERY_CHECK(left_[At(f)] >= 0, "a flow of negative size");
      if (left_[At(f)] > 0)
        active_.push_back(f);
      else
        solver_.Remove(f);
    }
  }

  const std::vector<double>& Run() {
    while (!active_.empty()) Advance(solver_.Solve());
    return done_;
  }
  std::int64_t solves() const { return solves_; }

 private:
  /// To the next end, and `batch_` beyond it.
  void Advance(const std::vector<double>& rate) {
    ++solves_;
    double next = std::numeric_limits<double>::infinity();
    for (std::int32_t f : active_) next = std::min(next, left_[At(f)] / rate[At(f)]);
    const double step = next + batch_;
    const double tie = step + 1e-12 * (now_ + step);  // flows that end together end in one solve
    const auto ends = [&](std::int32_t f) {
      const double needed = left_[At(f)] / rate[At(f)];
      if (needed > tie) {
        left_[At(f)] -= rate[At(f)] * step;
        return false;
      }
      done_[At(f)] = now_ + needed;
      solver_.Remove(f);
      return true;
    };
    active_.erase(std::remove_if(active_.begin(), active_.end(), ends), active_.end());
    now_ += step;
  }

  MaxMinSolver solver_;
  std::vector<double> left_, done_;
  std::vector<std::int32_t> active_;
  double batch_ = 0, now_ = 0;
  std::int64_t solves_ = 0;
};

FlowResult RunComponents(const FlowNetwork& network, const std::vector<double>& sizes, double batch_seconds) {
  FlowResult result;
  result.completion_seconds.resize(sizes.size());
  result.classes = network.flows();
  for (const Component& component : Components(network)) {
    std::vector<double> own;
    for (std::int32_t f : component.flows) own.push_back(sizes[At(f)]);
    ComponentRun run(component.network, std::move(own), batch_seconds);
    const std::vector<double>& done = run.Run();
    for (std::size_t i = 0; i < done.size(); ++i) result.completion_seconds[At(component.flows[i])] = done[i];
    result.solves += run.solves();
    ++result.components;
  }
  return result;
}

/// For each link the added capacity of the distinct `witness` links of its flows.
std::vector<double> WitnessCapacity(const FlowNetwork& network, const std::vector<std::int32_t>& witness) {
  std::vector<std::pair<std::int32_t, std::int32_t>> pairs;  // (link, witness)
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    for (std::int32_t e = network.start[At(f)] + 1; e + 1 < network.start[At(f) + 1]; ++e) {
      pairs.emplace_back(network.links[At(e)], witness[At(f)]);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  std::vector<double> sum(network.capacity.size(), 0);
  for (const auto& [link, w] : pairs) sum[At(link)] += network.capacity[At(w)];
  return sum;
}

}  // namespace

FlowNetwork WithoutAmpleLinks(const FlowNetwork& network) {
  std::vector<std::int32_t> first, last;
  std::vector<char> keep(network.capacity.size(), 0);
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    first.push_back(network.links[At(network.start[At(f)])]);
    last.push_back(network.links[At(network.start[At(f) + 1] - 1)]);
    keep[At(first.back())] = keep[At(last.back())] = 1;
  }
  const std::vector<double> in = WitnessCapacity(network, first), out = WitnessCapacity(network, last);
  constexpr double kRounding = 1 + 1e-12;
  FlowNetwork slim;
  slim.capacity = network.capacity;
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    for (std::int32_t e = network.start[At(f)]; e < network.start[At(f) + 1]; ++e) {
      const std::size_t link = At(network.links[At(e)]);
      if (!keep[link] && std::min(in[link], out[link]) <= network.capacity[link] * kRounding) continue;
      slim.links.push_back(network.links[At(e)]);
    }
    slim.EndFlow();
  }
  return slim;
}

FlowResult SimulateFlows(const FlowNetwork& network, const std::vector<double>& sizes,
                         const FlowOptions& options) {
  ORRERY_CHECK(sizes.size() == At(network.flows()), "one size a flow");
  ORRERY_CHECK(network.times.empty(), "a folded network stands for another");
  ORRERY_CHECK(options.batch_seconds >= 0, "a negative batch");
  const FlowNetwork slim = WithoutAmpleLinks(network);
  const std::optional<FoldedNetwork> folded = options.fold ? Fold(slim, sizes) : std::nullopt;
  FlowResult result;
  if (folded) {
    std::vector<double> class_sizes;
    for (std::int32_t f : folded->first_flow) class_sizes.push_back(sizes[At(f)]);
    result = RunComponents(folded->network, class_sizes, options.batch_seconds);
    std::vector<double> all;
    for (std::int32_t c : folded->flow_class) all.push_back(result.completion_seconds[At(c)]);
    result.completion_seconds = std::move(all);
  } else {
    result = RunComponents(slim, sizes, options.batch_seconds);
  }
  for (double t : result.completion_seconds) result.makespan_seconds = std::max(result.makespan_seconds, t);
  return result;
}

}  // namespace orrery::hw
