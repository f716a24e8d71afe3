// The router of one MoE layer in training: gate GEMMs, top-k and the small kernels around them.
#pragma once

#include <vector>

#include "core/op/op.h"
#include "models/layers/layer_ops.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

void AppendRouterForward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);
void AppendRouterBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);

}  // namespace orrery::models
