#include "models/routing/dynamics/anchored_field.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/random.h"

namespace orrery::models {
namespace {

// Shape of the gamma prior. With 8 shared factors exact chances differ from the mean field's by a factor
// whose logarithm has a deviation of 0.3 to 0.4 (256 experts, top-8, with and without groups): 1 / 0.35^2.
constexpr float kPriorCount = 8;

// The share of a new shift that an anchor after the first takes over. Biases answer each anchor. Where the
// exact gate answers them more strongly than the mean field does, up to three times under a softmax, taking
// over all of it would make chances swing from anchor to anchor without end.
constexpr float kLaterAnchor = 0.5f;

double UpperTail(double z) { return 0.5 * std::erfc(z / std::numbers::sqrt2); }

/// z with UpperTail(z) = p: Abramowitz and Stegun 26.2.23, then Newton's steps on the logarithm.
double UpperQuantile(double p) {
  if (p > 0.5) return -UpperQuantile(1 - p);
  const double t = std::sqrt(-2 * std::log(p));
  double z =
      t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int i = 0; i < 2; ++i) {
    const double tail = UpperTail(z);
    z += tail * std::log(tail / p) * std::sqrt(2 * std::numbers::pi) * std::exp(0.5 * z * z);
  }
  return z;
}

}  // namespace

AnchoredField::AnchoredField(const RouterLayer& layer, const GateShape& gate, int domains, int tokens,
                             std::uint64_t seed)
    : layer_(layer),
      gate_(gate),
      field_(layer.kind, gate.experts, gate.top_k, domains),
      tokens_(tokens),
      seed_(seed),
      shift_(static_cast<std::size_t>(domains * gate.experts)),
      clusters_(static_cast<std::size_t>(domains * gate.groups), 1.0f),
      anchored_(static_cast<std::size_t>(domains)),
      shifted_(static_cast<std::size_t>(gate.experts)),
      reach_(static_cast<std::size_t>(gate.groups)),
      expert_count_(static_cast<std::size_t>(gate.experts)),
      group_count_(static_cast<std::size_t>(gate.groups)) {
  ORRERY_CHECK(tokens > 0 && tokens % kLanes == 0, "anchors route whole blocks");
  layer_.base.assign(static_cast<std::size_t>(gate.experts), 0.0f);
}

double AnchoredField::Deviation(double scale) const {
  return scale * std::hypot(layer_.token, layer_.document);
}

void AnchoredField::Count(int domain, std::span<const float> mean, double scale, MeanField::Bias how,
                          std::span<const float> bias) {
  const std::size_t n = mean.size(), k = static_cast<std::size_t>(gate_.top_k);
  FastNormal normal(RandomStream(seed_, "anchor text", {static_cast<std::uint64_t>(domain)}));
  std::vector<float> base(n), factor(static_cast<std::size_t>(layer_.rank * kLanes)), block(n * kLanes);
  std::vector<std::uint16_t> selected(k * kLanes);
  std::fill(expert_count_.begin(), expert_count_.end(), 0.0f);
  std::fill(group_count_.begin(), group_count_.end(), 0.0f);
  for (int t = 0; t < tokens_; t += kLanes) {
    layer_.DocumentBase(0, normal, base);  // a block is a document; its tokens are independent otherwise
    for (std::size_t e = 0; e < n; ++e) base[e] = mean[e] + static_cast<float>(scale) * base[e];
    for (float& u : factor) u = static_cast<float>(scale) * normal();
    layer_.Block(base, factor, block);
    if (how == MeanField::Bias::kMultiplied) {
      for (std::size_t i = 0; i < block.size(); ++i) block[i] *= bias[i / kLanes];
    }
    RouteBlocks(gate_, block, how == MeanField::Bias::kAdded ? bias : std::span<const float>(), selected);
    for (const std::uint16_t e : selected) ++expert_count_[e];
    VisitGroups(gate_, selected, [this](std::size_t g) { ++group_count_[g]; });
  }
}

void AnchoredField::Anchor(int domain, std::span<const float> mean, double scale, MeanField::Bias how,
                           std::span<const float> bias) {
  Count(domain, mean, scale, how, bias);
  const auto n = mean.size(), d = static_cast<std::size_t>(domain);
  field_.Solve(domain, mean, Deviation(scale), how, bias);
  std::vector<float> picks(group_count_.size());
  const auto tokens = static_cast<float>(tokens_);
  for (std::size_t e = 0; e < n; ++e) {
    const float p = std::clamp(field_.chance()[e], 1e-7f, 0.9999f);
    const float held = std::min(p * (expert_count_[e] + kPriorCount) / (tokens * p + kPriorCount), 0.9999f);
    const auto found = static_cast<float>(UpperQuantile(p) - UpperQuantile(held));
    float& shift = shift_[d * n + e];
    shift += (anchored_[d] ? kLaterAnchor : 1.0f) * (found - shift);
    picks[e * picks.size() / n] += expert_count_[e];
  }
  anchored_[d] = true;
  for (std::size_t g = 0; g < picks.size(); ++g) {
    const float missed = std::max(1 - group_count_[g] / tokens, 0.5f / tokens);
    clusters_[d * picks.size() + g] = picks[g] > 0 ? -std::log(missed) * tokens / picks[g] : 1.0f;
  }
}

void AnchoredField::Solve(int domain, std::span<const float> mean, double scale, MeanField::Bias how,
                          std::span<const float> bias) {
  const float* shift = shift_.data() + static_cast<std::size_t>(domain) * mean.size();
  const auto sd = static_cast<float>(Deviation(scale));
  for (std::size_t e = 0; e < mean.size(); ++e) shifted_[e] = mean[e] + sd * shift[e];
  field_.Solve(domain, shifted_, Deviation(scale), how, bias);
  if (gate_.groups > 1) SetReach(domain);
}

void AnchoredField::SetReach(int domain) {
  const std::size_t groups = reach_.size(), size = shifted_.size() / groups;
  for (std::size_t g = 0; g < groups; ++g) {
    float picks = 0;
    for (std::size_t e = g * size; e < (g + 1) * size; ++e) picks += field_.chance()[e];
    reach_[g] = 1 - std::exp(-clusters_[static_cast<std::size_t>(domain) * groups + g] * picks);
  }
}

}  // namespace orrery::models
