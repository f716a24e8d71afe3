#include "profiler/trace/analysis.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "profiler/trace/intervals.h"

namespace orrery::profiler {
namespace {

constexpr std::int64_t kShortKernelNs = 10'000;

using StreamKey = std::pair<std::int32_t, std::uint64_t>;
StreamKey KeyOf(const GpuEvent& event) { return {event.device, event.stream}; }

std::int64_t Median(std::vector<std::int64_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The trace with what is computed once for all parts of the summary.
struct Context {
  const Trace& trace;
  const Attribution& attribution;
  std::vector<KernelClass> classes;              // per name
  std::map<StreamKey, bool> is_communication{};  // per stream
  std::vector<Interval> compute{};

  const KernelClass& Class(const GpuEvent& event) const { return classes[event.name]; }
  /// Copies over the bus are made beside the SMs, and hide no communication.
  bool IsCompute(const GpuEvent& event) const {
    return !IsCommunication(Class(event).group) && Class(event).kind != OpKind::kHostCopy;
  }
  bool OnComputeStream(const GpuEvent& event) const { return !is_communication.at(KeyOf(event)); }
};

void FindStreamRoles(Context& c) {
  std::map<StreamKey, std::pair<std::int64_t, std::int64_t>> busy;  // all, communication
  for (const GpuEvent& event : c.trace.events) {
    auto& [all, communication] = busy[KeyOf(event)];
    all += event.duration_ns;
    if (IsCommunication(c.Class(event).group)) communication += event.duration_ns;
  }
  for (const auto& [key, times] : busy) c.is_communication[key] = 2 * times.second > times.first;
}

std::vector<Interval> ComputeWork(const Context& c) {
  std::vector<Interval> compute;
  for (const GpuEvent& event : c.trace.events) {
    if (c.IsCompute(event)) compute.emplace_back(event.start_ns, event.end_ns());
  }
  return Union(std::move(compute));
}

void AddGaps(const std::vector<const GpuEvent*>& events, StreamTotal* total) {
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 1; i < events.size(); ++i) {
    const std::int64_t gap = events[i]->start_ns - events[i - 1]->end_ns();
    if (gap >= 0 && gap < kLaunchGapLimitNs) gaps.push_back(gap);
  }
  total->gaps = static_cast<std::int64_t>(gaps.size());
  for (const std::int64_t gap : gaps) total->gap_total_ns += gap;
  total->gap_median_ns = Median(std::move(gaps));
}

std::vector<StreamTotal> StreamTotals(const Context& c) {
  std::map<StreamKey, std::vector<const GpuEvent*>> streams;
  for (const GpuEvent& event : c.trace.events) streams[KeyOf(event)].push_back(&event);
  std::vector<StreamTotal> totals;
  for (const auto& [key, events] : streams) {
    StreamTotal total;
    total.device = key.first;
    total.stream = key.second;
    total.communication = c.is_communication.at(key);
    total.events = static_cast<std::int64_t>(events.size());
    std::vector<Interval> busy;
    for (const GpuEvent* event : events) busy.emplace_back(event->start_ns, event->end_ns());
    total.busy_ns = Length(Union(std::move(busy)));
    AddGaps(events, &total);
    totals.push_back(total);
  }
  return totals;
}

std::vector<GroupTotal> GroupTotals(const Context& c) {
  std::map<KernelGroup, GroupTotal> groups;
  for (const GpuEvent& event : c.trace.events) {
    GroupTotal& total = groups[c.Class(event).group];
    total.group = c.Class(event).group;
    ++total.count;
    total.total_ns += event.duration_ns;
  }
  std::vector<GroupTotal> totals;
  for (const auto& [group, total] : groups) totals.push_back(total);
  std::stable_sort(totals.begin(), totals.end(), [](auto& a, auto& b) { return a.total_ns > b.total_ns; });
  return totals;
}

std::vector<KernelTotal> KernelTotals(const Context& c) {
  std::map<NameId, std::vector<std::int64_t>> durations;
  for (const GpuEvent& event : c.trace.events) durations[event.name].push_back(event.duration_ns);
  std::vector<KernelTotal> totals;
  for (auto& [name, values] : durations) {
    KernelTotal total{name, c.classes[name]};
    total.count = static_cast<std::int64_t>(values.size());
    for (const std::int64_t value : values) total.total_ns += value;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    total.min_ns = *low;
    total.max_ns = *high;
    total.median_ns = Median(std::move(values));
    totals.push_back(total);
  }
  std::stable_sort(totals.begin(), totals.end(), [](auto& a, auto& b) { return a.total_ns > b.total_ns; });
  return totals;
}

OverlapTotal OverlapOf(const Context& c, KernelGroup group) {
  std::vector<Interval> busy;
  for (const GpuEvent& event : c.trace.events) {
    if (c.Class(event).group == group) busy.emplace_back(event.start_ns, event.end_ns());
  }
  busy = Union(std::move(busy));
  return {Length(busy), OverlapLength(busy, c.compute)};
}

std::vector<TypeTotal> TypeTotals(const Context& c) {
  std::map<std::pair<KernelGroup, ElementType>, TypeTotal> types;
  for (const GpuEvent& event : c.trace.events) {
    const KernelClass& klass = c.Class(event);
    if (klass.group != KernelGroup::kGemm && klass.group != KernelGroup::kAttention) continue;
    TypeTotal& total = types[{klass.group, klass.type}];
    total.group = klass.group;
    total.type = klass.type;
    ++total.count;
    total.total_ns += event.duration_ns;
  }
  std::vector<TypeTotal> totals;
  for (const auto& [key, total] : types) totals.push_back(total);
  std::stable_sort(totals.begin(), totals.end(), [](auto& a, auto& b) { return a.total_ns > b.total_ns; });
  return totals;
}

/// Length of a union whose intervals come in order of start.
class CoveredTime {
 public:
  void Add(const GpuEvent& event) {
    ns_ += std::max<std::int64_t>(0, event.end_ns() - std::max(event.start_ns, end_));
    end_ = std::max(end_, event.end_ns());
  }
  std::int64_t ns() const { return ns_; }

