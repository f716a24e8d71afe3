#include "scenarios/validation/trace_match.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/op/op_traits.h"

namespace orrery::scenarios {
namespace {

using models::LayerRef;
using models::LayerShape;
using models::ModelSpec;
using models::PhaseOps;
using models::PlacedOp;
using K = OpKind;

// What the grids of DeepSeek's kernels say (deepseek-ai/profile-data train.json: rows and elements that the weights and
// tokens of DeepSeek-V3 fix, over the blocks launched for them).
constexpr std::int64_t kRowsPerExpandBlock = 16;            // expand_to_fused
constexpr std::int64_t kElementsPerTransposeBlock = 16384;  // batched_transpose
constexpr std::int64_t kCastTile = 128;  // per_channel_cast_and_transpose: a block a 128 x 128 tile
// PyTorch's vectorized_elementwise_kernel: 128 threads of 4 elements.
constexpr std::int64_t kElementsPerElementwiseBlock = 512;

/// Where a trace departs from the list; ends the matching.
struct Departure {
  std::string what;
};

template <typename... Args>
[[noreturn]] void Depart(fmt::format_string<Args...> format, Args&&... args) {
  throw Departure{fmt::format(format, std::forward<Args>(args)...)};
}

bool OnTensorCores(K kind) { return Traits(kind).bound == Bound::kTensorCores; }

/// Copies, constants and what starting decides: many small kernels of a framework that neither grid nor order tells
/// apart.
bool IsNotTold(K kind) {
  return Traits(kind).bound != Bound::kMemory || kind == K::kCopy || kind == K::kScale || kind == K::kMemset;
}

std::int64_t Elements(const Op& op) {
  const auto& shape = std::get<RowsShape>(op.shape);
  return shape.rows * shape.cols;
}

class Matcher {
 public:
  Matcher(const ModelSpec& model, LayerShape shape, const std::vector<TracedPhase>& phases)
      : model_(model), shape_(std::move(shape)), phases_(phases) {
    layer_.kind = model.moe ? models::LayerKind::kMoe : models::LayerKind::kDense;
    // The trace's rows have their padding already.
    shape_.row_alignment = 1;
  }

  LaunchMatch Run() {
    try {
      CollectPhases();
      FindTokens();
      if (model_.moe) {
        FindRows();
        FindExperts();
      }
      for (std::size_t i = 0; i < phases_.size(); ++i) MatchPhase(i);
      if (lists_transposes_ && !saw_transposes_)
        Depart("no transpose of a weight, by which one model is told from another");
    } catch (const Departure& departure) {
      result_.ops.assign(phases_.size(), {});
      result_.departure = departure.what;
    }
    return std::move(result_);
  }

 private:
  using Launches = std::map<K, std::vector<std::size_t>>;  // of a phase: where each kind's are

  void CollectPhases();
  void FindTokens();
  void FindRows();
  void FindExperts();
  void MatchPhase(std::size_t index);
  void MatchTensorCores(std::size_t index, const std::vector<PlacedOp>& ops, const Launches& launched);
  void CheckTransposes(const TracedPhase& phase, const std::vector<PlacedOp>& ops, const Launches& launched);
  void MatchMemoryBound(std::size_t index, const std::vector<PlacedOp>& ops, Launches launched);

  const models::Phase* PartOf(const TracedPhase& phase) const {
    const auto it = parts_.find(phase.name);
    return it == parts_.end() ? nullptr : &it->second;
  }
  LayerShape ShapeOf(const models::Phase& part, int layer) const;
  bool Contradicts(const TracedLaunch& launch, const Op& op) const;
  /// An add over the residual stream; others of these kernels could be any of a framework's.
  bool IsResidualStream(const Op& op) const { return std::get<RowsShape>(op.shape).cols == model_.hidden; }
  bool IsWanted(const Op& op) const;
  MatchedLaunch OneOfGroup(const Op& op) const;

