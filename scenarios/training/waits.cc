#include "scenarios/training/waits.h"

#include <algorithm>
#include <cstddef>

#include "core/base/error.h"
#include "scenarios/training/span_words.h"

namespace orrery::scenarios {
namespace {

constexpr int kExchangeStream = 1;

}  // namespace

std::vector<ExchangeWait> ExchangeWaits(const Timeline& timeline, int pipeline_ranks, int micro_batches) {
  std::vector<ExchangeWait> waits;
  const int group = timeline.ranks() / pipeline_ranks;
  for (int rank = 0; rank < pipeline_ranks; ++rank) {
    // All ranks of a group run one program, so that spans of one index are of one exchange.
    const std::vector<Span>& first = timeline.Lane(rank * group, kExchangeStream);
    for (std::size_t i = 0; i < first.size(); ++i) {
      ExchangeWait wait;
      wait.pipeline_rank = rank;
      const SpanWork work = SpanWorkOf(first[i], micro_batches);
      wait.unit = work.unit;
      wait.part = work.part;
      wait.moe_layer = work.moe_layer;
      wait.micro_batch = work.micro_batch;
      wait.start = first[i].start();
      std::int64_t latest = -1;
      for (int place = 0; place < group; ++place) {
        const Span& span = timeline.Lane(rank * group + place, kExchangeStream)[i];
        ORRERY_CHECK(span.price() == first[i].price() && span.instance() == first[i].instance(),
                     "ranks of an exchange group run different programs");
        wait.waited += span.start() - span.ready();
        wait.longest = std::max(wait.longest, span.start() - span.ready());
        if (span.ready() <= latest) continue;
        latest = span.ready();
        wait.last = place;
      }
      waits.push_back(wait);
    }
  }
  return waits;
}

WaitSums SumWaits(const std::vector<ExchangeWait>& waits, int pipeline_ranks, int group_size, int layers,
                  int micro_batches) {
  const auto n = [](int count) { return static_cast<std::size_t>(count); };
  WaitSums sums;
  sums.by_layer.resize(n(layers));
  sums.by_micro_batch.resize(n(micro_batches));
  sums.by_last.assign(n(pipeline_ranks), std::vector<double>(n(group_size)));
  sums.times_last.assign(n(pipeline_ranks), std::vector<int>(n(group_size)));
  for (const ExchangeWait& wait : waits) {
    const double seconds = static_cast<double>(wait.waited) * 1e-12;
    sums.by_layer[n(wait.moe_layer)] += seconds;
    sums.by_micro_batch[n(wait.micro_batch)] += seconds;
    sums.by_last[n(wait.pipeline_rank)][n(wait.last)] += seconds;
    ++sums.times_last[n(wait.pipeline_rank)][n(wait.last)];
  }
  return sums;
}

}  // namespace orrery::scenarios
