#include "profiler/trace/trace.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace orrery::profiler {
namespace {

constexpr auto kByStart = [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; };
constexpr auto kOuterFirst = [](const Range& a, const Range& b) {
  return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.duration_ns > b.duration_ns;
};
constexpr auto kByCorrelation = [](const Launch& a, const Launch& b) {
  return a.correlation < b.correlation;
};

/// Ranges in order of start, asked for the innermost that holds a time. Ranges of a thread nest; those of
/// several threads may not, so the latest start that has not ended is taken. `latest_end` of a prefix bounds
/// the walk back.
class RangeIndex {
 public:
  void Add(const Range& range, std::int32_t index) {
    const std::int64_t latest =
        items_.empty() ? range.end_ns() : std::max(items_.back().latest_end, range.end_ns());
    items_.push_back({range.start_ns, range.end_ns(), latest, index});
  }

  std::int32_t Innermost(std::int64_t time) const {
    auto it = std::upper_bound(items_.begin(), items_.end(), time,
                               [](std::int64_t t, const Item& item) { return t < item.start; });
    while (it != items_.begin()) {
      --it;
      if (it->end > time) return it->index;
      if (it->latest_end <= time) return -1;
    }
    return -1;
  }

 private:
  struct Item {
    std::int64_t start, end, latest_end;
    std::int32_t index;
  };
  std::vector<Item> items_;
};

/// All ranges, and those of each thread.
class ThreadedIndex {
 public:
  template <typename Chosen>
  ThreadedIndex(const std::vector<Range>& ranges, Chosen chosen) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      if (!chosen(ranges[i])) continue;
      all_.Add(ranges[i], static_cast<std::int32_t>(i));
      threads_[ranges[i].thread].Add(ranges[i], static_cast<std::int32_t>(i));
    }
  }

  std::int32_t Innermost(const Launch& launch, bool any_thread) const {
    const auto it = threads_.find(launch.thread);
    const std::int32_t own = it == threads_.end() ? -1 : it->second.Innermost(launch.start_ns);
    return own >= 0 || !any_thread ? own : all_.Innermost(launch.start_ns);
  }

 private:
  RangeIndex all_;
  std::map<std::int64_t, RangeIndex> threads_;
};

/// Launches that led to none of the events.
void DropOtherLaunches(Trace* trace) {
  std::vector<std::uint64_t> wanted;
  for (const GpuEvent& event : trace->events) wanted.push_back(event.correlation);
  std::sort(wanted.begin(), wanted.end());
  std::erase_if(trace->launches, [&](const Launch& launch) {
    return !std::binary_search(wanted.begin(), wanted.end(), launch.correlation);
  });
  trace->launches.shrink_to_fit();
}

}  // namespace

const Launch* FindLaunch(const Trace& trace, const GpuEvent& event) {
  if (event.correlation == 0) return nullptr;
  const auto it = std::lower_bound(trace.launches.begin(), trace.launches.end(),
                                   Launch{event.correlation, 0, 0}, kByCorrelation);
  return it != trace.launches.end() && it->correlation == event.correlation ? &*it : nullptr;
}

NameId TraceBuilder::Intern(std::string_view text) {
  const auto [it, added] = ids_.try_emplace(std::string(text), static_cast<NameId>(trace_.names.size()));
  if (added) trace_.names.emplace_back(text);
  return it->second;
}

Trace TraceBuilder::Finish() {
  std::stable_sort(trace_.events.begin(), trace_.events.end(), kByStart);
  std::stable_sort(trace_.annotations.begin(), trace_.annotations.end(), kOuterFirst);
  std::stable_sort(trace_.operators.begin(), trace_.operators.end(), kOuterFirst);
  std::stable_sort(trace_.launches.begin(), trace_.launches.end(), kByCorrelation);
  DropOtherLaunches(&trace_);
  DescribeDevice(&trace_);
  ids_.clear();
  return std::move(trace_);
}

void DescribeDevice(Trace* trace) {
  TraceInfo& info = trace->info;
  info.device = {};
  if (trace->events.empty()) return;
  info.device.id = trace->events.front().device;
  const auto listed = std::find_if(info.devices.begin(), info.devices.end(),
                                   [&](const TraceDevice& device) { return device.id == info.device.id; });
  if (listed != info.devices.end()) info.device = *listed;
}

std::vector<Trace> SplitByGpu(Trace trace) {
  std::set<std::int32_t> ids;
  for (const GpuEvent& event : trace.events) ids.insert(event.device);
  std::vector<Trace> parts;
  if (ids.size() < 2) {
    parts.push_back(std::move(trace));
    return parts;
  }
  const std::vector<GpuEvent> events = std::exchange(trace.events, {});
  for (const std::int32_t id : ids) {
    Trace& part = parts.emplace_back(trace);
    std::copy_if(events.begin(), events.end(), std::back_inserter(part.events),
                 [&](const GpuEvent& event) { return event.device == id; });
    part.info.one_of_several = true;
    DropOtherLaunches(&part);
    DescribeDevice(&part);
  }
  return parts;
}

Attribution Attribute(const Trace& trace) {
  constexpr auto kEvery = [](const Range&) { return true; };
  const ThreadedIndex annotations(trace.annotations, kEvery);
  const ThreadedIndex operators(trace.operators, kEvery);
  Attribution result{std::vector<std::int32_t>(trace.events.size(), -1),
                     std::vector<std::int32_t>(trace.events.size(), -1)};
  for (std::size_t i = 0; i < trace.events.size(); ++i) {
    const Launch* launch = FindLaunch(trace, trace.events[i]);
    if (launch == nullptr) continue;
    result.annotation[i] = annotations.Innermost(*launch, /*any_thread=*/true);
    result.operation[i] = operators.Innermost(*launch, /*any_thread=*/false);
  }
  return result;
}

std::vector<std::int32_t> EnclosingOnThread(const Trace& trace,
                                            const std::function<bool(const Range&)>& chosen) {
  std::vector<std::int32_t> result(trace.annotations.size(), -1);
  std::map<std::int64_t, std::vector<std::int32_t>> open;  // by thread, outermost first
  for (std::size_t i = 0; i < trace.annotations.size(); ++i) {
    const Range& range = trace.annotations[i];
    auto& stack = open[range.thread];
    const auto over = [&](std::int32_t outer) {
      return trace.annotations[static_cast<std::size_t>(outer)].end_ns() <= range.start_ns;
    };
    while (!stack.empty() && over(stack.back())) stack.pop_back();
    if (!stack.empty()) result[i] = stack.back();
    if (chosen(range)) stack.push_back(static_cast<std::int32_t>(i));
  }
  return result;
}

std::vector<std::int32_t> InnermostOnThread(const Trace& trace,
                                            const std::function<bool(const Range&)>& chosen) {
  const ThreadedIndex annotations(trace.annotations, chosen);
  std::vector<std::int32_t> result(trace.events.size(), -1);
  for (std::size_t i = 0; i < trace.events.size(); ++i) {
    if (const Launch* launch = FindLaunch(trace, trace.events[i]))
      result[i] = annotations.Innermost(*launch, /*any_thread=*/false);
  }
  return result;
}

}  // namespace orrery::profiler
