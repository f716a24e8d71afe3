#include "models/parallel/training_program.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "models/parallel/gradient_reduction.h"

namespace orrery::models {
namespace {

constexpr int kCompute = 0, kComm = 1, kSendUp = 2, kSendDown = 3;

/// A completed step: `count` steps of `stream` done. count 0: nothing to wait for.
struct Done {
  int stream = kCompute;
  std::uint32_t count = 0;
};

/// Where a chunk's input comes from.
struct Input {
  int channel = -1;  ///< message channel; -1: the chunk starts the model or its loss
  std::uint32_t messages = 0;
};

/// Where its output goes.
struct Output {
  int peer = -1;  ///< pipeline rank; -1: nowhere
  int channel = 0;
};

struct ChunkPlan {
  const std::vector<Unit>* units = nullptr;
  int micro_batch = 0;
  Input input;
  Output output;
};

/// Emits one rank's program.
class Emitter {
 public:
  /// `last`: notes where the last weight gradients of each block end; null: nobody asks.
  Emitter(int rank, int micro_batches, Program* program, LastWeights* last = nullptr)
      : rank_(rank), micro_batches_(micro_batches), program_(*program), last_(last) {}

  /// Nothing of the task starts before all its inputs are there: DualPipe's published step() waits for the
  /// messages of both chunks of a pair first (deepseek-ai/DualPipe, _commit_and_wait_comm).
  void BeginTask(const Input& first = {}, const Input& second = {}) {
    inputs_ = {first, second};
    for (int s : {kCompute, kComm}) drained_[static_cast<std::size_t>(s)] = Count(s);
    fresh_ = {true, true};
  }
  void EndTask() { ++program_.tasks; }

  void Forward(const ChunkPlan& chunk) {
    Cursor f = Begin(chunk);
    for (const Unit& unit : *chunk.units) {
      AttentionForward(unit, &f);
      Dispatch(unit, &f);
      MlpForward(unit, &f);
      Combine(unit, &f);
    }
    Send(chunk, f.last);
  }

  void Backward(const ChunkPlan& chunk, bool with_weight) {
    Cursor b = Begin(chunk);
    ForEachReversed(chunk, [&](const Unit& unit) {
      CombineBackward(unit, &b);
      MlpBackward(unit, &b);
      DispatchBackward(unit, &b);
      if (with_weight) Weight(unit, Part::kMlpWeight, b);
      AttentionBackward(unit, &b);
      if (with_weight) Weight(unit, Part::kAttentionWeight, b);
    });
    Send(chunk, b.last);
  }

  void BackwardWeight(const ChunkPlan& chunk) {
    for (const auto& [unit, part] : WeightBlocks(chunk, {Part::kMlpWeight, Part::kAttentionWeight}))
      Weight(*unit, part, Begin(chunk));
  }

  /// The input backward of one chunk, and beside each of its exchanges a W block of an older one; the rest of
  /// those follow.
  void BackwardBeside(const ChunkPlan& chunk, const ChunkPlan& older) {
    // The attention's first: then the MLP's, which takes longer, lies beside the longer exchange, the
    // dispatch of gradients that goes in BF16.
    const WeightList blocks = WeightBlocks(older, {Part::kAttentionWeight, Part::kMlpWeight});
    auto next = blocks.begin();
    const auto weight = [&] {
      if (next == blocks.end()) return;
      Weight(*next->first, next->second, Begin(older));
      ++next;
    };
    Cursor b = Begin(chunk);
    ForEachReversed(chunk, [&](const Unit& unit) {
      CombineBackward(unit, &b);
      if (HasPart(unit.kind, Part::kCombineBackward)) weight();
      MlpBackward(unit, &b);
      DispatchBackward(unit, &b);
      if (HasPart(unit.kind, Part::kDispatchBackward)) weight();
      AttentionBackward(unit, &b);
    });
    Send(chunk, b.last);
    while (next != blocks.end()) weight();
  }