  const ModelSpec& model_;
  LayerShape shape_;
  const std::vector<TracedPhase>& phases_;
  LayerRef layer_;
  std::map<std::string, models::Phase> parts_;
  bool lists_transposes_ = false, saw_transposes_ = false;
  LaunchMatch result_;
};

void Matcher::CollectPhases() {
  std::map<std::string, int> times;
  for (const TracedPhase& phase : phases_) ++times[phase.name];
  const std::string first = Name(models::kTrainingPhases.front());
  for (const models::Phase part : models::kTrainingPhases) {
    const std::string name = Name(part);
    if (times[name] == 0) Depart("no phase '{}'", name);
    if (times[name] != times[first])
      Depart("{} phases '{}', expected one for each of {} '{}'", times[name], name, times[first], first);
    parts_.emplace(name, part);
  }
  const int layers = times[first];
  for (const TracedPhase& phase : phases_) {
    if (PartOf(phase) != nullptr && (phase.layer < 0 || phase.layer >= layers))
      Depart("'{}' of layer {}, expected {} layers", phase.name, phase.layer, layers);
  }
  result_.rows.resize(static_cast<std::size_t>(layers));
  result_.ops.resize(phases_.size());
}

void Matcher::FindTokens() {
  for (const TracedPhase& phase : phases_) {
    if (phase.name != Name(models::phase::kAttentionForward)) continue;
    for (const TracedLaunch& launch : phase.launches) {
      if (result_.tokens == 0 && launch.kind == K::kCastFp8) result_.tokens = launch.grid[0];
    }
  }
  if (result_.tokens <= 0)
    Depart("no cast to FP8 in '{}' to count tokens by", Name(models::phase::kAttentionForward));
}

void Matcher::FindRows() {
  for (const TracedPhase& phase : phases_) {
    const bool forward = phase.name == Name(models::phase::kMlpForward);
    if (!forward && phase.name != Name(models::phase::kMlpBackward)) continue;
    LayerRows& rows = result_.rows[static_cast<std::size_t>(phase.layer)];
    for (const TracedLaunch& launch : phase.launches) {
      if (launch.kind == K::kPermute)
        (forward ? rows.forward_m : rows.backward_m) = launch.grid[0] * kRowsPerExpandBlock;
      if (launch.kind == K::kUnpermute) (forward ? rows.forward_u : rows.backward_u) = launch.grid[0];
    }
  }
  for (std::size_t i = 0; i < result_.rows.size(); ++i) {
    const LayerRows& rows = result_.rows[i];
    if (std::min(rows.forward_m, rows.backward_m) <= 0 || std::min(rows.forward_u, rows.backward_u) < 0)
      Depart("no permutation of rows to experts in layer {}", i);
  }
}

std::int64_t Count(const std::vector<PlacedOp>& ops, K kind) {
  return std::count_if(ops.begin(), ops.end(), [&](const PlacedOp& o) { return o.op.kind == kind; });
}

void Matcher::FindExperts() {
  const std::string name = Name(models::phase::kMlpWeight);
  const auto phase =
      std::find_if(phases_.begin(), phases_.end(), [&](const auto& p) { return p.name == name; });
  const auto launched = [&](K kind) {
    return std::count_if(phase->launches.begin(), phase->launches.end(),
                         [&](const TracedLaunch& launch) { return launch.kind == kind; });
  };
  LayerShape one = shape_;
  one.batch = models::Sequences(1, result_.tokens);
  one.shard.local_experts = 1;
  one.batch.routed = {{1}, 1};
  const std::vector<PlacedOp> ops = PhaseOps(model_, layer_, models::phase::kMlpWeight, one);
  const std::int64_t dense = Count(ops, K::kGemmFp8Wgrad), grouped = Count(ops, K::kGroupedGemmFp8Wgrad);
  if (grouped == 0 || launched(K::kGroupedGemmFp8Wgrad) > 0) {
    if (shape_.shard.local_experts <= 0)
      Depart("'{}' has grouped weight gradients, which do not tell how many experts a rank has", name);
    return;
  }
  const std::int64_t left = launched(K::kGemmFp8Wgrad) - dense, experts = left / grouped;
  if (left <= 0 || left % grouped != 0 || experts > model_.moe->routed_experts)
    Depart("'{}' of layer {} has {} launches of {}, expected {} and {} for each of at most {} experts", name,
           phase->layer, left + dense, Name(K::kGemmFp8Wgrad), dense, grouped, model_.moe->routed_experts);
  shape_.shard.local_experts = static_cast<int>(experts);
}

LayerShape Matcher::ShapeOf(const models::Phase& part, int layer) const {
  LayerShape shape = shape_;
  shape.batch = models::Sequences(1, result_.tokens);
  if (!model_.moe) return shape;
  const LayerRows& rows = result_.rows[static_cast<std::size_t>(layer)];
  const bool forward = part.pass == models::Pass::kForward;
  // Only their total is known, and nothing below depends on how it is split.
  shape.batch.routed = {
      models::EvenTiles(forward ? rows.forward_m : rows.backward_m, shape.shard.local_experts, 0, 1),
      forward ? rows.forward_u : rows.backward_u};
  return shape;
}

void Matcher::MatchPhase(std::size_t index) {
  const TracedPhase& phase = phases_[index];
  const models::Phase* part = PartOf(phase);
  if (part == nullptr) return;
  const std::vector<PlacedOp> ops = PhaseOps(model_, layer_, *part, ShapeOf(*part, phase.layer));
  Launches launched;
  for (std::size_t i = 0; i < phase.launches.size(); ++i) {
    if (phase.launches[i].kind) launched[*phase.launches[i].kind].push_back(i);
  }
  result_.ops[index].resize(phase.launches.size());
  CheckTransposes(phase, ops, launched);
  MatchTensorCores(index, ops, launched);
  MatchMemoryBound(index, ops, std::move(launched));
}

/// One expert's part of a grouped weight gradient.
MatchedLaunch Matcher::OneOfGroup(const Op& op) const {
  GemmShape shape = Gemm(op);
  shape.k /= shape_.shard.local_experts;
  shape.groups = 1;
  return {{K::kGemmFp8Wgrad, shape, op.label}, true};
}

void Matcher::MatchTensorCores(std::size_t index, const std::vector<PlacedOp>& ops,
                               const Launches& launched) {
  const TracedPhase& phase = phases_[index];
  static const std::vector<std::size_t> kNone;
  const auto of = [&](K kind) -> const std::vector<std::size_t>& {
    const auto it = launched.find(kind);
    return it == launched.end() ? kNone : it->second;
  };
  std::map<K, std::size_t> next;
  for (const PlacedOp& placed : ops) {
    if (!OnTensorCores(placed.op.kind)) continue;
    MatchedLaunch match{placed.op, false};
    int times = 1;
    if (auto* gemm = std::get_if<GemmShape>(&match.op.shape)) {
      gemm->tiles_64 = gemm->tiles_128 = 0;  // of each expert's rows, which the trace does not tell
      if (placed.op.kind == K::kGroupedGemmFp8Wgrad && of(placed.op.kind).empty()) {
        match = OneOfGroup(match.op);
        times = shape_.shard.local_experts;
      }
    }
    const std::vector<std::size_t>& launches = of(match.op.kind);
    for (int i = 0; i < times; ++i) {
      std::size_t& position = next[match.op.kind];
      if (position >= launches.size())
        Depart("'{}' of layer {} has no launch for {}", phase.name, phase.layer, placed.op.label);
      result_.ops[index][launches[position++]] = match;
    }
  }
  for (const auto& [kind, launches] : launched) {
    if (OnTensorCores(kind) && next[kind] != launches.size())
      Depart("'{}' of layer {} has {} launches of {}, expected {}", phase.name, phase.layer, launches.size(),
             Name(kind), next[kind]);
  }
}

/// A phase that transposes weights at all transposes those of the list.
void Matcher::CheckTransposes(const TracedPhase& phase, const std::vector<PlacedOp>& ops,
                              const Launches& launched) {
  lists_transposes_ = lists_transposes_ || Count(ops, K::kTransposeFp8) > 0;
  const auto it = launched.find(K::kTransposeFp8);
  if (it == launched.end()) return;
  saw_transposes_ = true;
  std::size_t next = 0;
  for (const PlacedOp& placed : ops) {
    if (placed.op.kind != K::kTransposeFp8) continue;
    if (next == it->second.size())
      Depart("'{}' of layer {} has no launch for {}", phase.name, phase.layer, placed.op.label);
    const TracedLaunch& launch = phase.launches[it->second[next++]];
    if (Contradicts(launch, placed.op))
      Depart("'{}' of layer {} transposes a weight of {} elements, expected {} for {}: another model",
             phase.name, phase.layer, launch.grid[0] * kElementsPerTransposeBlock, Elements(placed.op),
             placed.op.label);
  }
  if (next != it->second.size())
    Depart("'{}' of layer {} has {} launches of {}, expected {}", phase.name, phase.layer, it->second.size(),
           Name(K::kTransposeFp8), next);
}

/// Whether the grid is not that of a launch of `op`; false for kinds whose grids tell nothing.
bool Matcher::Contradicts(const TracedLaunch& launch, const Op& op) const {
  const auto& shape = std::get<RowsShape>(op.shape);
  switch (op.kind) {
    case K::kCastFp8:
    case K::kSwiGluCast:
      return launch.grid[0] != shape.rows;
    case K::kCastTransposeFp8:
    case K::kRequantizeTranspose:
    case K::kRequantizeGather:
    case K::kSwiGluCastTranspose:
      return launch.grid[1] * kCastTile != shape.rows || launch.grid[0] * kCastTile != shape.cols;
    case K::kTransposeFp8:
      return launch.grid[0] * kElementsPerTransposeBlock != Elements(op);
    case K::kResidualAdd:
      return launch.blocks() != Elements(op) / kElementsPerElementwiseBlock;
    case K::kRope: {  // rotary_kernel: the grid's third dimension counts heads
      const models::AttentionSpec& a = model_.attention;
      return launch.grid[2] * std::int64_t{a.kind == models::AttentionKind::kMla ? a.rope_dim : a.head_dim} !=
             shape.cols;
    }
    default:
      return false;
  }
}

/// Memory-bound ops that a launch is looked for. Those of one row are sums and updates of a norm's weight.
bool Matcher::IsWanted(const Op& op) const {
  if (OnTensorCores(op.kind) || IsNotTold(op.kind)) return false;
  if (op.kind == K::kResidualAdd && !IsResidualStream(op)) return false;
  return std::get<RowsShape>(op.shape).rows > 1;
}

void Matcher::MatchMemoryBound(std::size_t index, const std::vector<PlacedOp>& ops, Launches launched) {
  const TracedPhase& phase = phases_[index];
  std::map<K, std::vector<const Op*>> listed;
  for (const PlacedOp& placed : ops) {
    if (IsWanted(placed.op)) listed[placed.op.kind].push_back(&placed.op);
  }
  for (const auto& [kind, wanted] : listed) {
    std::vector<std::size_t>& launches = launched[kind];
    const auto contradicts = [&](std::size_t launch, const Op* op) {
      return Contradicts(phase.launches[launch], *op);
    };
    // A framework adds much else with the same kernel.
    if (kind == K::kResidualAdd)
      std::erase_if(launches, [&](std::size_t launch) { return contradicts(launch, wanted.front()); });
    if (launches.size() != wanted.size()) continue;
    std::vector<std::optional<MatchedLaunch>> found(launches.size());
    std::vector<const Op*> open = wanted;  // in order; a launch takes the first that its grid allows
    for (std::size_t i = 0; i < launches.size(); ++i) {
      const auto it =
          std::find_if(open.begin(), open.end(), [&](const Op* op) { return !contradicts(launches[i], op); });
      if (it == open.end()) break;
      found[i] = MatchedLaunch{**it, false};
      open.erase(it);
    }
    if (!open.empty()) continue;
    for (std::size_t i = 0; i < launches.size(); ++i) result_.ops[index][launches[i]] = found[i];
  }
}

}  // namespace

LaunchMatch MatchLaunches(const ModelSpec& model, LayerShape shape, const std::vector<TracedPhase>& phases) {
  return Matcher(model, std::move(shape), phases).Run();
}

}  // namespace orrery::scenarios
