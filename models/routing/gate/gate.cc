#include "models/routing/gate/gate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kMostVectorGroups = 32;
constexpr int kMostVectorExperts = 4096;
constexpr int kMostRank = 64;

// GCC splits generic vectors to the width of the function's instruction set before target_clones makes its
// copies, so the kernel is compiled by inclusion under each target. Neither target has fused multiply-add, so
// results are the same bytes on both.
namespace baseline {
#include "models/routing/gate/gate_kernel.inc"
}  // namespace baseline

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2")
namespace avx2 {
#include "models/routing/gate/gate_kernel.inc"
}  // namespace avx2
#pragma GCC pop_options
bool HaveAvx2() {
  static const bool have = __builtin_cpu_supports("avx2");
  return have;
}
#define ORRERY_DISPATCH(call) (HaveAvx2() ? avx2::call : baseline::call)
#else
#define ORRERY_DISPATCH(call) (baseline::call)
#endif

bool Vectorisable(const GateShape& s) {
  return s.top_k <= kVectorTopK && s.groups <= kMostVectorGroups && s.experts <= kMostVectorExperts;
}

/// Working memory of the plain routing, kept from token to token.
struct Scratch {
  std::vector<float> score, group;    ///< [experts], [groups]
  std::vector<std::uint16_t> groups;  ///< the kept ones first
  std::vector<bool> kept;             ///< [groups]
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

/// Orders by the higher score, and by the lower index where scores are equal. No two are equal in this order,
/// so every way of selecting gives the same.
auto Better(const float* score) {
  return [score](std::uint16_t a, std::uint16_t b) {
    return score[a] > score[b] || (score[a] == score[b] && a < b);
  };
}

/// Sum of a group's two best scores, or its only one.
float GroupScore(const float* score, int size) {
  float first = -kInfinity, second = -kInfinity;
  for (int e = 0; e < size; ++e) {
    second = std::max(second, std::min(first, score[e]));
    first = std::max(first, score[e]);
  }
  return size > 1 ? first + second : first;
}

/// Sets the groups a token keeps.
void KeepBestGroups(const GateShape& shape, const float* score, Scratch* scratch) {
  const auto groups = static_cast<std::size_t>(shape.groups);
  const int size = shape.experts / shape.groups;
  scratch->kept.assign(groups, shape.top_groups == shape.groups);
  if (shape.top_groups == shape.groups) return;
  scratch->group.resize(groups), scratch->groups.resize(groups);
  for (std::size_t g = 0; g < groups; ++g)
    scratch->group[g] = GroupScore(score + g * static_cast<std::size_t>(size), size);
  std::vector<std::uint16_t>& order = scratch->groups;
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::nth_element(order.begin(), order.begin() + shape.top_groups, order.end(),
                   Better(scratch->group.data()));
  for (int i = 0; i < shape.top_groups; ++i) scratch->kept[order[static_cast<std::size_t>(i)]] = true;
}

/// One lane of a block, plainly: for ties and for k above the vector kernel's.
void RouteLane(const GateShape& shape, const float* block, const float* bias, int lane,
               std::uint16_t* selected) {
  std::vector<float>& score = ThreadScratch().score;
  score.resize(static_cast<std::size_t>(shape.experts));
  for (int e = 0; e < shape.experts; ++e)
    score[static_cast<std::size_t>(e)] = block[e * kLanes + lane] + bias[e];
  RouteTokenPlainly(shape, score.data(), selected);
}

}  // namespace

void CheckGate(const GateShape& s) {
  if (s.experts < 1 || s.experts > 4096) {
    throw InputError(fmt::format("routing: {} experts, expected 1 to 4096", s.experts));
  }
  if (s.groups < 1 || s.experts % s.groups != 0) {
    throw InputError(fmt::format("routing: {} groups do not divide {} experts", s.groups, s.experts));
  }
  if (s.top_groups < 1 || s.top_groups > s.groups) {
    throw InputError(fmt::format("routing: a token may keep {} of {} groups, expected 1 to {}", s.top_groups,
                                 s.groups, s.groups));
  }
  const int reachable = s.experts / s.groups * s.top_groups;
  if (s.top_k < 1 || s.top_k > reachable) {
    throw InputError(fmt::format("routing: top-{} of {} experts that the kept groups hold, expected 1 to {}",
                                 s.top_k, reachable, reachable));
  }
}

