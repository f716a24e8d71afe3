#include "profiler/trace/layers.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include <fmt/format.h>

#include "core/op/op_work.h"
#include "profiler/suite/cost.h"

namespace orrery::profiler {
namespace {

/// A matrix dimension by what it is; T and M depend on the launch.
enum class Dim {
  kTokens,
  kRows,
  kRowsPerExpert,
  kHidden,
  kQRank,
  kKvRank,
  kKvDown,
  kQUp,
  kKvUp,
  kOut,
  kExpert,
  kExpert2,
  kExperts
};

/// The next GEMM of a phase: which kernel class it must be, what it is, and M, N, K.
struct Slot {
  std::string_view phase, label;
  OpKind kind;
  Dim m, n, k;
  int times = 1;
};

using D = Dim;
using K = OpKind;
constexpr Slot kSlots[] = {
    {"attn(F)", "q_a fprop", K::kGemmFp8, D::kTokens, D::kQRank, D::kHidden},
    {"attn(F)", "kv_a fprop", K::kGemmFp8, D::kTokens, D::kKvDown, D::kHidden},
    {"attn(F)", "q_b fprop", K::kGemmFp8, D::kTokens, D::kQUp, D::kQRank},
    {"attn(F)", "kv_b fprop", K::kGemmFp8, D::kTokens, D::kKvUp, D::kKvRank},
    {"attn(F)", "o fprop", K::kGemmFp8, D::kTokens, D::kHidden, D::kOut},
    {"attn(F)", "router fprop", K::kGemmBf16, D::kTokens, D::kExperts, D::kHidden},
    {"mlp(B)", "shared down dgrad", K::kGemmFp8, D::kTokens, D::kExpert, D::kHidden},
    {"mlp(B)", "expert down dgrad", K::kGroupedGemmFp8, D::kRows, D::kExpert, D::kHidden},
    {"mlp(B)", "expert gate_up dgrad", K::kGroupedGemmFp8, D::kRows, D::kHidden, D::kExpert2},
    {"mlp(B)", "shared gate_up dgrad", K::kGemmFp8, D::kTokens, D::kHidden, D::kExpert2},
    {"mlp(W)", "shared down wgrad", K::kGemmFp8Wgrad, D::kHidden, D::kExpert, D::kTokens},
    {"mlp(W)", "expert down wgrad", K::kGemmFp8Wgrad, D::kHidden, D::kExpert, D::kRowsPerExpert, 4},
    {"mlp(W)", "expert gate_up wgrad", K::kGemmFp8Wgrad, D::kExpert2, D::kHidden, D::kRowsPerExpert, 4},
    {"mlp(W)", "shared gate_up wgrad", K::kGemmFp8Wgrad, D::kExpert2, D::kHidden, D::kTokens},
    {"mlp(F)", "shared gate_up fprop", K::kGemmFp8, D::kTokens, D::kExpert2, D::kHidden},
    {"mlp(F)", "expert gate_up fprop", K::kGroupedGemmFp8, D::kRows, D::kExpert2, D::kHidden},
    {"mlp(F)", "expert down fprop", K::kGroupedGemmFp8, D::kRows, D::kHidden, D::kExpert},
    {"mlp(F)", "shared down fprop", K::kGemmFp8, D::kTokens, D::kHidden, D::kExpert},
    {"attn(B)", "router dgrad", K::kGemmBf16, D::kTokens, D::kHidden, D::kExperts},
    {"attn(B)", "router wgrad", K::kGemmBf16, D::kExperts, D::kHidden, D::kTokens},
    {"attn(B)", "o dgrad", K::kGemmFp8, D::kTokens, D::kOut, D::kHidden},
    {"attn(B)", "q_b recompute", K::kGemmFp8, D::kTokens, D::kQUp, D::kQRank},
    {"attn(B)", "kv_b recompute", K::kGemmFp8, D::kTokens, D::kKvUp, D::kKvRank},
    {"attn(B)", "q_b dgrad", K::kGemmFp8, D::kTokens, D::kQRank, D::kQUp},
    {"attn(B)", "kv_b dgrad", K::kGemmFp8, D::kTokens, D::kKvRank, D::kKvUp},
    {"attn(B)", "kv_a dgrad", K::kGemmFp8, D::kTokens, D::kHidden, D::kKvDown},
    {"attn(B)", "q_a dgrad", K::kGemmFp8, D::kTokens, D::kHidden, D::kQRank},
    {"attn(W)", "o wgrad", K::kGemmFp8Wgrad, D::kHidden, D::kOut, D::kTokens},
    {"attn(W)", "kv_b wgrad", K::kGemmFp8Wgrad, D::kKvUp, D::kKvRank, D::kTokens},
    {"attn(W)", "q_b wgrad", K::kGemmFp8Wgrad, D::kQUp, D::kQRank, D::kTokens},
    {"attn(W)", "kv_a wgrad", K::kGemmFp8Wgrad, D::kKvDown, D::kHidden, D::kTokens},
    {"attn(W)", "q_a wgrad", K::kGemmFp8Wgrad, D::kQRank, D::kHidden, D::kTokens},
};

/// Casts and dequantisations say their rows by their grid or not at all, never their columns: those of the
/// n-th launch of a kind in a phase, by what it feeds or restores.
struct RowsSlot {
  std::string_view phase;
  OpKind kind;
  Dim rows, cols;
};
constexpr RowsSlot kRowsSlots[] = {
    {"attn(F)", K::kCastFp8, D::kTokens, D::kHidden},  // for q_a and kv_a
    {"attn(F)", K::kCastFp8, D::kTokens, D::kHidden},
    {"attn(F)", K::kCastFp8, D::kTokens, D::kQRank},
    {"attn(F)", K::kCastFp8, D::kTokens, D::kKvRank},
    {"attn(F)", K::kCastFp8, D::kTokens, D::kOut},
    {"attn(F)", K::kCastFp8, D::kTokens, D::kHidden},  // of the MoE layer's input
    {"mlp(B)", K::kCastFp8, D::kTokens, D::kHidden},
    {"mlp(B)", K::kCastFp8, D::kRows, D::kExpert2},  // gradients of gate_up, routed and shared
    {"mlp(B)", K::kCastFp8, D::kTokens, D::kExpert2},
    {"mlp(F)", K::kCastFp8, D::kRows, D::kExpert2},  // gate_up outputs, kept in FP8
    {"mlp(F)", K::kCastFp8, D::kTokens, D::kExpert2},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kHidden},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kQRank},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kKvRank},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kQUp},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kKvUp},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kKvDown},
    {"attn(B)", K::kCastFp8, D::kTokens, D::kQRank},
    {"mlp(B)", K::kDequantize, D::kTokens, D::kExpert2},
    {"mlp(B)", K::kDequantize, D::kRows, D::kExpert2},
    {"mlp(B)", K::kDequantize, D::kTokens, D::kHidden},
};
constexpr std::array<std::string_view, 6> kPhases = {"attn(F)", "mlp(B)",  "mlp(W)",
                                                     "mlp(F)",  "attn(B)", "attn(W)"};

