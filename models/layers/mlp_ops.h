// The feed-forward part of one layer in training: dense SwiGLU, or shared and routed experts.
#pragma once

#include <vector>

#include "core/op/op.h"
#include "models/layers/layer_ops.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

void AppendDenseForward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);
void AppendDenseBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);
void AppendDenseWeight(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops);

void AppendMoeForward(const ModelSpec& spec, const TrainingShape& shape, const RoutedRows& rows,
                      std::vector<Op>* ops);
void AppendMoeBackward(const ModelSpec& spec, const TrainingShape& shape, const RoutedRows& rows,
                       std::vector<Op>* ops);
void AppendMoeWeight(const ModelSpec& spec, const TrainingShape& shape, const RoutedRows& rows,
                     std::vector<Op>* ops);

}  // namespace orrery::models