  void Pair(const ChunkPlan& forward, const ChunkPlan& backward) {
    Cursor f = Begin(forward), b = Begin(backward);
    const std::size_t nf = forward.units->size(), nb = backward.units->size();
    for (std::size_t i = 0; i < std::max(nf, nb); ++i) {
      const Unit* fu = i < nf ? &(*forward.units)[i] : nullptr;
      const Unit* bu = i < nb ? &(*backward.units)[nb - 1 - i] : nullptr;
      if (bu != nullptr) CombineBackward(*bu, &b);
      if (fu != nullptr) AttentionForward(*fu, &f);
      if (fu != nullptr) Dispatch(*fu, &f);
      if (bu != nullptr) MlpBackward(*bu, &b);
      if (bu != nullptr) DispatchBackward(*bu, &b);
      if (bu != nullptr) Weight(*bu, Part::kMlpWeight, b);
      if (fu != nullptr) MlpForward(*fu, &f);
      if (fu != nullptr) Combine(*fu, &f);
      if (bu != nullptr) AttentionBackward(*bu, &b);
      if (bu != nullptr) Weight(*bu, Part::kAttentionWeight, b);
      if (i + 1 == nf) Send(forward, f.last);
      if (i + 1 == nb) Send(backward, b.last);
    }
  }

 private:
  /// How far a chunk has come: what its next step waits for.
  struct Cursor {
    const ChunkPlan* chunk;
    Done last;
  };

  std::uint32_t Count(int stream) const {
    return static_cast<std::uint32_t>(program_.streams[static_cast<std::size_t>(stream)].size());
  }

  static Cursor Begin(const ChunkPlan& chunk) { return {&chunk, {}}; }

  using WeightList = std::vector<std::pair<const Unit*, Part>>;
  /// The W blocks of a chunk, last unit first, those of a unit in the order of `parts`.
  static WeightList WeightBlocks(const ChunkPlan& chunk, const std::array<Part, 2>& parts) {
    WeightList blocks;
    ForEachReversed(chunk, [&](const Unit& unit) {
      for (const Part part : parts) {
        if (HasPart(unit.kind, part)) blocks.emplace_back(&unit, part);
      }
    });
    return blocks;
  }

  template <class F>
  static void ForEachReversed(const ChunkPlan& chunk, F&& f) {
    for (auto unit = chunk.units->rbegin(); unit != chunk.units->rend(); ++unit) f(*unit);
  }

  Done Emit(const Unit& unit, Part part, const ChunkPlan& chunk, Done after) {
    const int stream = IsExchange(part) ? kComm : kCompute;
    ProgramStep step;
    step.type = IsExchange(part) ? StepType::kExchange : StepType::kWork;
    step.price = PriceKey(unit.kind, part);
    step.instance = LoadInstance(unit.moe_layer, chunk.micro_batch, micro_batches_);
    step.task = program_.tasks;
    if (after.count > 0) step.wait_done[static_cast<std::size_t>(after.stream)] = after.count;
    if (fresh_[static_cast<std::size_t>(stream)]) BeginStream(stream, &step);
    program_.streams[static_cast<std::size_t>(stream)].push_back(step);
    return {stream, Count(stream)};
  }

  /// The first step of a task on a stream waits for the other stream to drain, and for the task's inputs.
  void BeginStream(int stream, ProgramStep* step) {
    const auto other = static_cast<std::size_t>(stream == kCompute ? kComm : kCompute);
    step->wait_done[other] = std::max(step->wait_done[other], drained_[other]);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      step->wait_channel[i] = static_cast<std::int8_t>(inputs_[i].channel);
      step->wait_messages[i] = inputs_[i].messages;
    }
    fresh_[static_cast<std::size_t>(stream)] = false;
  }

  void Run(const Unit& unit, Part part, Cursor* cursor) {
    if (!HasPart(unit.kind, part)) return;
    cursor->last = Emit(unit, part, *cursor->chunk, cursor->last);
  }
  void AttentionForward(const Unit& u, Cursor* c) { Run(u, Part::kAttentionForward, c); }
  void Dispatch(const Unit& u, Cursor* c) { Run(u, Part::kDispatch, c); }
  void MlpForward(const Unit& u, Cursor* c) { Run(u, Part::kMlpForward, c); }
  void Combine(const Unit& u, Cursor* c) { Run(u, Part::kCombine, c); }
  void CombineBackward(const Unit& u, Cursor* c) { Run(u, Part::kCombineBackward, c); }
  void MlpBackward(const Unit& u, Cursor* c) { Run(u, Part::kMlpBackward, c); }
  void DispatchBackward(const Unit& u, Cursor* c) { Run(u, Part::kDispatchBackward, c); }
  void AttentionBackward(const Unit& u, Cursor* c) { Run(u, Part::kAttentionBackward, c); }