constexpr std::int64_t kRowsPerExpandBlock = 16;  // grid of expand_to_fused = M / 16
constexpr std::int64_t kElementsPerTransposeBlock =
    16384;  // grid of batched_transpose = weight elements / 16384
constexpr std::int64_t kElementsPerElementwiseBlock = 512;  // PyTorch's vectorized kernels: 128 threads of 4
constexpr std::int64_t kAlignment = 128;  // kv_a's 576 outputs are padded to 640 for the transpose

bool IsGemm(const KernelClass& klass) { return klass.group == KernelGroup::kGemm; }

struct PhaseEvents {
  std::string_view phase;
  int layer = 0;
  std::vector<const GpuEvent*> events;  // in order of launch
};

class Recogniser {
 public:
  Recogniser(const Trace& trace, const Attribution& attribution, const TraceSummary& summary,
             const MlaMoeDimensions& dims)
      : trace_(trace),
        attribution_(attribution),
        summary_(summary),
        dims_(dims),
        classes_(ClassifyAll(trace)) {}

  LayerOps Run() {
    if (!CollectPhases() || !FindRows() || !CheckWeights()) return std::move(result_);
    for (const PhaseEvents& phase : phases_) {
      if (!AssignGemms(phase)) {
        result_.ops.clear();
        return std::move(result_);
      }
      AssignOthers(phase);
    }
    OrderOps();
    for (const RecognisedOp& op : result_.ops) {
      result_.tensor_flops += op.flops * static_cast<double>(op.durations_us.size());
    }
    return std::move(result_);
  }

