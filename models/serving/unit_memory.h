// Device memory of one GPU of a serving unit.
#pragma once

#include "core/base/units.h"
#include "models/layers/layer.h"
#include "models/layers/serving_ops.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// What a GPU of a unit holds.
struct UnitLayout {
  int ranks = 1;          ///< that share the experts of a layer
  int tensor = 1;         ///< ranks that share heads and matrices
  int slots = 0;          ///< experts of a layer over all ranks, replicas included; a multiple of `ranks`
  bool with_mtp = false;  ///< MTP modules are held too
  bool shared_in_slots = false;  ///< the shared expert takes slots instead of standing on every rank
  WeightPrecision weights = WeightPrecision::kFp8;
  CachePrecision cache = CachePrecision::kBf16;

  int SlotsPerRank() const { return slots / ranks; }
};

/// Weights of one GPU.
Bytes UnitWeights(const ModelSpec& spec, const UnitLayout& layout);

/// What DeepEP's low-latency kernels allocate for `tokens` of a rank (csrc/config.hpp, LowLatencyLayout): messages for
/// every expert slot to send and to receive, twice.
Bytes LowLatencyBuffers(const ModelSpec& spec, int slots, std::int64_t tokens);

struct UnitMemory {
  Bytes weights{}, cache{}, workspace{}, exchange{}, reserve{};
  Bytes Total() const { return weights + cache + workspace + exchange + reserve; }
  bool Fits(Bytes device) const { return Total() <= device; }
};

}  // namespace orrery::models