 private:
  std::int64_t ns_ = 0, end_ = 0;
};

/// What one occurrence of an annotation launched, in order of start.
struct Occurrence {
  std::int64_t first = 0, span_first = 0, span_last = 0, payload_ns = 0, sync_ns = 0, compute_ns = 0;
  CoveredTime work;
  bool any = false, any_span = false, outer = false;

  void Add(const Context& c, const GpuEvent& event) {
    first = any ? std::min(first, event.start_ns) : event.start_ns;
    any = true;
    const KernelGroup group = c.Class(event).group;
    if (group == KernelGroup::kCommunication) payload_ns += event.duration_ns;
    if (group == KernelGroup::kCommunicationSync) sync_ns += event.duration_ns;
    if (c.IsCompute(event)) {
      work.Add(event);
      compute_ns += event.duration_ns;
    }
    if (!c.OnComputeStream(event)) return;
    span_first = any_span ? std::min(span_first, event.start_ns) : event.start_ns;
    span_last = any_span ? std::max(span_last, event.end_ns()) : event.end_ns();
    any_span = true;
  }
};

/// "decode" of "decode#12" and "decode #12": a number counts occurrences.
std::string_view WithoutNumber(std::string_view name) {
  const std::size_t hash = name.find_last_not_of("0123456789");
  if (hash == std::string_view::npos || hash == 0 || hash + 1 == name.size() || name[hash] != '#')
    return name;
  name = name.substr(0, hash);
  while (name.size() > 1 && name.back() == ' ') name.remove_suffix(1);
  return name;
}

constexpr std::string_view kStepName = "ProfilerStep";  // torch.profiler.profile.step()
bool IsStep(std::string_view name) {
  return name.starts_with("ProfilerStep#") && WithoutNumber(name) == kStepName;
}

/// By annotation, which are in order of start; of each event all that stand around its launch.
std::map<std::int32_t, Occurrence> FindOccurrences(const Context& c) {
  std::map<std::int32_t, Occurrence> occurrences;
  const std::vector<std::int32_t> around = EnclosingOnThread(c.trace, [](const Range&) { return true; });
  for (std::size_t i = 0; i < c.trace.events.size(); ++i) {
    const std::int32_t innermost = c.attribution.annotation[i];
    for (std::int32_t at = innermost; at >= 0; at = around[static_cast<std::size_t>(at)]) {
      Occurrence& occurrence = occurrences[at];
      occurrence.Add(c, c.trace.events[i]);
      occurrence.outer |= at != innermost;
    }
  }
  return occurrences;
}

std::vector<Phase> FindPhases(const Context& c) {
  std::vector<Phase> phases;
  std::map<std::string, std::size_t, std::less<>> index;
  std::vector<std::int64_t> communication, compute;
  for (const auto& [annotation, o] : FindOccurrences(c)) {
    const std::string& full = c.trace.name(c.trace.annotations[static_cast<std::size_t>(annotation)].name);
    if (IsStep(full)) continue;
    const std::string name(WithoutNumber(full));
    const auto [it, added] = index.try_emplace(name, phases.size());
    if (added) {
      phases.emplace_back().name = name;
      communication.push_back(0);
      compute.push_back(0);
    }
    Phase& phase = phases[it->second];
    phase.start_ns.push_back(o.first);
    phase.work_ns.push_back(o.work.ns());
    phase.span_ns.push_back(o.any_span ? o.span_last - o.span_first : 0);
    phase.payload_ns.push_back(o.payload_ns);
    phase.sync_ns.push_back(o.sync_ns);
    phase.outer |= o.outer;
    compute[it->second] += o.compute_ns;
    communication[it->second] += o.payload_ns + o.sync_ns;
  }
  for (std::size_t i = 0; i < phases.size(); ++i) phases[i].communication = communication[i] > compute[i];
  return phases;
}

std::optional<Steps> FindSteps(const Context& c) {
  std::vector<const Range*> ranges;  // in order of start
  for (const Range& range : c.trace.annotations) {
    if (IsStep(c.trace.name(range.name))) ranges.push_back(&range);
  }
  if (ranges.empty()) return std::nullopt;
  std::vector<CoveredTime> work(ranges.size()), compute(ranges.size()), communication(ranges.size());
  Steps steps;
  steps.name = kStepName;
  for (const GpuEvent& event : c.trace.events) {
    const Launch* launch = FindLaunch(c.trace, event);
    const auto behind =
        launch == nullptr ? ranges.begin()
                          : std::upper_bound(ranges.begin(), ranges.end(), launch->start_ns,
                                             [](std::int64_t t, const Range* r) { return t < r->start_ns; });
    if (behind == ranges.begin() || (*(behind - 1))->end_ns() <= launch->start_ns) {
      ++steps.outside;
      continue;
    }
    const auto at = static_cast<std::size_t>(behind - ranges.begin() - 1);
    work[at].Add(event);
    if (IsCommunication(c.Class(event).group)) communication[at].Add(event);
    if (c.IsCompute(event)) compute[at].Add(event);
  }
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    steps.start_ns.push_back(ranges[i]->start_ns);
    steps.work_ns.push_back(work[i].ns());
    steps.compute_ns.push_back(compute[i].ns());
    steps.communication_ns.push_back(communication[i].ns());
  }
  return steps;
}

/// Events that are in the trace twice, as two exports of one recording put together are.
std::int64_t RepeatedEvents(const Trace& trace) {
  std::int64_t repeated = 0;
  std::set<std::tuple<NameId, std::int32_t, std::uint64_t, std::int64_t>> at_once;  // of one start
  for (std::size_t i = 0; i < trace.events.size(); ++i) {
    const GpuEvent& event = trace.events[i];
    if (i > 0 && trace.events[i - 1].start_ns != event.start_ns) at_once.clear();
    if (event.duration_ns > 0 &&
        !at_once.insert({event.name, event.device, event.stream, event.duration_ns}).second) {
      ++repeated;
    }
  }
  return repeated;
}

void FindLayers(std::int64_t end_ns, TraceSummary* summary) {
  std::vector<const Phase*> phases;
  for (const Phase& phase : summary->phases) {
    if (!phase.outer) phases.push_back(&phase);
  }
  if (phases.size() < 2) return;
  const std::size_t count = phases.front()->start_ns.size();
  for (const Phase* phase : phases) {
    if (phase->start_ns.size() != count || count < 2) return;
  }
  if (summary->steps && summary->steps->start_ns.size() == count) return;  // once a step, not once a layer
  summary->layers = static_cast<int>(count);
  const auto first =
      std::find_if(phases.begin(), phases.end(), [](const Phase* phase) { return !phase->communication; });
  if (first == phases.end()) return;
  summary->layer_phase = (*first)->name;
  const std::vector<std::int64_t>& starts = (*first)->start_ns;
  for (std::size_t i = 0; i < count; ++i)
    summary->layer_period_ns.push_back((i + 1 < count ? starts[i + 1] : end_ns) - starts[i]);
}

void CountEvents(const Context& c, TraceSummary* summary) {
  for (const GpuEvent& event : c.trace.events) {
    summary->kernels += event.kind == GpuEventKind::kKernel;
    summary->copies += event.kind == GpuEventKind::kMemcpy;
    summary->memsets += event.kind == GpuEventKind::kMemset;
    if (!c.IsCompute(event) || event.duration_ns >= kShortKernelNs) continue;
    ++summary->short_kernels;
    summary->short_kernels_ns += event.duration_ns;
  }
}

}  // namespace