  /// Weight gradients wait for nothing but their turn and feed nobody.
  void Weight(const Unit& unit, Part part, const Cursor& cursor) {
    if (!HasPart(unit.kind, part)) return;
    const Done done = Emit(unit, part, *cursor.chunk, {});
    if (last_ != nullptr) (*last_)[{&unit, part}] = done.count;
  }

  void Send(const ChunkPlan& chunk, Done after) {
    if (chunk.output.peer < 0) return;
    ProgramStep step;
    step.type = StepType::kSend;
    step.price = chunk.output.peer == rank_ ? kLocalSendPrice : kSendPrice;
    step.instance = static_cast<std::uint32_t>(chunk.micro_batch);
    step.task = program_.tasks;
    step.peer = static_cast<std::int16_t>(chunk.output.peer);
    step.peer_channel = static_cast<std::uint8_t>(chunk.output.channel);
    if (after.count > 0) step.wait_done[static_cast<std::size_t>(after.stream)] = after.count;
    program_.streams[chunk.output.peer > rank_ ? kSendUp : kSendDown].push_back(step);
  }

  int rank_, micro_batches_;
  Program& program_;
  LastWeights* last_;
  std::array<std::uint32_t, 2> drained_{};
  std::array<bool, 2> fresh_{true, true};
  std::array<Input, 2> inputs_;
};

/// Channel numbers of a rank's stages: two each, activations then gradients.
class Router {
 public:
  explicit Router(const Schedule& schedule) : schedule_(schedule) {
    for (int rank = 0; rank < schedule.spec.ranks; ++rank) {
      ORRERY_CHECK(schedule.StagesOf(rank).size() * 2 <= kMaxChannels, "too many stages on a pipeline rank");
    }
  }

  int Channel(int stage, int direction, bool gradient) const {
    const auto stages = schedule_.StagesOf(RankOf(stage, direction));
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].first == stage && stages[i].second == direction)
        return static_cast<int>(2 * i) + (gradient ? 1 : 0);
    }
    ORRERY_CHECK(false, "stage " + std::to_string(stage) + " is on no rank");
    return 0;
  }

  int RankOf(int stage, int direction) const { return schedule_.RankOf({stage, direction, 0}); }

 private:
  const Schedule& schedule_;
};

class RankBuilder {
 public:
  RankBuilder(const Schedule& schedule, const std::vector<std::vector<Unit>>& stages, const Router& router,
              int rank, TrainingPrograms* out, LastWeights* last)
      : schedule_(schedule),
        stages_(stages),
        router_(router),
        emitter_(rank, schedule.spec.micro_batches, &out->programs[static_cast<std::size_t>(rank)], last),
        kinds_(out->task_kinds[static_cast<std::size_t>(rank)]) {}

  void AddAll(const std::vector<Step>& steps, WeightPasses weights) {
    const auto last_forward = std::find_if(steps.rbegin(), steps.rend(), [](const Step& step) {
                                return step.kind == StepKind::kForward;
                              }).base();
    for (auto step = steps.begin(); step != steps.end(); ++step) {
      const bool beside = weights == WeightPasses::kFitExchanges || step < last_forward;
      const auto next = step + 1;
      if (beside && schedule_.spec.kind == ScheduleKind::kZb1p && step->kind == StepKind::kBackwardInput &&
          next != steps.end() && next->kind == StepKind::kBackwardWeight) {
        AddBackwardBeside(step->backward, next->backward);
        step = next;
      } else {
        Add(*step);
      }
    }
  }

 private:
  /// An input backward with a weight pass beside its exchanges: of an older chunk, or its own.
  void AddBackwardBeside(const ChunkRef& input, const ChunkRef& weight) {
    const ChunkPlan plan = Plan(input, true);
    emitter_.BeginTask(plan.input);
    if (input == weight) {
      emitter_.Backward(plan, true);
    } else {
      emitter_.BackwardBeside(plan, WeightPlan(weight));
    }
    emitter_.EndTask();
    kinds_.push_back(StepKind::kBackward);
  }

