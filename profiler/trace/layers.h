// The operations of a training trace whose phases repeat once a layer. Which launch was which operation a matcher tells
// (core/op/launches.h), who knows the kernels of a layer; here they are gathered, with their times, over the layers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/op/launches.h"
#include "core/op/op.h"
#include "profiler/trace/analysis.h"
#include "profiler/trace/trace.h"
#include "profiler/trace/traced_op.h"

namespace orrery::profiler {

/// One operation in one phase, with a duration per launch. Where `shape` differs from launch to launch (rows
/// per expert do), each group of equal shapes is an entry of its own.
struct RecognisedOp : TracedOp {
  std::string phase;
  NameId kernel = 0;
  /// The shape is a mean the trace does not resolve (rows of one expert) and launches run two at a time: no
  /// price for a table.
  bool approximate = false;
  std::vector<int> layers;  ///< of each duration, from 0
};

struct LayerOps {
  std::int64_t tokens = 0;  ///< per micro-batch on this rank
  std::vector<LayerRows> rows;
  std::vector<RecognisedOp> ops;  ///< in order of phase and position
  Flops tensor_flops{};           ///< of everything recognised
  /// Why nothing was recognised: no matcher, no layers, or where the trace departs from the model's. "" if it was.
  std::string not_recognised;
};

LayerOps RecogniseLayers(const Trace& trace, const Attribution& attribution, const TraceSummary& summary,
                         const LaunchMatcher& matcher);

}  // namespace orrery::profiler
