// Named, seeded random streams. A stream is a pure function of (seed, name, indexes), so results do not
// depend on the order in which parts of a simulation run, nor on the number of threads.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <numbers>
#include <string_view>

namespace orrery {

/// xoshiro256++ (Blackman & Vigna 2019, public domain algorithm), seeded through SplitMix64.
/// A UniformRandomBitGenerator. The distributions below are ours because the standard ones differ
/// between library versions, and results must be the same bytes everywhere.
class RandomStream {
 public:
  using result_type = std::uint64_t;

  explicit RandomStream(std::uint64_t seed) { Seed(seed); }

  /// The stream `name`, e.g. RandomStream(seed, "routing", {layer, micro_batch}).
  RandomStream(std::uint64_t seed, std::string_view name, std::initializer_list<std::uint64_t> indexes = {}) {
    std::uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL;
    for (char c : name) h = Mix(h ^ static_cast<unsigned char>(c));
    for (std::uint64_t i : indexes) h = Mix(h ^ (i + 0x632be59bd9b4e019ULL));
    Seed(h);
  }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    const std::uint64_t result = Rotl(s_[0] + s_[3], 23) + s_[0];
    const std::uint64_t t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = Rotl(s_[3], 45);
    return result;
  }

  /// Uniform in [0, 1).
  double Uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

  /// Uniform integer in [0, n), n > 0 (multiply-shift; bias below 2^-32 for n < 2^32).
  std::uint64_t Below(std::uint64_t n) {
    return static_cast<std::uint64_t>(Uniform() * static_cast<double>(n));
  }

  /// Standard normal (Box-Muller, both values used).
  double Normal() {
    if (have_spare_) {
      have_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
    const double angle = 2.0 * std::numbers::pi * Uniform();
    spare_ = radius * std::sin(angle);
    have_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  static constexpr std::uint64_t Rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  static constexpr std::uint64_t Mix(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  void Seed(std::uint64_t seed) {
    for (std::uint64_t& word : s_) word = seed = Mix(seed);
  }

  std::uint64_t s_[4];
  double spare_ = 0;
  bool have_spare_ = false;
};

}  // namespace orrery