  void Add(const Step& step) {
    const bool forward = step.kind == StepKind::kForward || step.kind == StepKind::kForwardBackward;
    const bool backward = step.kind != StepKind::kForward && step.kind != StepKind::kBackwardWeight;
    const ChunkPlan f = forward ? Plan(step.forward, false) : ChunkPlan{};
    const ChunkPlan b = backward                                 ? Plan(step.backward, true)
                        : step.kind == StepKind::kBackwardWeight ? WeightPlan(step.backward)
                                                                 : ChunkPlan{};
    emitter_.BeginTask(f.input, b.input);
    switch (step.kind) {
      case StepKind::kForward:
        emitter_.Forward(f);
        break;
      case StepKind::kBackward:
        emitter_.Backward(b, true);
        break;
      case StepKind::kBackwardInput:
        emitter_.Backward(b, false);
        break;
      case StepKind::kBackwardWeight:
        emitter_.BackwardWeight(b);
        break;
      case StepKind::kForwardBackward:
        emitter_.Pair(f, b);
        break;
    }
    emitter_.EndTask();
    kinds_.push_back(step.kind);
  }

  /// Counted over both directions.
  int MicroBatch(const ChunkRef& ref) const {
    return ref.micro_batch + ref.direction * schedule_.micro_batches_per_direction();
  }

  /// Waits for the gradient that its input backward waited for: of a stage that only embeds, that backward
  /// has nothing to do, and so nothing that would have waited. Gradients come in the order of micro-batches.
  ChunkPlan WeightPlan(const ChunkRef& ref) const {
    ChunkPlan plan;
    plan.units = &stages_[static_cast<std::size_t>(ref.stage)];
    plan.micro_batch = MicroBatch(ref);
    if (ref.stage < schedule_.stages - 1 && !plan.units->empty()) {
      plan.input.channel = router_.Channel(ref.stage, ref.direction, true);
      plan.input.messages = static_cast<std::uint32_t>(ref.micro_batch) + 1;
    }
    return plan;
  }

  /// A stage that holds nothing neither gets nor sends: its neighbours send to each other.
  ChunkPlan Plan(const ChunkRef& ref, bool gradient) {
    const int last = schedule_.stages - 1, forward = gradient ? -1 : 1;
    ChunkPlan plan;
    plan.units = &stages_[static_cast<std::size_t>(ref.stage)];
    plan.micro_batch = MicroBatch(ref);
    if (plan.units->empty()) return plan;
    if (gradient ? ref.stage < last : ref.stage > 0) {
      plan.input.channel = router_.Channel(ref.stage, ref.direction, gradient);
      plan.input.messages = ++received_[static_cast<std::size_t>(plan.input.channel)];
    }
    int next = ref.stage + forward;
    while (next >= 0 && next <= last && stages_[static_cast<std::size_t>(next)].empty()) next += forward;
    if (next >= 0 && next <= last) {
      plan.output.peer = router_.RankOf(next, ref.direction);
      plan.output.channel = router_.Channel(next, ref.direction, gradient);
    }
    return plan;
  }

  const Schedule& schedule_;
  const std::vector<std::vector<Unit>>& stages_;
  const Router& router_;
  Emitter emitter_;
  std::vector<StepKind>& kinds_;
  std::array<std::uint32_t, kMaxChannels> received_{};
};

}  // namespace

std::vector<Unit> UnitsOf(const ModelSpec& spec, const Stage& stage) {
  std::vector<Unit> units;
  if (stage.has_embedding) units.push_back({UnitKind::kEmbedding, -1});
  for (const int layer : stage.layers) {
    const UnitKind kind = UnitOf(spec.BlocksOf(layer));
    units.push_back({kind, HasExperts(kind) ? spec.MoeIndex(layer) : -1});
  }
  if (stage.has_head) units.push_back({UnitKind::kHead, -1});
  for (int part = stage.first_mtp_part; part < stage.first_mtp_part + stage.mtp_parts; ++part) {
    if (part % 2 == 1) {
      units.push_back({UnitKind::kHead, -1});
    } else {
      units.push_back(spec.moe ? Unit{UnitKind::kMtpLayer, spec.MoeLayers() + part / 2}
                               : Unit{UnitKind::kDenseLayer, -1});
    }
  }
  return units;
}