/// The best k so far are a heap with the worst in front: most experts cost one comparison.
void RouteTokenPlainly(const GateShape& shape, const float* score, std::uint16_t* selected) {
  Scratch& scratch = ThreadScratch();
  KeepBestGroups(shape, score, &scratch);
  const int size = shape.experts / shape.groups;
  std::uint16_t* const end = selected + shape.top_k;
  std::uint16_t* held = selected;
  for (int e = 0; e < shape.experts; ++e) {
    if (!scratch.kept[static_cast<std::size_t>(e / size)]) continue;
    if (held == end) {
      if (!(score[e] > score[*selected])) continue;
      std::pop_heap(selected, held--, Better(score));
    }
    *held++ = static_cast<std::uint16_t>(e);
    std::push_heap(selected, held, Better(score));
  }
  std::sort(selected, end);
}

void RouteBlocks(const GateShape& shape, std::span<const float> affinity, std::span<const float> bias,
                 std::span<std::uint16_t> selected) {
  const auto experts = static_cast<std::size_t>(shape.experts), k = static_cast<std::size_t>(shape.top_k);
  ORRERY_CHECK(affinity.size() % (experts * kLanes) == 0, "affinity is whole blocks");
  ORRERY_CHECK(selected.size() * experts == affinity.size() * k, "selected matches affinity");
  const std::vector<float> none(bias.empty() ? experts : 0);
  const float* b = bias.empty() ? none.data() : bias.data();
  const unsigned all = (1u << kLanes) - 1;
  for (std::size_t i = 0; i * experts * kLanes < affinity.size(); ++i) {
    const float* block = affinity.data() + i * experts * kLanes;
    std::uint16_t* out = selected.data() + i * kLanes * k;
    const unsigned plain = Vectorisable(shape) ? ORRERY_DISPATCH(RouteBlock(shape, block, b, out)) : all;
    for (int t = 0; plain != 0 && t < kLanes; ++t) {
      if (plain >> t & 1u) RouteLane(shape, block, b, t, out + t * shape.top_k);
    }
  }
}

std::vector<std::uint16_t> RouteRows(const GateShape& shape, std::span<const float> affinity,
                                     std::span<const float> bias) {
  CheckGate(shape);
  const auto experts = static_cast<std::size_t>(shape.experts), k = static_cast<std::size_t>(shape.top_k);
  if (affinity.size() % experts != 0) {
    throw InputError(
        fmt::format("affinities: {} values are not rows of {} experts", affinity.size(), experts));
  }
  const std::size_t tokens = affinity.size() / experts;
  std::vector<float> block(experts * kLanes);
  std::vector<std::uint16_t> selected((tokens + kLanes) / kLanes * kLanes * k);
  for (std::size_t first = 0; first < tokens; first += kLanes) {
    for (std::size_t i = 0; i < kLanes * experts; ++i) {
      const std::size_t lane = i / experts, e = i % experts, t = std::min(first + lane, tokens - 1);
      const float x = affinity[t * experts + e];
      if (!std::isfinite(x)) {
        throw InputError(
            fmt::format("affinities: token {}, expert {}: '{}' is not a finite number", t, e, x));
      }
      block[e * kLanes + lane] = x;
    }
    RouteBlocks(shape, block, bias, std::span(selected).subspan(first * k, kLanes * k));
  }
  selected.resize(tokens * k);
  return selected;
}

void AffinityBlock(Affinity kind, int experts, int rank, const float* base, const float* weight,
                   const float* factor, float* out) {
  ORRERY_CHECK(rank >= 0 && rank <= kMostRank, fmt::format("rank {}", rank));
  ORRERY_DISPATCH(BlockAffinity(kind, experts, rank, base, weight, factor, out));
}

std::int32_t CountReaching(std::span<const std::int32_t> x, std::int32_t threshold) {
  return ORRERY_DISPATCH(Reaching(x.data(), x.size(), threshold));
}

void AddScaled(float* y, const float* x, float a, std::size_t n) { ORRERY_DISPATCH(Axpy(y, x, a, n)); }

}  // namespace orrery::models
