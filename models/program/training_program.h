// Turns a pipeline schedule and a layout of layers on stages into one program per pipeline rank.
//
// A chunk (one stage, one micro-batch) is a sequence of units: an embedding, transformer layers, heads. A
// unit has up to six compute blocks on stream 0 and four exchanges on stream 1, in the order DeepSeek's
// training trace shows (reference: deepseek-ai/profile-data train.json):
//
//   compute    attn(F)      mlp(B)   mlp(W)   mlp(F)   attn(B)      attn(W)
//   exchange   combine(B)   dispatch(F)   dispatch(B)   combine(F)
//
// attn(F) -> dispatch(F) -> mlp(F) -> combine(F) -> attn(F) of the next unit;
// combine(B) -> mlp(B) -> dispatch(B) -> attn(B) -> combine(B) of the unit before; W blocks feed nobody.
// At the end of a task both streams drain: a chunk returns whole tensors to the schedule that called it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/stream_program.h"
#include "models/schedule/schedule.h"

namespace orrery::models {

enum class UnitKind : std::uint8_t { kEmbedding, kDenseLayer, kMoeLayer, kMtpLayer, kHead };
constexpr int kUnitKinds = 5;

struct Unit {
  UnitKind kind = UnitKind::kMoeLayer;
  int moe_layer = -1;  ///< index among the MoE layers (an MTP module's comes last); -1: no routed experts
};

/// What stream 0 and 1 do for a unit. The order of the enumerators is the index into price tables.
enum class Part : std::uint8_t {
  kAttentionForward,
  kMlpForward,
  kMlpBackward,
  kMlpWeight,
  kAttentionBackward,
  kAttentionWeight,
  kDispatch,
  kCombine,
  kCombineBackward,   ///< gradients out to the experts: DeepEP's cached dispatch kernel, FP8
  kDispatchBackward,  ///< gradients back from the experts: DeepEP's combine kernel, BF16
};
constexpr int kParts = 10;
std::string_view Name(Part part);
constexpr bool IsExchange(Part part) { return part >= Part::kDispatch; }

/// ProgramStep::price of a part of a unit, and of pipeline messages.
constexpr std::uint32_t PriceKey(UnitKind kind, Part part) {
  return static_cast<std::uint32_t>(kind) * kParts + static_cast<std::uint32_t>(part);
}
constexpr std::uint32_t kSendPrice = kUnitKinds * kParts;
constexpr std::uint32_t kLocalSendPrice = kSendPrice + 1;  ///< between two stages of one rank: free
constexpr std::uint32_t kPriceKeys = kSendPrice + 2;

/// ProgramStep::instance: which load of the load source. Meaningless where moe_layer is -1.
constexpr std::uint32_t LoadInstance(int moe_layer, int micro_batch, int micro_batches) {
  return static_cast<std::uint32_t>(moe_layer < 0 ? micro_batch : moe_layer * micro_batches + micro_batch);
}

/// True if `part` of `kind` does any work (an embedding has no MLP, a dense layer no exchange).
bool HasPart(UnitKind kind, Part part);

struct TrainingPrograms {
  std::vector<Program> programs;                  ///< [pipeline rank]
  std::vector<std::vector<StepKind>> task_kinds;  ///< [pipeline rank][task]
};

/// One program per pipeline rank. `stages[s]` are the units of stage s in forward order.
TrainingPrograms BuildTrainingPrograms(const Schedule& schedule,
                                       const std::vector<std::vector<Unit>>& stages);

/// One rank, one overlapped pair of a forward chunk of `forward` and a backward chunk of `backward`, no
/// pipeline traffic: what DeepSeek's training trace shows.
TrainingPrograms BuildSinglePair(const std::vector<Unit>& forward, const std::vector<Unit>& backward);

}  // namespace orrery::models
