// From a case of the suite to the sample that its measurement becomes.
#pragma once

#include "profiler/measurement/measurement.h"
#include "profiler/suite/suite.h"

namespace orrery::profiler {

/// What `c` already says of its sample; kernel, process, durations and the rest come from measuring.
inline KernelSample SampleOf(const SuiteCase& c) {
  KernelSample s;
  s.library = c.library;
  s.op_label = c.label;
  s.variant = c.variant;
  s.kind = c.kind;
  s.shape = c.shape;
  s.sms = c.sms;
  s.beside_copy = c.beside_copy;
  s.flops = {c.flops};
  s.bytes = {c.bytes};
  return s;
}

}  // namespace orrery::profiler
