#include "models/serving/unit_memory.h"

#include <algorithm>

#include "models/spec/attention_design.h"
#include "models/spec/parameters.h"

namespace orrery::models {

Bytes UnitWeights(const ModelSpec& spec, const UnitLayout& layout) {
  ModelSpec held = spec;
  if (layout.shared_in_slots && held.moe) held.moe->shared_intermediate = 0;
  const AttentionDesign design = MakeDesign(OwnDesign(held.attention), held.attention);
  Layout one;
  one.tensor = layout.tensor;
  one.weights = layout.weights;
  one.cache = layout.cache;
  if (!held.moe) return WeightBytesPerGpu(held, design, one, layout.with_mtp);
  one.expert = held.moe->routed_experts;  // one expert a GPU
  const Bytes with_one = WeightBytesPerGpu(held, design, one, layout.with_mtp);
  const std::int64_t layers = spec.MoeLayers() + (layout.with_mtp ? spec.mtp_modules : 0);
  const std::int64_t expert = CountLayer(spec, true).one_expert;
  const std::int64_t bytes =
      layout.weights == WeightPrecision::kBf16 ? 2 * expert : expert + expert / 128 / 128 * 4;
  return with_one + Bytes{bytes} * (layers * (layout.SlotsPerRank() - 1));
}

Bytes LowLatencyBuffers(const ModelSpec& spec, int slots, std::int64_t tokens) {
  constexpr std::int64_t kHeader = 16;
  const std::int64_t combine = std::int64_t{2} * spec.hidden;
  const std::int64_t dispatch = kHeader + combine;  // large enough for BF16
  const std::int64_t send = std::max(tokens * dispatch, slots * tokens * combine);
  const std::int64_t receive = slots * tokens * dispatch;
  return {2 * (send + receive)};
}

}  // namespace orrery::models
