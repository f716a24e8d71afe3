#include "profiler/suite/split_kv.h"

#include <algorithm>
#include <stdexcept>

namespace orrery::profiler {
namespace {

int PairsOf(std::int32_t length) { return (length + 2 * kKvTile - 1) / (2 * kKvTile); }
int TilesOf(std::int32_t length) { return (length + kKvTile - 1) / kKvTile; }

void CheckArguments(std::span<const std::int32_t> lengths, int parts) {
  if (parts < 1)
    throw std::invalid_argument("split-KV plan: parts must be at least 1, got " + std::to_string(parts));
  for (const std::int32_t length : lengths) {
    if (length < 1)
      throw std::invalid_argument("split-KV plan: a length must be at least 1, got " +
                                  std::to_string(length));
  }
}

// Pairs of tiles each part may take, its items' fixed costs included.
int BudgetInPairs(std::span<const std::int32_t> lengths, int parts, int fixed_pairs) {
  long total = 0;
  for (const std::int32_t length : lengths) total += PairsOf(length) + fixed_pairs;
  return static_cast<int>((total + parts - 1) / parts) + fixed_pairs;
}

// Gives each sequence its slots and turns items of unsplit sequences into direct ones.
void NumberSlots(SplitKvPlan& plan, std::size_t sequences) {
  std::vector<std::int32_t> pieces(sequences, 0);
  for (const DecodeItem& item : plan.items) ++pieces[static_cast<std::size_t>(item.batch)];
  plan.slot_begin.assign(sequences + 1, 0);
  for (std::size_t b = 0; b < sequences; ++b)
    plan.slot_begin[b + 1] = plan.slot_begin[b] + (pieces[b] > 1 ? pieces[b] : 0);
  std::vector<std::int32_t> next(plan.slot_begin.begin(), plan.slot_begin.end() - 1);
  for (DecodeItem& item : plan.items) {
    const auto b = static_cast<std::size_t>(item.batch);
    item.slot = pieces[b] > 1 ? next[b]++ : -1;
  }
}

}  // namespace

SplitKvPlan PlanSplitKv(std::span<const std::int32_t> lengths, int parts, int fixed_tiles) {
  CheckArguments(lengths, parts);
  const int fixed_pairs = (fixed_tiles + 1) / 2;
  const int budget = BudgetInPairs(lengths, parts, fixed_pairs);
  SplitKvPlan plan;
  plan.part_begin.push_back(0);
  std::size_t batch = 0;
  int done = 0;  // pairs of sequence `batch` already given away
  for (int part = 0; part < parts; ++part) {
    int left = part + 1 == parts ? 1 << 30 : budget;
    while (batch < lengths.size() && left > fixed_pairs) {
      const int pairs = PairsOf(lengths[batch]);
      const int take = std::min(pairs - done, left - fixed_pairs);
      plan.items.push_back({static_cast<std::int32_t>(batch), 2 * done,
                            std::min(2 * (done + take), TilesOf(lengths[batch])), -1});
      left -= take + fixed_pairs;
      done += take;
      if (done == pairs) ++batch, done = 0;
    }
    plan.part_begin.push_back(static_cast<std::int32_t>(plan.items.size()));
  }
  NumberSlots(plan, lengths.size());
  return plan;
}

int UniformSplits(int sequences_times_heads, int tiles, int wanted_ctas, int min_tiles) {
  const int wanted = (wanted_ctas + sequences_times_heads - 1) / std::max(1, sequences_times_heads);
  return std::clamp(wanted, 1, std::max(1, tiles / min_tiles));
}

}  // namespace orrery::profiler
