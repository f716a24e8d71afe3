// Max-min fair rates of flows over shared links.
//
// Water filling: the link with the smallest equal share (capacity left over flows not yet settled) is saturated; its
// flows get that share, which is taken off the other links they cross; and so on. Shares of the remaining links
// never fall, so a heap that corrects a stale entry when it surfaces suffices: O(entries + links log links) mostly.
#pragma once

#include <cstdint>
#include <vector>

namespace orrery::hw {

/// Flows over links, compressed by rows. Row f of `links` from start[f] to start[f + 1] is the way of flow f; a link
/// stands at most once in a row. `times`, if not empty, says how many flows alike f cross that link, where f stands
/// for a class of equal flows and the link for a class of equal links (see fold.h).
struct FlowNetwork {
  std::vector<double> capacity;        ///< [links] bytes per second, above zero
  std::vector<std::int32_t> start{0};  ///< [flows + 1]
  std::vector<std::int32_t> links;     ///< [entries]
  std::vector<std::int32_t> times;     ///< [entries] or empty

  std::int32_t flows() const { return static_cast<std::int32_t>(start.size()) - 1; }
  std::int32_t Times(std::int32_t entry) const {
    return times.empty() ? 1 : times[static_cast<std::size_t>(entry)];
  }
  /// Closes the row of a flow whose links have been appended.
  void EndFlow() { start.push_back(static_cast<std::int32_t>(links.size())); }
};

/// Solves one network again and again while flows finish. Keeps a reference to it: the network outlives the
/// solver.
class MaxMinSolver {
 public:
  /// Aborts if a flow has no link or a capacity is not positive.
  explicit MaxMinSolver(const FlowNetwork& network);

  /// Takes a finished flow out of all later solves.
  void Remove(std::int32_t flow);
  bool active(std::int32_t flow) const { return active_[static_cast<std::size_t>(flow)] != 0; }

  /// Rates of all active flows in bytes per second, 0 for the others. Valid until the next call.
  const std::vector<double>& Solve();

 private:
  struct HeapEntry {
    double share;
    std::int32_t link;
    bool operator<(const HeapEntry& o) const {  // std heaps have the largest on top
      return share != o.share ? share > o.share : link > o.link;
    }
  };
  void Settle(std::int32_t link, double share);
  template <bool kFolded>
  void SettleFlow(std::int32_t flow, double share);

  const FlowNetwork& network_;
  std::vector<std::int32_t> flows_start_, flows_of_link_;  // the transpose
  std::vector<std::int64_t> active_on_link_;               // flows, counted `times`
  std::vector<char> active_, settled_;
  std::vector<double> left_, rate_;
  std::vector<std::int64_t> unsettled_;
  std::vector<HeapEntry> heap_;
};

}  // namespace orrery::hw
