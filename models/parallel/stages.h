// How the parts of a model lie on the stages of a pipeline.
//
// A model is a chain of parts in the order its data passes them: the embedding, the layers, the head with its
// loss, and of each MTP module its layer and its use of the head. A stage holds a run of this chain. The
// embedding is on the first stage. A part that uses the embedding or the head away from the rank that holds
// it needs a copy of it there (memory.h).
#pragma once

#include <string>
#include <vector>

#include "core/config/document.h"
#include "models/schedule/schedule.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

struct Stage {
  std::vector<int> layers;  ///< of the main model, ascending
  bool has_embedding = false;
  bool has_head = false;  ///< the main model's final norm, head and loss
  /// Parts of MTP modules, counted over all modules: 2 m is the layer of module m, 2 m + 1 its use of the
  /// head and its loss.
  int first_mtp_part = 0, mtp_parts = 0;

  int MtpLayers() const { return (first_mtp_part + mtp_parts + 1) / 2 - (first_mtp_part + 1) / 2; }
  int MtpHeads() const { return mtp_parts - MtpLayers(); }
  int Heads() const { return MtpHeads() + (has_head ? 1 : 0); }  ///< passes through the head
};

struct StageLayout {
  std::vector<Stage> stages;

  int size() const { return static_cast<int>(stages.size()); }
};

/// What a stage holds of the chain after the embedding.
struct StageShare {
  int layers = 0;
  int ends = 0;  ///< parts of the chain's end: the head, then the parts of the MTP modules

  bool operator==(const StageShare&) const = default;
};

/// Parts of the chain's end: the head and two for each MTP module.
constexpr int EndParts(const ModelSpec& spec) { return 1 + 2 * spec.mtp_modules; }

/// Aborts unless the shares add up to the model and no layer comes after the head. A stage may hold nothing:
/// its neighbours then send to each other.
StageLayout MakeStageLayout(const ModelSpec& spec, const std::vector<StageShare>& shares);
/// Head and MTP modules on the last stage.
StageLayout MakeStageLayout(const ModelSpec& spec, const std::vector<int>& layers_per_stage);

/// Reads a `layers_per_stage` list. An entry is a number of layers, or parts joined by " + ": a number of
/// layers, head, mtp (a module with its use of the head), or its two parts mtp-layer and mtp-head. Without
/// any of the latter the last stage holds them all.
///   [4, 4, 4, 1]                      head and MTP modules on the last stage
///   [5, 5, 3 + head, mtp]             the MTP module on a stage of its own
///   [5, 5, 3, head, mtp-layer, mtp-head]
/// KeyError ("parallelism.layers_per_stage[1]") if the list has not one entry per stage, an entry is no such text, parts come twice, out of
/// order or not at all, the layers do not add up to the model's, or a rank holds nothing.
StageLayout StageLayoutOf(const std::vector<std::string>& entries, const ModelSpec& spec,
                          const Schedule& schedule);

/// "embedding + 3 dense + 1 MoE", "1 MoE + head + MTP", "nothing".
std::string Describe(const ModelSpec& spec, const Stage& stage);

}  // namespace orrery::models
