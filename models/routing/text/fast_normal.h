// Cheap standard normals for counts and token noise: one 64-bit draw gives five, each the mean of one of 4096
// equally likely slices of the normal distribution, scaled to unit variance. Tails end at 3.7 sigma, which is
// why this serves counts of thousands of tokens and not rare events.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/random.h"

namespace orrery::models {

class FastNormal {
 public:
  explicit FastNormal(RandomStream random) : random_(random), table_(Table().data()) {}

  float operator()() {
    if (left_ == 0) {
      bits_ = random_();
      left_ = 5;
    }
    const float x = table_[bits_ & 4095];
    bits_ >>= 12;
    --left_;
    return x;
  }

  RandomStream& random() { return random_; }

 private:
  static const std::array<float, 4096>& Table();

  RandomStream random_;
  const float* table_;
  std::uint64_t bits_ = 0;
  int left_ = 0;
};

}  // namespace orrery::models
