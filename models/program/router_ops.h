// The router of one MoE layer in training: gate GEMMs, top-k and the small kernels around them.
#pragma once

#include <vector>

#include "core/op.h"
#include "models/model_spec.h"
#include "models/program/layer_ops.h"

namespace orrery::models {

void AppendRouterForward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);
void AppendRouterBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);

}  // namespace orrery::models
