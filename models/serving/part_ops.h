// The kernels of each part of a serving step on one GPU.
#pragma once

#include <vector>

#include "models/layers/layer.h"
#include "models/serving/step_shape.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// In launch order. `shape` holds the batch of one micro-batch on the rank, for kExperts and kDispatchReceive,
/// kCombineSend with the rows that reached it. Nothing of what is in flight, and nothing of kHost. `pass` is kPrefill or
/// kDecode.
std::vector<PlacedOp> PartOps(const ModelSpec& spec, ServedPart part, Pass pass, const LayerShape& shape);

}  // namespace orrery::models
