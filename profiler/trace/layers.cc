#include "profiler/trace/layers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/op/op_traits.h"
#include "core/op/op_work.h"

namespace orrery::profiler {
namespace {

/// Innermost annotations with what was launched in them.
struct AnnotatedPhases {
  std::vector<TracedPhase> phases;                     ///< in order of time
  std::vector<std::vector<const GpuEvent*>> launched;  ///< the events of each phase's launches
};

AnnotatedPhases PhasesOf(const Trace& trace, const Attribution& attribution) {
  const std::vector<KernelClass> classes = ClassifyAll(trace);
  std::map<std::int32_t, std::vector<const GpuEvent*>> by_annotation;
  for (std::size_t i = 0; i < trace.events.size(); ++i) {
    if (attribution.annotation[i] >= 0) by_annotation[attribution.annotation[i]].push_back(&trace.events[i]);
  }
  AnnotatedPhases all;
  std::map<std::string, int> seen;
  for (auto& [annotation, events] : by_annotation) {
    std::stable_sort(events.begin(), events.end(),
                     [](auto* a, auto* b) { return a->correlation < b->correlation; });
    TracedPhase phase;
    phase.name = trace.name(trace.annotations[static_cast<std::size_t>(annotation)].name);
    phase.layer = seen[phase.name]++;
    for (const GpuEvent* event : events) phase.launches.push_back({classes[event->name].kind, event->grid});
    all.phases.push_back(std::move(phase));
    all.launched.push_back(std::move(events));
  }
  return all;
}

bool IsGemm(OpKind kind) { return Traits(kind).shape == ShapeKind::kGemm; }

/// A phase has one attention kernel, and a line of a report sums memory-bound kernels of one kind and width: they are
/// called after their kinds.
std::string LabelOf(const Op& op) {
  if (IsGemm(op.kind)) return op.label;
  std::string label(Name(op.kind));
  if (Traits(op.kind).shape == ShapeKind::kAttention) std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

/// The op of a phase that `match` is one more launch of; a new one if there is none.
RecognisedOp& FindOrAdd(const TracedPhase& phase, const MatchedLaunch& match, const GpuEvent& event,
                        std::vector<RecognisedOp>* ops) {
  RecognisedOp op;
  op.label = LabelOf(match.op);
  op.kind = match.op.kind;
  op.shape = match.op.shape;
  op.flops = match.op.flops();
  if (auto* rows = std::get_if<RowsShape>(&op.shape)) {
    op.bytes = match.op.bytes();
    rows->bytes = 0;  // `bytes` says them
  }
  op.blocks = event.blocks();
  op.phase = phase.name;
  op.kernel = event.name;
  op.approximate = match.mean_rows;
  const auto it = std::find_if(ops->begin(), ops->end(), [&](const RecognisedOp& other) {
    return other.phase == op.phase && other.label == op.label && other.kind == op.kind &&
           other.shape == op.shape && other.bytes == op.bytes && other.kernel == op.kernel;
  });
  return it == ops->end() ? ops->emplace_back(std::move(op)) : *it;
}

/// GEMMs of a phase first, then the rest, each in order of launch.
void Gather(const AnnotatedPhases& all, const LaunchMatch& match, std::vector<RecognisedOp>* ops) {
  for (std::size_t p = 0; p < match.ops.size(); ++p) {
    for (const bool gemms : {true, false}) {
      for (std::size_t i = 0; i < match.ops[p].size(); ++i) {
        const auto& launch = match.ops[p][i];
        if (!launch || IsGemm(launch->op.kind) != gemms) continue;
        const GpuEvent& event = *all.launched[p][i];
        RecognisedOp& op = FindOrAdd(all.phases[p], *launch, event, ops);
        op.durations_us.push_back(static_cast<double>(event.duration_ns) / 1000);
        op.layers.push_back(all.phases[p].layer);
      }
    }
  }
}

/// By the phase's first occurrence.
void SortByPhase(const std::vector<TracedPhase>& phases, std::vector<RecognisedOp>* ops) {
  const auto rank = [&](const RecognisedOp& op) {
    return std::find_if(phases.begin(), phases.end(), [&](const auto& p) { return p.name == op.phase; }) -
           phases.begin();
  };
  std::stable_sort(ops->begin(), ops->end(), [&](auto& a, auto& b) { return rank(a) < rank(b); });
}

}  // namespace

LayerOps RecogniseLayers(const Trace& trace, const Attribution& attribution, const TraceSummary& summary,
                         const LaunchMatcher& matcher) {
  LayerOps layers;
  if (!summary.layers) {
    layers.not_recognised = "no phases that repeat once per layer";
    return layers;
  }
  if (!matcher) {
    layers.not_recognised = "no model to match the trace against";
    return layers;
  }
  const AnnotatedPhases all = PhasesOf(trace, attribution);
  const LaunchMatch match = matcher(all.phases);
  layers.tokens = match.tokens;
  layers.rows = match.rows;
  layers.not_recognised = match.departure;
  if (!match.departure.empty()) return layers;
  Gather(all, match, &layers.ops);
  SortByPhase(all.phases, &layers.ops);
  for (const RecognisedOp& op : layers.ops)
    layers.tensor_flops += op.flops * static_cast<double>(op.durations_us.size());
  return layers;
}

}  // namespace orrery::profiler
