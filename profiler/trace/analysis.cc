#include "profiler/trace/analysis.h"

#include <algorithm>
#include <map>

#include "profiler/trace/intervals.h"

namespace orrery::profiler {
namespace {

constexpr std::int64_t kShortKernelNs = 10'000;

using StreamKey = std::pair<std::int32_t, std::int32_t>;
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
  bool OnCompute(const GpuEvent& event) const { return !is_communication.at(KeyOf(event)); }
};

void FindStreamRoles(Context& c) {
  std::map<StreamKey, std::pair<std::int64_t, std::int64_t>> busy;  // all, communication
  for (const GpuEvent& event : c.trace.events) {
    auto& [all, communication] = busy[KeyOf(event)];
    all += event.duration_ns;
    if (IsCommunication(c.Class(event).group)) communication += event.duration_ns;
  }
  for (const auto& [key, times] : busy) c.is_communication[key] = 2 * times.second > times.first;
  std::vector<Interval> compute;
  for (const GpuEvent& event : c.trace.events) {
    if (c.OnCompute(event)) compute.emplace_back(event.start_ns, event.end_ns());
  }
  c.compute = Union(std::move(compute));
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
    if (c.OnCompute(event)) total.on_compute_ns += event.duration_ns;
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

/// What one occurrence of an annotation launched.
struct Occurrence {
  std::int64_t first = 0, compute_first = 0, compute_last = 0, compute_ns = 0, payload_ns = 0, sync_ns = 0;
  bool any = false, any_compute = false;

  void Add(const GpuEvent& event, KernelGroup group, bool on_compute) {
    first = any ? std::min(first, event.start_ns) : event.start_ns;
    any = true;
    if (group == KernelGroup::kCommunication) payload_ns += event.duration_ns;
    if (group == KernelGroup::kCommunicationSync) sync_ns += event.duration_ns;
    if (!on_compute) return;
    compute_ns += event.duration_ns;
    compute_first = any_compute ? std::min(compute_first, event.start_ns) : event.start_ns;
    compute_last = any_compute ? std::max(compute_last, event.end_ns()) : event.end_ns();
    any_compute = true;
  }
};

std::vector<Phase> FindPhases(const Context& c) {
  std::map<std::int32_t, Occurrence> occurrences;  // by annotation, which are in order of start
  for (std::size_t i = 0; i < c.trace.events.size(); ++i) {
    const GpuEvent& event = c.trace.events[i];
    if (c.attribution.annotation[i] < 0) continue;
    occurrences[c.attribution.annotation[i]].Add(event, c.Class(event).group, c.OnCompute(event));
  }
  std::vector<Phase> phases;
  std::map<NameId, std::size_t> index;
  std::vector<std::int64_t> communication(occurrences.size()), compute(occurrences.size());
  for (const auto& [annotation, o] : occurrences) {
    const NameId name = c.trace.annotations[static_cast<std::size_t>(annotation)].name;
    const auto [it, added] = index.try_emplace(name, phases.size());
    if (added) phases.push_back({c.trace.name(name), false, {}, {}, {}, {}});
    Phase& phase = phases[it->second];
    phase.start_ns.push_back(o.first);
    phase.block_ns.push_back(o.any_compute ? o.compute_last - o.compute_first : 0);
    phase.payload_ns.push_back(o.payload_ns);
    phase.sync_ns.push_back(o.sync_ns);
    compute[it->second] += o.compute_ns;
    communication[it->second] += o.payload_ns + o.sync_ns;
  }
  for (std::size_t i = 0; i < phases.size(); ++i) phases[i].communication = communication[i] > compute[i];
  return phases;
}

void FindLayers(std::int64_t end_ns, TraceSummary* summary) {
  const std::vector<Phase>& phases = summary->phases;
  if (phases.size() < 2) return;
  const std::size_t count = phases.front().start_ns.size();
  for (const Phase& phase : phases) {
    if (phase.start_ns.size() != count || count < 2) return;
  }
  summary->layers = static_cast<int>(count);
  const auto first =
      std::find_if(phases.begin(), phases.end(), [](const Phase& phase) { return !phase.communication; });
  if (first == phases.end()) return;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t next = i + 1 < count ? first->start_ns[i + 1] : end_ns;
    summary->layer_period_ns.push_back(next - first->start_ns[i]);
  }
}

void CountEvents(const Context& c, TraceSummary* summary) {
  for (const GpuEvent& event : c.trace.events) {
    summary->kernels += event.kind == GpuEventKind::kKernel;
    summary->copies += event.kind == GpuEventKind::kMemcpy;
    summary->memsets += event.kind == GpuEventKind::kMemset;
    if (!c.OnCompute(event) || event.duration_ns >= kShortKernelNs) continue;
    ++summary->short_kernels;
    summary->short_kernels_ns += event.duration_ns;
  }
}

}  // namespace

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
  std::int64_t end = trace.events.front().end_ns();
  for (const GpuEvent& event : trace.events) end = std::max(end, event.end_ns());
  summary.wall_ns = end - trace.events.front().start_ns;
  CountEvents(c, &summary);
  summary.compute_busy_ns = Length(c.compute);
  summary.payload = OverlapOf(c, KernelGroup::kCommunication);
  summary.sync = OverlapOf(c, KernelGroup::kCommunicationSync);
  summary.streams = StreamTotals(c);
  summary.groups = GroupTotals(c);
  summary.kernels_by_time = KernelTotals(c);
  summary.phases = FindPhases(c);
  FindLayers(end, &summary);
  return summary;
}

}  // namespace orrery::profiler
