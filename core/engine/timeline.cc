#include "core/engine/timeline.h"

#include <algorithm>

namespace orrery {

std::uint32_t Timeline::TaskOf(const SpanRef& ref) const {
  const auto& tasks = lanes_[Index(ref.rank, ref.stream)].tasks;
  const auto after =
      std::upper_bound(tasks.begin(), tasks.end(), ref.index,
                       [](std::uint32_t index, const auto& task) { return index < task.first; });
  ORRERY_CHECK(after != tasks.begin(), "a span before the first task of its lane");
  return std::prev(after)->second;
}

SpanRef Timeline::Last() const {
  SpanRef last;
  std::int64_t end = -1;
  for (int rank = 0; rank < ranks_; ++rank) {
    for (int stream = 0; stream < streams_; ++stream) {
      const std::vector<Span>& lane = Lane(rank, stream);
      if (lane.empty() || lane.back().end() <= end) continue;
      end = lane.back().end();
      last = {rank, stream, static_cast<std::uint32_t>(lane.size() - 1)};
    }
  }
  return last;
}

std::size_t Timeline::spans() const {
  std::size_t count = 0;
  for (const LaneSpans& lane : lanes_) count += lane.spans.size();
  return count;
}

}  // namespace orrery
