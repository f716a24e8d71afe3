// The launches of a training trace, matched to the kernels that models/layers/layer.h lists for a layer of a model.
//
// Inside a phase the launches of one kind follow the order of the list; between kinds the order is free, since a program
// may use several streams. Numbers of tokens, rows and experts are read from the trace:
//
//   tokens    blocks of the first cast of attn(F), one a row
//   rows      blocks of the permutation and of its inverse, in mlp(F) and mlp(B)
//   experts   weight gradients of mlp(W) beyond those of dense layers: a program may launch the list's one grouped
//             kernel as a kernel for each expert
//
// Tensor-core kernels must be those of the list, and so must the weights that are transposed, whose sizes tell one model
// from another. Of memory-bound kinds those are matched that the list has as many of: each launch is the first op left that its
// grid does not contradict. Where a launch of a kind finds none, no launch of the kind is matched in that phase.
#pragma once

#include <vector>

#include "core/op/launches.h"
#include "models/layers/layer.h"
#include "models/spec/model_spec.h"

namespace orrery::scenarios {

/// `shape` says how the layer is held and saved; its tokens and rows are replaced by the trace's, and so are its local
/// experts unless the trace launches grouped weight gradients, which do not tell their number.
LaunchMatch MatchLaunches(const models::ModelSpec& model, models::LayerShape shape,
                          const std::vector<TracedPhase>& phases);

}  // namespace orrery::scenarios
