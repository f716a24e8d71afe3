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
//
// Under ZB1P a weight pass that comes right after an input backward is one task with it: its W blocks, which
// need nothing but what an earlier backward left, run one by one beside the exchanges of that backward. (Qi
// et al., arXiv 2401.10241, know no exchanges, so that it makes no difference to them where W runs.) DualPipe
// and DualPipeV keep their weight passes to themselves, as their published step() does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine/stream_program.h"
#include "models/parallel/stages.h"
#include "models/schedule/schedule.h"

namespace orrery::models {

/// The last two are layers of the mixer beside the model's own attention (a window's, say).
enum class UnitKind : std::uint8_t {
  kEmbedding,
  kDenseLayer,
  kMoeLayer,
  kMtpLayer,
  kHead,
  kOtherDenseLayer,
  kOtherMoeLayer
};
constexpr int kUnitKinds = 7;
constexpr bool HasExperts(UnitKind kind) {
  return kind == UnitKind::kMoeLayer || kind == UnitKind::kMtpLayer || kind == UnitKind::kOtherMoeLayer;
}
/// The unit of a layer, and the blocks of a unit that is a layer.
UnitKind UnitOf(const LayerBlocks& blocks);
LayerBlocks BlocksOf(UnitKind kind);

/// Why no training step of the model can be laid out; "" if one can. Backward passes of recurrences and of
/// indexers are not listed, and a layer is one of two mixers with a feed-forward.
std::string WhyNotTrained(const ModelSpec& spec);

struct Unit {
  UnitKind kind = UnitKind::kMoeLayer;
  int moe_layer = -1;  ///< index among the MoE layers (an MTP module's comes last); -1: no routed experts
};

/// Units of a stage in forward order. MTP modules take the places after the main model's MoE layers; that of
/// a dense model is a dense layer.
std::vector<Unit> UnitsOf(const ModelSpec& spec, const Stage& stage);

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
/// Of the reduction of a block's gradients, by its W part; and of what a rank reduces that no block of its own gives.
constexpr std::uint32_t kReductionPrice = kLocalSendPrice + 1;
constexpr std::uint32_t ReductionPrice(UnitKind kind, Part part) {
  return kReductionPrice + 2 * static_cast<std::uint32_t>(kind) + (part == Part::kMlpWeight ? 0 : 1);
}
constexpr std::pair<UnitKind, Part> ReducedBlock(std::uint32_t price) {
  return {static_cast<UnitKind>((price - kReductionPrice) / 2),
          (price - kReductionPrice) % 2 == 0 ? Part::kMlpWeight : Part::kAttentionWeight};
}
constexpr std::uint32_t kReductionPrices = 2 * kUnitKinds + 1;
constexpr std::uint32_t kRestReductionPrice = kReductionPrice + kReductionPrices - 1;
constexpr std::uint32_t kPriceKeys = kReductionPrice + kReductionPrices;

/// ProgramStep::instance: which load of the load source. Meaningless where moe_layer is -1.
constexpr std::uint32_t LoadInstance(int moe_layer, int micro_batch, int micro_batches) {
  return static_cast<std::uint32_t>(moe_layer < 0 ? micro_batch : moe_layer * micro_batches + micro_batch);
}

/// True if `part` of `kind` does any work (an embedding has no MLP, a dense layer no exchange).
bool HasPart(UnitKind kind, Part part);

/// Streams of a training program: compute, exchanges, messages to the next and to the previous pipeline rank.
constexpr int kTrainingStreams = 4;
/// Of a program that reduces gradients beside its backwards: one more stream, and a communicator for it.
constexpr int kReductionStream = kTrainingStreams;
constexpr int kReducingStreams = kTrainingStreams + 1;
constexpr std::uint8_t kReductionCommunicator = 1;

/// When a rank's gradients are reduced over the copies of its stages.
enum class GradientReduction : std::uint8_t {
  kAfterBackwards,  ///< when it has finished its tasks: outside the programs
  kBesideBackwards,  ///< each block's beside the backwards after its last one: models/parallel/gradient_reduction.h
};

struct TrainingPrograms {
  std::vector<Program> programs;                  ///< [pipeline rank]
  std::vector<std::vector<StepKind>> task_kinds;  ///< [pipeline rank][task]
};

/// Whether the W blocks of an expert layer are done within the exchanges of its backward. While a rank has
/// forwards left, W blocks beside exchanges cost nothing in either case. When it has none, the gradients that
/// other ranks wait for leave later by what a W block takes longer than its exchange, so that those which do
/// not fit are then done after them.
enum class WeightPasses : std::uint8_t { kFitExchanges, kOutlastExchanges };

/// One program per pipeline rank. `stages[s]` are the units of stage s in forward order; any but the first
/// and the last may have none, and then its neighbours send to each other.
TrainingPrograms BuildTrainingPrograms(const Schedule& schedule, const std::vector<std::vector<Unit>>& stages,
                                       WeightPasses weights = WeightPasses::kFitExchanges,
                                       GradientReduction reduction = GradientReduction::kAfterBackwards);

/// One rank, one overlapped pair of a forward chunk of `forward` and a backward chunk of `backward`, no
/// pipeline traffic: what DeepSeek's training trace shows.
TrainingPrograms BuildSinglePair(const std::vector<Unit>& forward, const std::vector<Unit>& backward);

}  // namespace orrery::models