 private:
  bool Fail(std::string reason) {
    result_.not_recognised = std::move(reason);
    return false;
  }
  const KernelClass& Class(const GpuEvent& event) const { return classes_[event.name]; }
  bool Is(const GpuEvent& event, OpKind kind) const { return Class(event).kind == kind; }

  bool CollectPhases();
  bool FindRows();
  bool CheckWeights();
  bool AssignGemms(const PhaseEvents& phase);
  void AssignOthers(const PhaseEvents& phase);
  void OrderOps();
  std::int64_t Size(Dim dim, const PhaseEvents& phase) const;
  std::int64_t PaddedRows(const PhaseEvents& phase) const;
  std::int64_t ReceivedRows(const PhaseEvents& phase) const;
  RecognisedOp& Add(const PhaseEvents& phase, std::string_view label, OpKind kind, const OpShape& shape,
                    const GpuEvent& event, Bytes bytes = {});
  std::optional<RowsShape> MemoryBoundShape(const GpuEvent& event, const PhaseEvents& phase) const;
  RowsShape WeightShape(std::int64_t elements, const PhaseEvents& phase) const;
  std::optional<RowsShape> AttentionAroundShape(OpKind kind) const;
  std::vector<const RowsSlot*> SlotsOf(OpKind kind, const PhaseEvents& phase) const;
  Bytes BytesOf(const GpuEvent& event, const RowsShape& shape, const PhaseEvents& phase) const;
  void AssignAttention(const GpuEvent& event, const PhaseEvents& phase);
  AttentionShape Attention() const;

  const Trace& trace_;
  const Attribution& attribution_;
  const TraceSummary& summary_;
  const MlaMoeDimensions& dims_;
  std::vector<KernelClass> classes_;
  std::vector<PhaseEvents> phases_;
  LayerOps result_;
};

bool Recogniser::CollectPhases() {
  if (!summary_.layers) return Fail("no phases that repeat once per layer");
  for (const std::string_view name : kPhases) {
    const auto has = [&](const Phase& phase) { return phase.name == name; };
    if (std::none_of(summary_.phases.begin(), summary_.phases.end(), has))
      return Fail(fmt::format("no phase '{}'", name));
  }
  std::map<std::int32_t, std::vector<const GpuEvent*>> by_annotation;
  for (std::size_t i = 0; i < trace_.events.size(); ++i) {
    if (attribution_.annotation[i] >= 0)
      by_annotation[attribution_.annotation[i]].push_back(&trace_.events[i]);
  }
  std::map<std::string_view, int> seen;
  for (auto& [annotation, events] : by_annotation) {
    const std::string& name = trace_.name(trace_.annotations[static_cast<std::size_t>(annotation)].name);
    const auto known = std::find(kPhases.begin(), kPhases.end(), name);
    if (known == kPhases.end()) continue;
    std::stable_sort(events.begin(), events.end(),
                     [](auto* a, auto* b) { return a->correlation < b->correlation; });
    phases_.push_back({*known, seen[*known]++, std::move(events)});
  }
  return true;
}

bool Recogniser::FindRows() {
  result_.rows.resize(static_cast<std::size_t>(*summary_.layers));
  for (const PhaseEvents& phase : phases_) {
    LayerRows& rows = result_.rows[static_cast<std::size_t>(phase.layer)];
    for (const GpuEvent* event : phase.events) {
      if (phase.phase == "attn(F)" && result_.tokens == 0 && Is(*event, K::kCastFp8))
        result_.tokens = event->grid[0];
      if (Is(*event, K::kPermute))
        (phase.phase == "mlp(F)" ? rows.forward_m : rows.backward_m) = event->grid[0] * kRowsPerExpandBlock;
      if (Is(*event, K::kUnpermute))
        (phase.phase == "mlp(F)" ? rows.forward_u : rows.backward_u) = event->grid[0];
    }
  }
  if (result_.tokens == 0) return Fail("no cast to FP8 in 'attn(F)' to count tokens by");
  for (const LayerRows& rows : result_.rows) {
    if (rows.forward_m == 0 || rows.backward_m == 0) return Fail("no permutation of rows to experts");
  }
  return true;
}

