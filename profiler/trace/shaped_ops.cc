#include "profiler/trace/shaped_ops.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "core/op/op_traits.h"
#include "profiler/measurement/classify.h"
#include "profiler/suite/cost.h"
#include "profiler/trace/analysis.h"
#include "profiler/trace/shape_text.h"

namespace orrery::profiler {
namespace {

/// What a text was found to say; parsed once per distinct text.
struct Meaning {
  bool claims = false;          ///< to give a shape
  bool names_operator = false;  ///< whose kernels are no other operator's
  std::optional<ShapedWork> work;
  std::optional<OperatorCall> call;
  std::string why;  ///< it cannot be read
};

Meaning MeaningOf(const std::string& text) {
  Meaning m;
  m.names_operator = NamesAnOperator(text);
  if (IsOrreryRange(text)) {
    m.claims = true;
    m.work = ParseOrreryRange(text, &m.why);
  } else if (IsOperatorRange(text)) {
    m.claims = true;
    m.call = ParseOperatorRange(text);
    m.why = m.call ? "" : "sizes cannot be read";
  }
  return m;
}

/// Where an occurrence comes from: an annotation or an operator of the trace.
struct Source {
  enum class Kind { kAnnotation, kOperator } kind{};
  std::int32_t index = 0;
  auto operator<=>(const Source&) const = default;
};

/// A kernel and the range that gives its shape.
struct Launched {
  Source source;
  std::size_t event = 0;
};

/// What a GEMM of the kind multiplies.
std::optional<ElementType> TypeOf(OpKind kind) {
  if (Traits(kind).shape != ShapeKind::kGemm) return std::nullopt;
  return IsFp8(kind) ? ElementType::kFp8 : ElementType::kBf16;
}

class Finder {
 public:
  Finder(const Trace& trace, const Attribution& attribution)
      : trace_(trace), attribution_(attribution), classes_(ClassifyAll(trace)) {}

  ShapedOps Run() {
    ReadAnnotations();
    Group();
    std::stable_sort(launched_.begin(), launched_.end(),
                     [](const Launched& a, const Launched& b) { return a.source < b.source; });
    std::vector<std::size_t> events;
    for (std::size_t i = 0; i < launched_.size(); ++i) {
      events.push_back(launched_[i].event);
      if (i + 1 < launched_.size() && launched_[i + 1].source == launched_[i].source) continue;
      AddOccurrence(launched_[i].source, events);
      events.clear();
    }
    SortOps();
    return std::move(result_);
  }

 private:
  const KernelClass& Class(const GpuEvent& event) const { return classes_[event.name]; }
  void Ignore(const std::string& text, const std::string& why) {
    if (result_.bad_texts++ == 0) result_.first_bad = "'" + text.substr(0, 120) + "': " + why;
  }
  void LeaveOut(const std::string& reason) { ++result_.left_out[reason]; }

  void ReadAnnotations() {
    for (const Range& range : trace_.annotations) {
      const auto [it, added] = meanings_.try_emplace(range.name);
      if (added) it->second = MeaningOf(trace_.name(range.name));
      any_shape_ |= it->second.claims;
      if (it->second.claims && !it->second.why.empty()) Ignore(trace_.name(range.name), it->second.why);
    }
  }