std::int64_t MedianNs(std::vector<std::int64_t> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
}

std::vector<std::int64_t> Steps::PeriodsNs() const {
  std::vector<std::int64_t> periods;
  for (std::size_t i = 1; i < start_ns.size(); ++i) periods.push_back(start_ns[i] - start_ns[i - 1]);
  return periods;
}

std::vector<KernelClass> ClassifyAll(const Trace& trace) {
  std::vector<KernelClass> classes;
  classes.reserve(trace.names.size());
  for (const std::string& name : trace.names) classes.push_back(ClassifyKernel(name));
  return classes;
}

TraceSummary Summarise(const Trace& trace, const Attribution& attribution) {
  TraceSummary summary;
  if (trace.events.empty()) return summary;
  Context c{trace, attribution, ClassifyAll(trace)};
  FindStreamRoles(c);
  c.compute = ComputeWork(c);
  std::int64_t end = trace.events.front().end_ns();
  for (const GpuEvent& event : trace.events) end = std::max(end, event.end_ns());
  summary.wall_ns = end - trace.events.front().start_ns;
  CountEvents(c, &summary);
  summary.compute_busy_ns = Length(c.compute);
  CoveredTime any;
  for (const GpuEvent& event : trace.events) any.Add(event);
  summary.idle_ns = summary.wall_ns - any.ns();
  summary.payload = OverlapOf(c, KernelGroup::kCommunication);
  summary.sync = OverlapOf(c, KernelGroup::kCommunicationSync);
  summary.streams = StreamTotals(c);
  summary.groups = GroupTotals(c);
  summary.kernels_by_time = KernelTotals(c);
  summary.types = TypeTotals(c);
  summary.phases = FindPhases(c);
  summary.steps = FindSteps(c);
  summary.repeated_events = RepeatedEvents(trace);
  FindLayers(end, &summary);
  return summary;
}

}  // namespace orrery::profiler
