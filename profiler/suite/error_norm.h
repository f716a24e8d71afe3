// How far a result is from its reference: ||ours - reference|| / ||reference||.
#pragma once

#include <cmath>

namespace orrery::profiler {

/// Accumulates differences. A NaN anywhere makes the error NaN, which no tolerance admits.
class ErrorNorm {
 public:
  void Add(double ours, double reference) {
    difference_ += (ours - reference) * (ours - reference);
    reference_ += reference * reference;
  }
  double Relative() const {
    return reference_ > 0 ? std::sqrt(difference_ / reference_) : std::sqrt(difference_);
  }

 private:
  double difference_ = 0;
  double reference_ = 0;
};

}  // namespace orrery::profiler
