#include "hw/cost/op_class.h"

#include "hw/cost/cost_model.h"

namespace orrery::hw {

const std::vector<std::string>& CostModel::ResidualClasses() {
  static const std::vector<std::string> classes = [] {
    std::vector<std::string> names;
    for (int kind = 0; kind <= static_cast<int>(OpKind::kAttentionDecode); ++kind)
      names.emplace_back(Name(static_cast<OpKind>(kind)));
    names.insert(names.end(), {"memory_bound", "latency_bound"});
    return names;
  }();
  return classes;
}

int CostModel::ResidualClass(OpKind kind) {
  if (kind <= OpKind::kAttentionDecode) return static_cast<int>(kind);  // one class each, in this order
  const bool latency =
      kind == OpKind::kTopK || kind == OpKind::kRouterMisc || kind == OpKind::kScaleTranspose;
  return latency ? 10 : 9;
}

bool IsStreaming(OpKind kind) {
  return kind == OpKind::kCopy || kind == OpKind::kScale || kind == OpKind::kResidualAdd;
}

std::optional<OpKind> StandIn(OpKind kind) {
  switch (kind) {
    case OpKind::kSwiGlu:
      return OpKind::kSwiGluCast;
    case OpKind::kLayerNorm:
      return OpKind::kRmsNorm;
    case OpKind::kRestoreE5M6:
      return OpKind::kDequantize;
    case OpKind::kSaveE5M6:
      return OpKind::kCastFp8;
    case OpKind::kSwiGluCastTranspose:
      return OpKind::kCastTransposeFp8;
    case OpKind::kEmbedding:
      return OpKind::kPermute;  // gathers rows
    case OpKind::kEmbeddingBackward:
      return OpKind::kUnpermute;  // reduces rows
    case OpKind::kGroupedGemmFp8Masked:
      return OpKind::kGroupedGemmFp8;
    case OpKind::kGroupedGemmFp8Wgrad:
      return OpKind::kGemmFp8Wgrad;
    default:
      return std::nullopt;
  }
}

}  // namespace orrery::hw
