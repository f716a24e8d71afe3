// The gate: which experts a token goes to. Exact top-k with group limit (DeepSeek-V3 report 2.1.2,
// inference/model.py `Gate`), vectorised over tokens, and a plain version to check it against.
//
// Affinities come in blocks of kLanes tokens, expert-major: x[expert * kLanes + token]. The vector kernel
// sorts each group's best eight with a network, keeps the best groups by the sum of their two best, merges the
// kept lists and reads the experts at or above the k-th value; ties go to the lower expert index, as in the
// plain version. No approximation: both give the same experts, bit for bit, on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orrery::models {

/// Geometry of a gate. Valid when CheckGate passes.
struct GateShape {
  int experts = 0;     ///< routed experts
  int top_k = 0;       ///< experts a token
  int groups = 1;      ///< divides experts
  int top_groups = 1;  ///< groups a token may use
};

/// InputError when k exceeds what the kept groups hold, groups do not divide the experts, or a number is not
/// positive; experts at most 4096.
void CheckGate(const GateShape& shape);

/// Tokens in a block of affinities.
constexpr int kLanes = 8;

/// Whether `top_k` is small enough for the vector kernel (8); larger ones take the plain path.
constexpr int kVectorTopK = 8;

/// One token, plainly: `score[experts]` in, `selected[top_k]` out in ascending expert order.
void RouteTokenPlainly(const GateShape& shape, const float* score, std::uint16_t* selected);

/// Blocks of kLanes tokens. `affinity` is [blocks][experts][kLanes]; `bias` [experts] is added for the selection
/// (empty: none); `selected` is [blocks * kLanes][top_k], ascending. Scores must be finite.
void RouteBlocks(const GateShape& shape, std::span<const float> affinity, std::span<const float> bias,
                 std::span<std::uint16_t> selected);

/// Row-major affinities [tokens][experts] of any origin, for example a user's file. InputError at the first value
/// that is not finite, naming token and expert.
std::vector<std::uint16_t> RouteRows(const GateShape& shape, std::span<const float> affinity,
                                     std::span<const float> bias);

/// Calls `visit(group)` once for each group that a token reaches, token after token, of choices that ascend
/// within a token.
template <class Visit>
void VisitGroups(const GateShape& gate, std::span<const std::uint16_t> selected, Visit visit) {
  const auto k = static_cast<std::size_t>(gate.top_k),
             size = static_cast<std::size_t>(gate.experts / gate.groups);
  for (std::size_t i = 0; i < selected.size(); ++i) {
    const std::size_t group = selected[i] / size;
    if (i % k == 0 || selected[i - 1] / size != group) visit(group);
  }
}

/// How a logit becomes an affinity.
enum class Affinity { kSigmoid, kSoftmax };

/// Affinities of one block: logit[e][t] = base[e] + sum_r weight[e][r] * factor[r][t], then sigmoid or softmax
/// over experts. `weight` is [experts][rank], `factor` [rank][kLanes], `out` [experts][kLanes].
void AffinityBlock(Affinity kind, int experts, int rank, const float* base, const float* weight,
                   const float* factor, float* out);

/// y += a * x for n values; the accumulation every mixture of domains is made of.
void AddScaled(float* y, const float* x, float a, std::size_t n);

/// Values at or above the threshold; the counting that expert choice is made of.
std::int32_t CountReaching(std::span<const std::int32_t> x, std::int32_t threshold);

}  // namespace orrery::models