UnitKind UnitOf(const LayerBlocks& blocks) {
  if (blocks.mixer == kOwnMixer)
    return blocks.kind == LayerKind::kMoe ? UnitKind::kMoeLayer : UnitKind::kDenseLayer;
  return blocks.kind == LayerKind::kMoe ? UnitKind::kOtherMoeLayer : UnitKind::kOtherDenseLayer;
}

LayerBlocks BlocksOf(UnitKind kind) {
  const bool other = kind == UnitKind::kOtherDenseLayer || kind == UnitKind::kOtherMoeLayer;
  return {HasExperts(kind) ? LayerKind::kMoe : LayerKind::kDense, other ? 1 : kOwnMixer};
}

std::string WhyNotTrained(const ModelSpec& spec) {
  if (!spec.gated) return "a feed-forward without a gate is not priced in training";
  for (const LayerGroup& g : spec.Groups()) {
    const AttentionSpec* a = spec.AttentionOf(g.blocks.mixer);
    if (spec.RecurrenceOf(g.blocks.mixer) != nullptr)
      return "a recurrent mixer is not priced in training: no kernels of its backward pass are known";
    if (a != nullptr && a->index_heads > 0)
      return "an indexer is not priced in training: no kernels of its backward pass are known";
    if (a == nullptr || g.blocks.kind == LayerKind::kNone)
      return "layers of a mixer alone, or of a feed-forward alone, cannot be laid out on stages";
    if (g.blocks.mixer > 1) return "more than one mixer beside the model's own cannot be laid out on stages";
  }
  return "";
}

std::string_view Name(Part part) {
  constexpr std::array<std::string_view, kParts> kNames = {
      "attn(F)", "mlp(F)",      "mlp(B)",     "mlp(W)",     "attn(B)",
      "attn(W)", "dispatch(F)", "combine(F)", "combine(B)", "dispatch(B)"};
  return kNames[static_cast<std::size_t>(part)];
}

bool HasPart(UnitKind kind, Part part) {
  switch (kind) {
    case UnitKind::kEmbedding:
      return part == Part::kAttentionForward || part == Part::kAttentionWeight;
    case UnitKind::kDenseLayer:
    case UnitKind::kOtherDenseLayer:
      return !IsExchange(part);
    case UnitKind::kHead:
      return part == Part::kMlpForward || part == Part::kMlpBackward || part == Part::kMlpWeight;
    case UnitKind::kMoeLayer:
    case UnitKind::kMtpLayer:
    case UnitKind::kOtherMoeLayer:
      return true;
  }
  return false;
}

TrainingPrograms BuildTrainingPrograms(const Schedule& schedule, const std::vector<std::vector<Unit>>& stages,
                                       WeightPasses weights, GradientReduction reduction) {
  ORRERY_CHECK(static_cast<int>(stages.size()) == schedule.stages, "layout and schedule differ in stages");
  ORRERY_CHECK(!stages.front().empty() && !stages.back().empty(), "a model begins and ends with a part");
  TrainingPrograms out;
  const auto ranks = static_cast<std::size_t>(schedule.spec.ranks);
  out.programs.resize(ranks);
  out.task_kinds.resize(ranks);
  const Router router(schedule);
  const bool beside = reduction == GradientReduction::kBesideBackwards;
  std::vector<LastWeights> last(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    RankBuilder builder(schedule, stages, router, static_cast<int>(rank), &out,
                        beside ? &last[rank] : nullptr);
    builder.AddAll(schedule.steps[rank], weights);
  }
  if (beside) AddReductions(schedule, last, &out.programs);
  return out;
}

TrainingPrograms BuildSinglePair(const std::vector<Unit>& forward, const std::vector<Unit>& backward) {
  TrainingPrograms out;
  out.programs.resize(1);
  out.task_kinds = {{StepKind::kForwardBackward}};
  Emitter emitter(0, 2, &out.programs[0]);
  ChunkPlan f, b;
  f.units = &forward;
  b.units = &backward;
  b.micro_batch = 1;
  emitter.BeginTask();
  emitter.Pair(f, b);
  emitter.EndTask();
  return out;
}

}  // namespace orrery::models
