// How the layers of a model lie on the stages of a pipeline.
#pragma once

#include <vector>

#include "core/document.h"
#include "models/model_spec.h"

namespace orrery::models {

struct Stage {
  std::vector<int> layers;  ///< of the main model, ascending
  bool has_embedding = false;
  bool has_head = false;  ///< final norm, head and loss
  bool has_mtp = false;   ///< every MTP module; each uses the head once more
};

struct StageLayout {
  std::vector<Stage> stages;

  int size() const { return static_cast<int>(stages.size()); }
};

/// Contiguous layers; embedding on the first stage, head and MTP modules on the last.
/// `layers_per_stage`: at least 1 each, sum equals spec.layers (aborts otherwise).
StageLayout MakeStageLayout(const ModelSpec& spec, const std::vector<int>& layers_per_stage);

/// The split whose dearest stage does the fewest forward operations, those of the head and MTP modules
/// counted; among these the most even one (least sum of squares). For DeepSeek-V3 on 16 stages that is 15
/// stages of 4 layers and a last one of 1 layer, MTP module and both heads, which agrees with the 4-layer
/// chunks of DeepSeek's trace. At most spec.layers stages (aborts otherwise).
StageLayout BalancedStageLayout(const ModelSpec& spec, int stages, std::int64_t sequence, bool causal = true);

/// Reads `layers_per_stage: [..]` of `parallelism`, or balances where it is absent. InputError if the list
/// has not one entry per stage, an entry is not positive, or the sum is not the model's layers; or if the
/// model has fewer layers than `stages` (reported at `parallelism`.pipeline where that is given).
StageLayout ReadStageLayout(const Value& parallelism, const ModelSpec& spec, int stages,
                            std::int64_t sequence);

/// Stages a pipeline rank holds: its own, and under DualPipe also the mirrored one (V3 3.2.1: two copies of
/// the parameters, micro-batches fed from both ends).
std::vector<int> StagesOfRank(int rank, int stages, bool dual_pipe);

/// Forward operations per token of each stage, ends counted.
std::vector<double> StageForwardFlops(const ModelSpec& spec, const StageLayout& layout, std::int64_t sequence,
                                      bool causal = true);

}  // namespace orrery::models