/// The weights Hopper makes FP8 dgrad transpose say which model this is: every one of attention's must be
/// there.
bool Recogniser::CheckWeights() {
  std::set<std::int64_t> seen;
  for (const PhaseEvents& phase : phases_) {
    for (const GpuEvent* event : phase.events) {
      if (Is(*event, K::kTransposeFp8)) seen.insert(event->grid[0] * kElementsPerTransposeBlock);
    }
  }
  const std::int64_t h = dims_.hidden, kv_down = RoundUp(dims_.kv_rank + dims_.d_rope, kAlignment);
  const std::pair<const char*, std::int64_t> weights[] = {
      {"o", h * dims_.heads * dims_.d_v},
      {"q_b", dims_.q_rank * dims_.heads * (dims_.d_nope + dims_.d_rope)},
      {"kv_b", dims_.kv_rank * dims_.heads * (dims_.d_nope + dims_.d_v)},
      {"kv_a", h * kv_down},
      {"q_a", h * dims_.q_rank}};
  for (const auto& [name, elements] : weights) {
    if (!seen.contains(elements))
      return Fail(fmt::format("no transpose of a {} weight of {} elements: another model", name, elements));
  }
  return true;
}

std::int64_t Recogniser::PaddedRows(const PhaseEvents& phase) const {
  const LayerRows& rows = result_.rows[static_cast<std::size_t>(phase.layer)];
  return phase.phase == "mlp(F)" ? rows.forward_m : rows.backward_m;
}

std::int64_t Recogniser::ReceivedRows(const PhaseEvents& phase) const {
  const LayerRows& rows = result_.rows[static_cast<std::size_t>(phase.layer)];
  return phase.phase == "mlp(F)" ? rows.forward_u : rows.backward_u;
}

std::int64_t Recogniser::Size(Dim dim, const PhaseEvents& phase) const {
  switch (dim) {
    case Dim::kTokens:
      return result_.tokens;
    case Dim::kRows:
      return PaddedRows(phase);
    case Dim::kRowsPerExpert:
      return PaddedRows(phase) / 4;  // 4 experts a rank; which has how many the trace does not say
    case Dim::kHidden:
      return dims_.hidden;
    case Dim::kQRank:
      return dims_.q_rank;
    case Dim::kKvRank:
      return dims_.kv_rank;
    case Dim::kKvDown:
      return dims_.kv_rank + dims_.d_rope;
    case Dim::kQUp:
      return dims_.heads * (dims_.d_nope + dims_.d_rope);
    case Dim::kKvUp:
      return dims_.heads * (dims_.d_nope + dims_.d_v);
    case Dim::kOut:
      return dims_.heads * dims_.d_v;
    case Dim::kExpert:
      return dims_.expert_hidden;
    case Dim::kExpert2:
      return 2 * dims_.expert_hidden;
    case Dim::kExperts:
      return dims_.routed_experts;
  }
  return 0;
}

bool Recogniser::AssignGemms(const PhaseEvents& phase) {
  // Per kind, slots and launches follow the same order; between kinds the order is free.
  std::map<OpKind, std::vector<const GpuEvent*>> launched;
  for (const GpuEvent* event : phase.events) {
    if (IsGemm(Class(*event)) && Class(*event).kind) launched[*Class(*event).kind].push_back(event);
  }
  std::map<OpKind, std::size_t> next;
  for (const Slot& slot : kSlots) {
    if (slot.phase != phase.phase) continue;
    for (int i = 0; i < slot.times; ++i) {
      std::size_t& position = next[slot.kind];
      if (position >= launched[slot.kind].size()) {
        return Fail(
            fmt::format("'{}' of layer {} has no launch for {}", phase.phase, phase.layer, slot.label));
      }
      GemmShape shape{Size(slot.m, phase), Size(slot.n, phase), Size(slot.k, phase), 1};
      if (slot.kind == K::kGroupedGemmFp8) shape.groups = 4;
      Add(phase, slot.label, slot.kind, shape, *launched[slot.kind][position++]).approximate =
          slot.k == Dim::kRowsPerExpert;
    }
  }
  for (const auto& [kind, events] : launched) {
    if (next[kind] != events.size()) {
      return Fail(fmt::format("'{}' of layer {} has {} launches of {}, expected {}", phase.phase, phase.layer,
                              events.size(), Name(kind), next[kind]));
    }
  }
  return true;
}

AttentionShape Recogniser::Attention() const {
  return {1,         dims_.heads, dims_.heads, result_.tokens, result_.tokens, dims_.d_nope + dims_.d_rope,
          dims_.d_v, true};
}

