#include "models/routing/text/multinomial.h"

#include <algorithm>
#include <cmath>

#include <math.h>

namespace orrery::models {
namespace {

/// ln n!, without the C library's global sign.
double LogFactorial(std::int64_t n) {
  int sign = 0;
  return lgamma_r(static_cast<double>(n) + 1, &sign);
}

}  // namespace

std::int64_t DrawBinomial(std::int64_t trials, double p, RandomStream& random) {
  if (trials <= 0 || p <= 0) return 0;
  if (p >= 1) return trials;
  const auto n = static_cast<double>(trials);
  const auto mode = std::min(trials, static_cast<std::int64_t>((n + 1) * p));
  const double at_mode =
      std::exp(LogFactorial(trials) - LogFactorial(mode) - LogFactorial(trials - mode) +
               static_cast<double>(mode) * std::log(p) + static_cast<double>(trials - mode) * std::log1p(-p));
  const double odds = p / (1 - p);
  double left = random.Uniform() - at_mode, above = at_mode, below = at_mode;
  std::int64_t high = mode, low = mode, found = mode;
  while (left >= 0 && (high < trials || low > 0)) {
    if (high < trials) {
      above *= odds * static_cast<double>(trials - high) / static_cast<double>(high + 1);
      left -= above;
      found = ++high;
      if (left < 0) break;
    }
    if (low > 0) {
      below *= static_cast<double>(low) / (odds * static_cast<double>(trials - low + 1));
      left -= below;
      found = --low;
    }
    if (above + below < 1e-300) return mode;  // what rounding left of the uniform number
  }
  return found;
}

void DrawMultinomial(std::int64_t draws, std::span<const double> share, RandomStream& random,
                     std::span<std::int64_t> counts) {
  double rest = 1;
  for (std::size_t i = 0; i < share.size(); ++i) {
    const bool last = i + 1 == share.size();
    counts[i] = last ? draws : DrawBinomial(draws, rest > 0 ? std::min(1.0, share[i] / rest) : 1.0, random);
    draws -= counts[i];
    rest -= share[i];
  }
}

int DrawItem(std::span<const double> share, RandomStream& random) {
  double x = random.Uniform();
  std::size_t i = 0;
  while (i + 1 < share.size() && x >= share[i]) x -= share[i++];
  return static_cast<int>(i);
}

}  // namespace orrery::models
