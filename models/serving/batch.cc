#include "models/serving/batch.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"

namespace orrery::models {
namespace {

/// One context for each request, in the order in which they came.
std::vector<std::int64_t> DrawContexts(const DecodeDemand& d) {
  const auto count = static_cast<std::size_t>(d.ranks) * static_cast<std::size_t>(d.requests_per_rank);
  std::vector<std::int64_t> contexts(count, d.contexts.mean);
  if (d.contexts.deviation == 0) return contexts;
  RandomStream random(d.seed, "contexts");
  const double variance = std::log1p(d.contexts.deviation * d.contexts.deviation);
  const double centre = std::log(static_cast<double>(d.contexts.mean)) - variance / 2;
  const double longest = d.contexts.longest > 0 ? static_cast<double>(d.contexts.longest) : 1e12;
  for (std::int64_t& context : contexts) {
    const double drawn = std::exp(centre + std::sqrt(variance) * random.Normal());
    context = std::max<std::int64_t>(1, std::llround(std::min(drawn, longest)));
  }
  return contexts;
}

/// [rank]: contexts of its requests.
std::vector<std::vector<std::int64_t>> Place(const DecodeDemand& d, std::vector<std::int64_t> contexts) {
  std::vector<std::vector<std::int64_t>> of_rank(static_cast<std::size_t>(d.ranks));
  const bool level = d.placement == RequestPlacement::kCacheAndRequests;
  if (level) std::sort(contexts.begin(), contexts.end(), std::greater<>());
  std::vector<std::int64_t> cached(of_rank.size());
  std::vector<std::size_t> order(of_rank.size());
  for (std::size_t round = 0; round * of_rank.size() < contexts.size(); ++round) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (level) {
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return cached[a] < cached[b]; });
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::int64_t context = contexts[round * of_rank.size() + i];
      of_rank[order[i]].push_back(context);
      cached[order[i]] += context;
    }
  }
  return of_rank;
}

Batch BatchOf(const std::map<std::int64_t, std::int64_t>& count_of_context, std::int64_t query) {
  Batch batch;
  for (const auto& [context, count] : count_of_context) batch.sequences.push_back({count, query, context});
  return batch;
}

/// `tokens` of a rank's prompts from token `first` on.
Batch Window(const PrefillDemand& d, std::int64_t first, std::int64_t tokens) {
  Batch batch;
  for (std::int64_t at = first; at < first + tokens;) {
    const std::int64_t cached = at % d.prompt;
    const std::int64_t here = std::min(d.prompt - cached, first + tokens - at);
    SequenceSpan span{1, here, cached};
    if (!batch.sequences.empty() && batch.sequences.back().tokens == span.tokens &&
        batch.sequences.back().cached == span.cached) {
      ++batch.sequences.back().count;
    } else {
      batch.sequences.push_back(span);
    }
    at += here;
  }
  return batch;
}

}  // namespace

UnitBatch DecodeBatch(const DecodeDemand& d) {
  ORRERY_CHECK(d.requests_per_rank >= d.micro_batches, "each micro-batch has a request");
  UnitBatch unit;
  for (std::vector<std::int64_t>& contexts : Place(d, DrawContexts(d))) {
    std::sort(contexts.begin(), contexts.end(), std::greater<>());
    std::vector<std::map<std::int64_t, std::int64_t>> counts(static_cast<std::size_t>(d.micro_batches));
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      // 0 1 1 0 0 1 1 0 ...: neither gets the longer of each pair.
      const std::size_t turn = d.micro_batches == 2 ? (i + 1) / 2 % 2 : 0;
      ++counts[turn][contexts[i]];
    }
    std::vector<Batch> batches;
    for (const auto& of_micro_batch : counts) batches.push_back(BatchOf(of_micro_batch, d.query));
    unit.push_back(std::move(batches));
  }
  return unit;
}

UnitBatch PrefillBatch(const PrefillDemand& d) {
  ORRERY_CHECK(d.tokens_per_rank >= d.micro_batches && d.prompt >= 1, "each micro-batch has a token");
  std::vector<Batch> batches;
  for (int m = 0; m < d.micro_batches; ++m) {
    const std::int64_t first = d.tokens_per_rank * m / d.micro_batches;
    batches.push_back(Window(d, first, d.tokens_per_rank * (m + 1) / d.micro_batches - first));
  }
  return UnitBatch(static_cast<std::size_t>(d.ranks), batches);
}

UnitBatch EvenBatch(const UnitBatch& unit) {
  ORRERY_CHECK(!unit.empty(), "a unit has ranks");
  std::vector<Batch> mean;
  for (std::size_t m = 0; m < unit.front().size(); ++m) {
    std::int64_t count = 0, tokens = 0, cached = 0;
    for (const std::vector<Batch>& rank : unit) {
      count += rank[m].count();
      tokens += rank[m].tokens();
      for (const SequenceSpan& s : rank[m].sequences) cached += s.count * s.cached;
    }
    const auto ranks = static_cast<std::int64_t>(unit.size());
    Batch batch;
    batch.sequences = {{std::max<std::int64_t>(1, (count + ranks / 2) / ranks),
                        std::max<std::int64_t>(1, (tokens + count / 2) / count),
                        (cached + count / 2) / count}};
    mean.push_back(batch);
  }
  return UnitBatch(unit.size(), mean);
}

std::int64_t CachedTokens(const std::vector<Batch>& micro_batches) {
  std::int64_t cached = 0;
  for (const Batch& batch : micro_batches)
    for (const SequenceSpan& s : batch.sequences) cached += s.count * s.cached;
  return cached;
}

}  // namespace orrery::models