/// The weight of that many elements that the phase transposes.
RowsShape Recogniser::WeightShape(std::int64_t elements, const PhaseEvents& phase) const {
  const std::int64_t h = dims_.hidden, experts = 4;  // of a rank
  const auto cols = [&](Dim dim) { return Size(dim, phase); };
  const RowsShape attention[] = {{h, cols(D::kOut)},
                                 {cols(D::kQUp), dims_.q_rank},
                                 {cols(D::kKvUp), dims_.kv_rank},
                                 {RoundUp(cols(D::kKvDown), kAlignment), h},
                                 {dims_.q_rank, h}};
  const RowsShape ffn[] = {{cols(D::kExpert2), h},
                           {h, dims_.expert_hidden},
                           {experts * cols(D::kExpert2), h},
                           {experts * h, dims_.expert_hidden}};
  const bool in_attention = phase.phase.substr(0, 4) == "attn";
  for (const RowsShape& weight : in_attention ? std::span<const RowsShape>(attention) : ffn) {
    if (weight.rows * weight.cols == elements) return weight;
  }
  return {elements / 128, 128};
}

/// Rows and columns of the kernels whose grid says them, or that a layer has one of.
std::optional<RowsShape> Recogniser::MemoryBoundShape(const GpuEvent& event, const PhaseEvents& phase) const {
  if (!Class(event).kind) return std::nullopt;
  const std::string& name = trace_.name(event);
  switch (*Class(event).kind) {
    case K::kCastTransposeFp8:
    case K::kRequantizeTranspose:
    case K::kRequantizeGather:
      return RowsShape{std::int64_t{event.grid[1]} * 128, std::int64_t{event.grid[0]} * 128};
    case K::kTransposeFp8:
      return WeightShape(event.grid[0] * kElementsPerTransposeBlock, phase);
    case K::kPermute:
      return RowsShape{PaddedRows(phase), dims_.hidden};
    case K::kUnpermute:  // the rows it reads; what it writes is in the bytes
      return RowsShape{PaddedRows(phase), dims_.hidden};
    case K::kSwiGluCastTranspose:
      return RowsShape{std::int64_t{event.grid[1]} * 128, std::int64_t{event.grid[0]} * 128};
    case K::kSwiGluBackward:
      return RowsShape{result_.tokens, dims_.expert_hidden};
    case K::kRouterWeightGrad:
      return RowsShape{PaddedRows(phase), dims_.expert_hidden};
    case K::kResidualAdd:
      if (event.blocks() != result_.tokens * dims_.hidden / kElementsPerElementwiseBlock) return std::nullopt;
      return RowsShape{result_.tokens, dims_.hidden};
    case K::kSwiGluCast:
      return RowsShape{event.grid[0], dims_.expert_hidden};
    case K::kSwiGluForwardBackward:
      return RowsShape{PaddedRows(phase), dims_.expert_hidden};
    case K::kSaveE5M6:
      return RowsShape{result_.tokens, dims_.heads * dims_.d_v};
    case K::kRestoreE5M6:
      return RowsShape{result_.tokens, dims_.heads * dims_.d_v};
    case K::kRmsNorm:
    case K::kRmsNormBackward: {
      for (const std::int64_t cols : {dims_.hidden, dims_.q_rank, dims_.kv_rank}) {
        if (name.find(fmt::format("{}u", cols)) != std::string::npos) return RowsShape{result_.tokens, cols};
      }
      return std::nullopt;
    }
    case K::kRope:
      return RowsShape{result_.tokens, event.grid[2] * dims_.d_rope};
    default:
      return std::nullopt;
  }
}

/// Slots of the kind in the phase, if the phase launched as many and their grids agree; none otherwise.
std::vector<const RowsSlot*> Recogniser::SlotsOf(OpKind kind, const PhaseEvents& phase) const {
  std::vector<const RowsSlot*> slots;
  for (const RowsSlot& slot : kRowsSlots) {
    if (slot.phase == phase.phase && slot.kind == kind) slots.push_back(&slot);
  }
  std::size_t next = 0;
  for (const GpuEvent* event : phase.events) {
    if (!Is(*event, kind)) continue;
    if (next == slots.size()) return {};
    const std::int64_t rows = Size(slots[next++]->rows, phase);
    if (kind == K::kCastFp8 && event->grid[0] != rows) return {};  // one block a row
  }
  return next == slots.size() ? slots : std::vector<const RowsSlot*>{};
}

