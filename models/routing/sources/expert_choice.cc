#include "models/routing/sources/expert_choice.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/units.h"
#include "models/routing/gate/ordered_floats.h"

namespace orrery::models {
namespace {

/// (token, expert) pairs in expert order to each token's experts.
ChosenTokens ByToken(int tokens, const std::vector<std::vector<std::uint32_t>>& tokens_of) {
  ChosenTokens out;
  out.end.assign(static_cast<std::size_t>(tokens), 0);
  for (const auto& taken : tokens_of)
    for (const std::uint32_t t : taken) ++out.end[t];
  std::vector<std::uint32_t> next(out.end.size());
  std::uint32_t sum = 0;
  for (std::size_t t = 0; t < out.end.size(); ++t) {
    next[t] = sum;
    out.end[t] = sum += out.end[t];
  }
  out.experts.resize(sum);
  for (std::size_t e = 0; e < tokens_of.size(); ++e)
    for (const std::uint32_t t : tokens_of[e]) out.experts[next[t]++] = static_cast<std::uint16_t>(e);
  return out;
}

}  // namespace

int ChoiceCapacity(int tokens, int top_k, int experts) {
  return static_cast<int>(CeilDiv(std::int64_t{tokens} * top_k, experts));
}

double ChoiceLeakBits(int top_k, int experts) {
  const double r = static_cast<double>(top_k) / experts;
  return r < 0.5 ? top_k * std::log2((1 - r) / r) : 0.0;
}

void ChooseTokens(int experts, int tokens, int capacity, std::span<const float> affinity,
                  ChosenTokens* chosen) {
  const auto n = static_cast<std::size_t>(experts), t_all = static_cast<std::size_t>(tokens);
  ORRERY_CHECK(affinity.size() >= CeilDiv(tokens, kLanes) * n * kLanes, "affinity is whole blocks");
  ORRERY_CHECK(capacity >= 0 && capacity <= tokens, "an expert takes a token once");
  std::vector<std::int32_t> keys(t_all);
  std::vector<std::vector<std::uint32_t>> taken(n);
  for (std::size_t e = 0; capacity > 0 && e < n; ++e) {
    GatherKeys(affinity, n, e, keys);
    const std::int32_t threshold = HighestReaching(kLowestKey, kHighestKey, capacity,
                                                   [&](std::int32_t at) { return CountReaching(keys, at); });
    std::int32_t equals = capacity - CountReaching(keys, threshold + 1);
    taken[e].reserve(static_cast<std::size_t>(capacity));
    for (std::uint32_t t = 0; t < t_all; ++t) {
      if (keys[t] > threshold || (keys[t] == threshold && equals-- > 0)) taken[e].push_back(t);
    }
  }
  *chosen = ByToken(tokens, taken);
}

void TakeTokens(int experts, int tokens, std::span<const float> threshold, std::span<const float> affinity,
                ChosenTokens* chosen) {
  const auto n = static_cast<std::size_t>(experts);
  std::vector<std::vector<std::uint32_t>> taken(n);
  for (std::size_t e = 0; e < n; ++e) {
    for (std::uint32_t t = 0; t < static_cast<std::uint32_t>(tokens); ++t) {
      if (affinity[(t / kLanes * n + e) * kLanes + t % kLanes] >= threshold[e]) taken[e].push_back(t);
    }
  }
  *chosen = ByToken(tokens, taken);
}

std::vector<float> ChoiceThresholds(int experts, double taken, std::span<const double> weight,
                                    std::span<const float> affinity) {
  const auto n = static_cast<std::size_t>(experts);
  const std::size_t part = affinity.size() / n / weight.size();
  std::vector<std::int32_t> keys(part * weight.size());
  std::vector<float> threshold;
  for (std::size_t e = 0; e < n; ++e) {
    GatherKeys(affinity, n, e, keys);
    const auto share = [&](std::int32_t at) {
      double sum = 0;
      for (std::size_t d = 0; d < weight.size(); ++d)
        sum += weight[d] * CountReaching(std::span(keys).subspan(d * part, part), at) /
               static_cast<double>(part);
      return sum;
    };
    threshold.push_back(OfKey(HighestReaching(kLowestKey, kHighestKey, taken, share)));
  }
  return threshold;
}

}  // namespace orrery::models