  /// Kernels by the range that gives their shape.
  void Group() {
    std::vector<std::int32_t> ours, innermost;
    if (any_shape_) {
      const auto is_ours = [&](const Range& r) { return meanings_.at(r.name).work.has_value(); };
      ours = InnermostOnThread(trace_, is_ours);
      FindSplit(ours, EnclosingOnThread(trace_, is_ours));
      innermost = InnermostOnThread(trace_, [&](const Range& r) {
        return meanings_.at(r.name).call || meanings_.at(r.name).names_operator;
      });
    }
    for (std::size_t i = 0; i < trace_.events.size(); ++i) {
      if (trace_.events[i].kind != GpuEventKind::kKernel) continue;
      if (any_shape_ && ours[i] >= 0) {
        launched_.push_back({{Source::Kind::kAnnotation, ours[i]}, i});
      } else if (any_shape_ && innermost[i] >= 0 && MeaningAt(innermost[i]).call) {
        launched_.push_back({{Source::Kind::kAnnotation, innermost[i]}, i});
      } else if (const std::int32_t op = attribution_.operation[i]; op >= 0 && OperatorHasShapes(op)) {
        launched_.push_back({{Source::Kind::kOperator, op}, i});
      }
    }
  }
  /// Ranges of ours that lost kernels to one inside them.
  void FindSplit(const std::vector<std::int32_t>& ours, const std::vector<std::int32_t>& enclosing) {
    for (std::size_t event = 0; event < ours.size(); ++event) {
      if (trace_.events[event].kind != GpuEventKind::kKernel) continue;
      for (std::int32_t i = ours[event]; i >= 0; i = enclosing[static_cast<std::size_t>(i)]) {
        const std::int32_t outer = enclosing[static_cast<std::size_t>(i)];
        if (outer < 0 || !split_.insert(outer).second) break;
      }
    }
  }
  const Meaning& MeaningAt(std::int32_t annotation) const {
    return meanings_.at(trace_.annotations[static_cast<std::size_t>(annotation)].name);
  }
  bool OperatorHasShapes(std::int32_t index) const {
    const Range& range = trace_.operators[static_cast<std::size_t>(index)];
    return range.shapes != 0 && KnowsOperator(trace_.name(range.name));
  }

  std::optional<OperatorCall> CallOf(const Source& source) {
    if (source.kind == Source::Kind::kAnnotation) return MeaningAt(source.index).call;
    const Range& range = trace_.operators[static_cast<std::size_t>(source.index)];
    const auto [it, added] = calls_.try_emplace({range.name, range.shapes});
    if (added) {
      if (auto sizes = ParseSizes(trace_.name(range.shapes)))
        it->second = OperatorCall{trace_.name(range.name), std::move(*sizes)};
    }
    if (!it->second)
      Ignore(trace_.name(range.name) + " " + trace_.name(range.shapes), "sizes cannot be read");
    return it->second;
  }

  void AddOccurrence(const Source& source, const std::vector<std::size_t>& events) {
    if (source.kind == Source::Kind::kAnnotation && MeaningAt(source.index).work) {
      if (split_.contains(source.index)) return LeaveOut("'orrery:' ranges with another of them inside");
      return AddOurs(*MeaningAt(source.index).work, events);
    }
    const auto call = CallOf(source);
    if (!call || !KnowsOperator(call->name)) return;
    const auto shape = ShapeOfOperator(*call);
    if (!shape) return LeaveOut("sizes of another form than the operator's table has");
    if (const auto work = WorkOf(*call, *shape, events)) Add(*work, events);
  }

  /// A range says what its author thinks was multiplied; the kernel knows.
  void AddOurs(const ShapedWork& work, const std::vector<std::size_t>& events) {
    const auto expected = TypeOf(work.kind);
    for (const std::size_t i : events) {
      const KernelClass& klass = Class(trace_.events[i]);
      if (klass.group != KernelGroup::kGemm || !expected || klass.type == ElementType::kUnknown) continue;
      if (klass.type != *expected) {
        return LeaveOut("'orrery:' ranges of " + std::string(Name(work.kind)) + " whose kernel multiplies " +
                        std::string(Name(klass.type)));
      }
    }
    Add(work, events);
  }

  std::optional<ShapedWork> WorkOf(const OperatorCall& call, const OperatorShape& shape,
                                   const std::vector<std::size_t>& events) {
    ShapedWork work{shape.kind, shape.shape, {}, call.name};
    if (shape.is_gemm) {
      const auto kind = GemmKind(events);
      if (!kind) return std::nullopt;
      if (kind == OpKind::kGemmFp8 && !shape.block_scaled) {
        LeaveOut("FP8 GEMMs without a scale per row and 128 of k");
        return std::nullopt;
      }
      work.kind = *kind;
    } else if (!std::all_of(events.begin(), events.end(), [&](std::size_t i) {
                 return Class(trace_.events[i]).type == ElementType::kBf16;
               })) {
      LeaveOut("memory-bound kernels whose names do not say BF16");
      return std::nullopt;
    }
    const auto cost = FindCost(work.kind, work.shape);
    if (!cost) {
      LeaveOut("sizes beyond any memory");
      return std::nullopt;
    }
    work.bytes = {cost->bytes};
    return work;
  }

