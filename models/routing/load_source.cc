#include "models/routing/load_source.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

/// InputError unless every rank has 0 or more tokens and their rows can be counted.
void CheckTokens(const LoadShape& s) {
  if (s.tokens_of_rank.size() != static_cast<std::size_t>(s.ranks)) {
    throw InputError(fmt::format("routing: tokens of {} ranks, expected those of {} expert-parallel ranks",
                                 s.tokens_of_rank.size(), s.ranks));
  }
  for (std::size_t r = 0; r < s.tokens_of_rank.size(); ++r) {
    if (s.tokens_of_rank[r] < 0)
      throw InputError(
          fmt::format("routing: {} tokens on rank {}, expected at least 0", s.tokens_of_rank[r], r));
  }
  if (s.Tokens() * s.top_k > INT32_MAX)
    throw InputError(
        fmt::format("routing: {} tokens on all ranks, expected 0 to 2^31 rows in all", s.Tokens()));
}

}  // namespace

void LoadSource::Sample(int layer, int micro_batch, int group, std::span<const int> tokens_of_rank,
                        ExchangeLoad* load) const {
  LoadShape asked = shape();
  asked.tokens_of_rank.assign(tokens_of_rank.begin(), tokens_of_rank.end());
  CheckTokens(asked);
  Draw(asked, layer, micro_batch, group, load);
}

bool LoadSource::SampleTokenByToken(int, int, int, ExchangeLoad*) const { return false; }

const PlacementOptions& LoadSource::placement() const {
  static const PlacementOptions kContiguous;
  return kContiguous;
}

ExpertPlacement LoadSource::PlacementAt(int, int) const { return ContiguousPlacement(shape().experts); }

const LoadTable* LoadSource::FindTable(int) const { return nullptr; }

std::vector<double> LoadSource::ExpertsPerToken(int) const { return {}; }

}  // namespace orrery::models
