// What the spans of a serving timeline are, in words.
#pragma once

#include <string>
#include <string_view>

#include "core/engine/timeline.h"
#include "models/serving/step_shape.h"

namespace orrery::scenarios {

/// "ATTN-1, layer 12, micro-batch 0": layers are counted as the model does; an MTP module's says so.
std::string ServingSpanText(const Span& span, const models::StepShape& shape);

/// "compute", "exchange".
std::string_view ServingStreamName(int stream);

}  // namespace orrery::scenarios