/// Row sums of dO * O with the clearing of dQ's FP32 sum, and that sum's conversion to BF16.
std::optional<RowsShape> Recogniser::AttentionAroundShape(OpKind kind) const {
  if (kind == K::kAttentionPreprocess) return RowsShape{result_.tokens, dims_.heads * dims_.d_v};
  if (kind == K::kAttentionPostprocess)
    return RowsShape{result_.tokens, dims_.heads * (dims_.d_nope + dims_.d_rope)};
  return std::nullopt;
}

Bytes Recogniser::BytesOf(const GpuEvent& event, const RowsShape& shape, const PhaseEvents& phase) const {
  const OpKind kind = *Class(event).kind;
  const std::int64_t moved = PaddedRows(phase) + ReceivedRows(phase), elements = shape.rows * shape.cols;
  switch (kind) {
    case K::kPermute:  // FP8 with a scale per 128
      return {moved * (dims_.hidden + 4 * dims_.hidden / 128)};
    case K::kUnpermute:
      return {moved * 2 * dims_.hidden};
    case K::kAttentionPreprocess:  // dO and O read in BF16, dQ's sum written in FP32
      return {4 * elements + 4 * result_.tokens * dims_.heads * (dims_.d_nope + dims_.d_rope)};
    case K::kAttentionPostprocess:
      return {6 * elements};
    default: {
      const auto cost =
          FindCost(kind, shape);  // absent for a grid that no real launch has: bytes no table takes
      return {cost ? cost->bytes : 0};
    }
  }
}

void Recogniser::AssignAttention(const GpuEvent& event, const PhaseEvents& phase) {
  const bool forward = Is(event, K::kAttentionForward);
  Add(phase, forward ? "attention forward" : "attention backward", *Class(event).kind, Attention(), event);
}

void Recogniser::AssignOthers(const PhaseEvents& phase) {
  std::map<OpKind, std::vector<const RowsSlot*>> slots;
  std::map<OpKind, std::size_t> next;
  for (const OpKind kind : {K::kCastFp8, K::kDequantize}) slots[kind] = SlotsOf(kind, phase);
  for (const GpuEvent* event : phase.events) {
    if (!Class(*event).kind) continue;
    const OpKind kind = *Class(*event).kind;
    if (kind == K::kAttentionForward || kind == K::kAttentionBackward) {
      AssignAttention(*event, phase);
      continue;
    }
    std::optional<RowsShape> shape = MemoryBoundShape(*event, phase);
    if (!shape) shape = AttentionAroundShape(kind);
    if (const auto it = slots.find(kind); it != slots.end() && next[kind] < it->second.size()) {
      const RowsSlot& slot = *it->second[next[kind]++];
      shape = RowsShape{Size(slot.rows, phase), Size(slot.cols, phase)};
    }
    if (!shape) continue;
    Add(phase, Name(kind), kind, *shape, *event, BytesOf(*event, *shape, phase));
  }
}

RecognisedOp& Recogniser::Add(const PhaseEvents& phase, std::string_view label, OpKind kind,
                              const OpShape& shape, const GpuEvent& event, Bytes bytes) {
  const auto same = [&](const RecognisedOp& op) {
    return op.phase == phase.phase && op.label == label && op.kind == kind && op.shape == shape &&
           op.bytes == bytes && op.kernel == event.name;
  };
  auto it = std::find_if(result_.ops.begin(), result_.ops.end(), same);
  if (it == result_.ops.end()) {
    const Flops flops{WorkOf(kind, shape).flops};
    result_.ops.push_back({{std::string(label), kind, shape, flops, bytes, event.blocks(), {}},
                           std::string(phase.phase),
                           event.name,
                           false,
                           {}});
    it = result_.ops.end() - 1;
  }
  it->durations_us.push_back(static_cast<double>(event.duration_ns) / 1000);
  it->layers.push_back(phase.layer);
  return *it;
}

void Recogniser::OrderOps() {
  const auto rank = [](const RecognisedOp& op) {
    return std::find(kPhases.begin(), kPhases.end(), op.phase) - kPhases.begin();
  };
  std::stable_sort(result_.ops.begin(), result_.ops.end(),
                   [&](auto& a, auto& b) { return rank(a) < rank(b); });
}

}  // namespace

LayerOps RecogniseLayers(const Trace& trace, const Attribution& attribution, const TraceSummary& summary,
                         const MlaMoeDimensions& dims) {
  return Recogniser(trace, attribution, summary, dims).Run();
}

}  // namespace orrery::profiler
