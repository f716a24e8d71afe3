// Pipeline schedules as plain instruction lists: for every rank, which chunk it computes after which.
//
// A schedule knows no times and no machine. schedule_timing.h lays one out in time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orrery::models {

enum class ScheduleKind {
  kDualPipe,  ///< bidirectional, overlapped pairs; DeepSeek-V3 (arXiv 2412.19437) 3.2.1, deepseek-ai/DualPipe
  k1F1B,      ///< PipeDream-Flush (Narayanan et al., arXiv 2006.09503)
  kInterleaved1F1B,  ///< several model chunks a rank (Narayanan et al., arXiv 2104.04473, 2.2)
  kZb1p,             ///< zero bubble, 1F1B's memory: ZB-H1 (Qi et al., arXiv 2401.10241, 2.2)
  kDualPipeV,  ///< DualPipe folded at its middle: half the ranks, each stage held once; deepseek-ai/DualPipe
};

enum class StepKind {
  kForward,
  kBackward,         ///< gradients of input and weights
  kBackwardInput,    ///< gradient of the input alone; the weights' follows in a kBackwardWeight
  kBackwardWeight,   ///< gradient of the weights of a chunk that had its kBackwardInput
  kForwardBackward,  ///< a forward and a full backward of two chunks, overlapped with each other
};

/// One micro-batch at one model stage.
struct ChunkRef {
  int stage = -1;     ///< counted along the model: 0 embeds, the last has the head
  int direction = 0;  ///< DualPipe: which copy of the model (0 enters at rank 0, 1 at the last rank); else 0
  int micro_batch = -1;  ///< counted from 0 within its direction
  bool operator==(const ChunkRef&) const = default;
};

/// One instruction of a rank. The reference that the kind does not use keeps stage -1.
struct Step {
  StepKind kind = StepKind::kForward;
  int phase = 0;      ///< 1 to 8 for DualPipe and DualPipeV, in the numbering of the published code; else 0
  ChunkRef forward;   ///< kForward, kForwardBackward
  ChunkRef backward;  ///< every other kind and kForwardBackward; kBackwardWeight: whose weight gradient it is
  bool operator==(const Step&) const = default;
};

struct ScheduleSpec {
  ScheduleKind kind = ScheduleKind::k1F1B;
  int ranks = 1;          ///< pipeline-parallel size P
  int micro_batches = 1;  ///< per pipeline and training step, M; DualPipe sends half in each direction
  int virtual_stages =
      1;  ///< model chunks a rank: at least 2 if interleaved; DualPipeV has 2 whatever is asked (1 or 2)
  bool operator==(const ScheduleSpec&) const = default;
};

struct Schedule {
  ScheduleSpec spec;
  int stages = 0;                        ///< model stages: ranks, or ranks x virtual_stages
  std::vector<std::vector<Step>> steps;  ///< [rank], in the order they run

  /// 2 for DualPipe, else 1.
  int directions() const { return spec.kind == ScheduleKind::kDualPipe ? 2 : 1; }
  /// Whether forwards run beside backwards (kForwardBackward).
  bool overlapped() const {
    return spec.kind == ScheduleKind::kDualPipe || spec.kind == ScheduleKind::kDualPipeV;
  }
  /// Micro-batches that run in one direction.
  int micro_batches_per_direction() const { return spec.micro_batches / directions(); }
  /// The rank that holds the chunk's stage. Aborts on a stage or direction that the schedule does not have.
  int RankOf(const ChunkRef& chunk) const;
  /// The (stage, direction) pairs whose parameters `rank` holds: DualPipe by direction, else by stage.
  std::vector<std::pair<int, int>> StagesOf(int rank) const;
};

/// The instruction lists of every rank. Throws InputError where the kind does not work with these numbers:
///   DualPipe       P even, M even, M >= 2 P
///   DualPipeV      M >= 2 P
///   interleaved    M a multiple of P, virtual_stages >= 2
///   1F1B, ZB1P     any P, M >= 1
/// and above kMaxScheduleChunks, where a list would no longer fit in memory comfortably.
Schedule MakeSchedule(const ScheduleSpec& spec);
constexpr long long kMaxScheduleChunks = 1LL << 22;  ///< ranks x micro_batches x virtual_stages; about 0.4 GB

/// "dualpipe", "1f1b", "interleaved-1f1b", "zb1p", "dualpipev": the names in scenario files.
std::string_view Name(ScheduleKind kind);
std::optional<ScheduleKind> ParseScheduleKind(std::string_view name);
/// Every name, in the order of ScheduleKind: for messages and completions.
std::vector<std::string> ScheduleKindNames();
std::string ScheduleKindName(ScheduleKind kind);

/// For messages: "stage 3, micro-batch 7 (direction 1)" and "forward of stage 3, micro-batch 7 (direction
/// 1)".
std::string Describe(const ChunkRef& chunk);
std::string Describe(const Step& step);

/// Most chunks whose activations `rank` holds at once: forwarded (or being so), input backward not finished.
int PeakInFlight(const Schedule& schedule, int rank);
/// Most chunks that wait at once on `rank` for their weight gradient after their input backward: what a zero-bubble
/// schedule holds (inputs and output gradients of the linear layers) beyond PeakInFlight.
int PeakPendingWeights(const Schedule& schedule, int rank);

}  // namespace orrery::models
