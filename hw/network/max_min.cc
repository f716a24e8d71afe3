#include "hw/network/max_min.h"

#include <algorithm>

#include "core/base/error.h"

namespace orrery::hw {
namespace {

std::size_t At(std::int32_t i) { return static_cast<std::size_t>(i); }

}  // namespace

MaxMinSolver::MaxMinSolver(const FlowNetwork& network) : network_(network) {
  const std::size_t links = network.capacity.size(), flows = At(network.flows());
  for (double c : network.capacity) ORRERY_CHECK(c > 0, "a link without capacity");
  active_.assign(flows, 1);
  settled_.assign(flows, 0);
  rate_.assign(flows, 0);
  left_.assign(links, 0);
  unsettled_.assign(links, 0);
  active_on_link_.assign(links, 0);
  flows_start_.assign(links + 1, 0);
  for (std::int32_t link : network.links) ++flows_start_[At(link) + 1];
  for (std::size_t l = 0; l < links; ++l) flows_start_[l + 1] += flows_start_[l];
  flows_of_link_.resize(network.links.size());
  std::vector<std::int32_t> next(flows_start_.begin(), flows_start_.end() - 1);
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    ORRERY_CHECK(network.start[At(f)] < network.start[At(f) + 1], "a flow without a link");
    for (std::int32_t e = network.start[At(f)]; e < network.start[At(f) + 1]; ++e) {
      const std::size_t link = At(network.links[At(e)]);
      flows_of_link_[At(next[link]++)] = f;
      active_on_link_[link] += network.Times(e);
    }
  }
}

void MaxMinSolver::Remove(std::int32_t flow) {
  ORRERY_CHECK(active(flow), "a flow finishes once");
  active_[At(flow)] = 0;
  for (std::int32_t e = network_.start[At(flow)]; e < network_.start[At(flow) + 1]; ++e) {
    active_on_link_[At(network_.links[At(e)])] -= network_.Times(e);
  }
}

template <bool kFolded>
void MaxMinSolver::SettleFlow(std::int32_t flow, double share) {
  rate_[At(flow)] = share;
  settled_[At(flow)] = 1;
  for (std::int32_t e = network_.start[At(flow)]; e < network_.start[At(flow) + 1]; ++e) {
    const std::size_t link = At(network_.links[At(e)]);
    const std::int32_t times = kFolded ? network_.times[At(e)] : 1;
    left_[link] -= kFolded ? share * times : share;
    unsettled_[link] -= times;
  }
}

void MaxMinSolver::Settle(std::int32_t link, double share) {
  const bool folded = !network_.times.empty();
  for (std::int32_t i = flows_start_[At(link)]; i < flows_start_[At(link) + 1]; ++i) {
    const std::int32_t flow = flows_of_link_[At(i)];
    if (settled_[At(flow)]) continue;
    if (folded)
      SettleFlow<true>(flow, share);
    else
      SettleFlow<false>(flow, share);
  }
}

const std::vector<double>& MaxMinSolver::Solve() {
  std::fill(rate_.begin(), rate_.end(), 0.0);
  for (std::size_t f = 0; f < active_.size(); ++f) settled_[f] = active_[f] == 0;
  left_ = network_.capacity;
  unsettled_ = active_on_link_;
  heap_.clear();
  for (std::size_t l = 0; l < left_.size(); ++l) {
    if (unsettled_[l] == 0) continue;
    heap_.push_back({left_[l] / static_cast<double>(unsettled_[l]), static_cast<std::int32_t>(l)});
  }
  std::make_heap(heap_.begin(), heap_.end());
  double level = 0;
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const HeapEntry top = heap_.back();
    heap_.pop_back();
    const std::int64_t flows = unsettled_[At(top.link)];
    if (flows == 0) continue;
    // Rounding may leave a share a hair under the level already filled; shares never fall.
    const double share = std::max(left_[At(top.link)] / static_cast<double>(flows), level);
    if (share > top.share && !heap_.empty() && share > heap_.front().share) {
      heap_.push_back({share, top.link});
      std::push_heap(heap_.begin(), heap_.end());
      continue;
    }
    level = share;
    Settle(top.link, share);
  }
  return rate_;
}

}  // namespace orrery::hw