  std::optional<OpKind> GemmKind(const std::vector<std::size_t>& events) {
    std::optional<OpKind> kind;
    ElementType type = ElementType::kUnknown;
    int gemms = 0;
    for (const std::size_t i : events) {
      if (Class(trace_.events[i]).group != KernelGroup::kGemm) continue;
      ++gemms;
      kind = Class(trace_.events[i]).kind;
      type = Class(trace_.events[i]).type;
    }
    if (gemms != 1) {
      LeaveOut(gemms == 0 ? "matrix products by no GEMM kernel we know" : "several GEMMs in one operator");
      return std::nullopt;
    }
    if (kind == OpKind::kGemmFp8 || kind == OpKind::kGemmBf16) return kind;
    if (type == ElementType::kUnknown) {
      LeaveOut("GEMMs whose kernel's name does not tell the type");
    } else if (type == ElementType::kBf16 || type == ElementType::kFp8) {
      LeaveOut("GEMMs of kernels that are not for one dense product");
    } else {
      LeaveOut("GEMMs of another type than BF16 and FP8: " + std::string(Name(type)));
    }
    return std::nullopt;
  }

  void Add(const ShapedWork& work, const std::vector<std::size_t>& events) {
    std::int64_t total = 0, longest = -1, end = 0;
    const GpuEvent* main = nullptr;
    std::string kernels;
    for (const std::size_t i : events) {  // in order of start, as the trace's events are
      const GpuEvent& event = trace_.events[i];
      if (main != nullptr && event.start_ns < end) return LeaveOut("kernels of one range overlap");
      end = event.end_ns();
      total += event.duration_ns;
      kernels += (kernels.empty() ? "" : " + ") + trace_.name(event);
      if (event.duration_ns > longest) longest = event.duration_ns, main = &event;
    }
    if (total == 0) return LeaveOut("launches of zero duration");
    const std::size_t op = OpFor(work, kernels, *main);
    result_.ops[op].durations_us.push_back(static_cast<double>(total) / 1000);
    first_event_[op] = std::min(first_event_[op], events.front());
  }

  /// Occurrences were walked range by range; a reader follows the GPU.
  void SortOps() {
    std::vector<std::size_t> order(result_.ops.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return first_event_[a] < first_event_[b]; });
    std::vector<ShapedOp> sorted;
    for (const std::size_t i : order) sorted.push_back(std::move(result_.ops[i]));
    result_.ops = std::move(sorted);
  }

  std::size_t OpFor(const ShapedWork& work, const std::string& kernels, const GpuEvent& main) {
    const auto same = [&](const ShapedOp& op) {
      return op.label == work.label && op.kind == work.kind && op.shape == work.shape &&
             op.bytes == work.bytes && op.blocks == main.blocks();
    };
    auto& candidates = by_kernels_[kernels];
    for (const std::size_t i : candidates) {
      if (same(result_.ops[i])) return i;
    }
    candidates.push_back(result_.ops.size());
    result_.ops.push_back({{work.label, work.kind, work.shape, FlopsOf(work), work.bytes, main.blocks(), {}},
                           kernels,
                           std::string(Class(main).library)});
    first_event_.push_back(trace_.events.size());
    return result_.ops.size() - 1;
  }
  static Flops FlopsOf(const ShapedWork& work) {
    return std::holds_alternative<RowsShape>(work.shape) ? Flops{}
                                                         : Flops{CostOf(work.kind, work.shape).flops};
  }

  const Trace& trace_;
  const Attribution& attribution_;
  std::vector<KernelClass> classes_;
  std::map<NameId, Meaning> meanings_;
  bool any_shape_ = false;
  std::vector<Launched> launched_;
  std::map<std::pair<NameId, NameId>, std::optional<OperatorCall>> calls_;  // by name and sizes
  std::map<std::string, std::vector<std::size_t>> by_kernels_;
  std::set<std::int32_t> split_;          // annotations
  std::vector<std::size_t> first_event_;  // per op of the result
  ShapedOps result_;
};

}  // namespace

ShapedOps FindShapedOps(const Trace& trace, const Attribution& attribution) {
  return Finder(trace, attribution).Run();
}

}  // namespace orrery::profiler
