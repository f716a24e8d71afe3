#include "profiler/trace/trace_report.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "core/base/text.h"
#include "profiler/measurement/printable.h"
#include "profiler/measurement/statistics.h"
#include "profiler/trace/remarks.h"

namespace orrery::profiler {
namespace {

double Ms(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }
double Us(std::int64_t ns) { return static_cast<double>(ns) * 1e-3; }
double Percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

double Mean(const std::vector<std::int64_t>& values) {
  if (values.empty()) return 0;
  return static_cast<double>(std::accumulate(values.begin(), values.end(), std::int64_t{0})) /
         static_cast<double>(values.size());
}

/// "4.60 (4.83 4.39 4.57 4.60)": the mean and, if they are few, each.
std::string MeanAndEach(const std::vector<std::int64_t>& ns) {
  if (std::all_of(ns.begin(), ns.end(), [](std::int64_t v) { return v == 0; })) return "-";
  std::string text = fmt::format("{:.2f}", Mean(ns) * 1e-6);
  if (ns.size() < 2 || ns.size() > 8) return text;
  for (std::size_t i = 0; i < ns.size(); ++i) text += fmt::format("{}{:.2f}", i == 0 ? " (" : " ", Ms(ns[i]));
  return text + ")";
}

/// What the trace calls itself, and its file where that has another name: copies go on calling themselves the same.
/// Logs of processes have no such name, but program and number.
std::string NameOf(const TraceInfo& info) {
  using std::filesystem::path;
  if (info.trace_name.empty()) return info.source;
  if (!info.program.empty() || path(info.trace_name).filename() == path(info.source).filename())
    return info.trace_name;
  return fmt::format("{} ({})", info.source, info.trace_name);
}

std::string HeaderText(const TraceInfo& info) {
  std::string text = Printable(NameOf(info));
  if (info.world_size > 0) text += fmt::format(", rank {} of {}", info.rank, info.world_size);
  if (info.one_of_several) text += fmt::format(", GPU {}", info.device.id);
  if (!info.device.name.empty()) text += fmt::format(", {}", Printable(info.device.name));
  if (info.device.sms > 0) text += fmt::format(" ({} SMs)", info.device.sms);
  text += "\n";
  if (!info.note.empty()) text += "note: " + Printable(info.note) + "\n";
  return text;
}

std::string RemarksText(const AnalysedTrace& a) {
  std::string text;
  for (const std::string& remark : Remarks(a)) text += "remark: " + remark + "\n";
  return text;
}

std::string TotalsText(const TraceSummary& s) {
  std::string text = fmt::format(
      "{} kernels, {} copies, {} memsets in {:.2f} ms; compute busy {:.2f} ms ({:.1f} %), nothing "
      "running {:.2f} ms ({:.1f} %)\n",
      s.kernels, s.copies, s.memsets, Ms(s.wall_ns), Ms(s.compute_busy_ns),
      Percent(s.compute_busy_ns, s.wall_ns), Ms(s.idle_ns), Percent(s.idle_ns, s.wall_ns));
  text +=
      fmt::format("{} compute kernels under 10 us take {:.2f} ms\n", s.short_kernels, Ms(s.short_kernels_ns));
  const auto overlap = [&](std::string_view what, const OverlapTotal& o) {
    if (o.busy_ns == 0) return;
    text += fmt::format(
        "{} {:.2f} ms: {:.2f} ms ({:.1f} %) beside compute, {:.2f} ms exposed ({:.1f} % of the whole)\n",
        what, Ms(o.busy_ns), Ms(o.overlapped_ns), Percent(o.overlapped_ns, o.busy_ns), Ms(o.exposed_ns()),
        Percent(o.exposed_ns(), s.wall_ns));
  };
  overlap("communication payload", s.payload);
  overlap("communication sync (waiting for peers)", s.sync);
  return text;
}

std::string StreamsText(const TraceSummary& s) {
  std::string text = fmt::format("\n{:>6} {:>6}  {:<13} {:>7} {:>10} {:>7} {:>14} {:>12}\n", "device",
                                 "stream", "", "events", "busy ms", "gaps", "median gap us", "all gaps ms");
  for (const StreamTotal& t : s.streams) {
    text += fmt::format("{:>6} {:>6}  {:<13} {:>7} {:>10.2f} {:>7} {:>14.2f} {:>12.2f}\n", t.device, t.stream,
                        t.communication ? "communication" : "compute", t.events, Ms(t.busy_ns), t.gaps,
                        Us(t.gap_median_ns), Ms(t.gap_total_ns));
  }
  return text;
}

std::string StepsText(const TraceSummary& s) {
  if (!s.steps) return "";
  const Steps& steps = *s.steps;
  std::string text = fmt::format("\n{} steps ({})", steps.start_ns.size(), steps.name);
  if (const auto periods = steps.PeriodsNs(); !periods.empty())
    text += fmt::format(", {:.2f} ms from start to start (median)", Ms(MedianNs(periods)));
  text += fmt::format("\n  GPU work    {:>10} ms a step\n  compute     {:>10} ms\n",
                      MeanAndEach(steps.work_ns), MeanAndEach(steps.compute_ns));
  if (MedianNs(steps.communication_ns) > 0)
    text += fmt::format("  communication {:>8} ms\n", MeanAndEach(steps.communication_ns));
  return text;
}

constexpr std::size_t kLongestPhaseName = 80;

std::string PhasesText(const TraceSummary& s) {
  if (s.phases.empty()) return "";
  std::string text = "\n";
  if (!s.layer_period_ns.empty())
    text += fmt::format("{} layers, {} ms from start to start of '{}'\n", *s.layers,
                        MeanAndEach(s.layer_period_ns), Printable(s.layer_phase));
  std::vector<std::string> names;
  std::size_t width = 24;
  for (const Phase& p : s.phases) {
    // Whole where it can be: vLLM's execute_context_0(0)_generation_8(8) differ at their ends.
    names.push_back(Clipped(Printable(p.name), kLongestPhaseName));
    width = std::max(width, names.back().size());
  }
  text += fmt::format("{:<{}} {:>5} {:<32} {:<32} {:<32} {}\n", "phase", width, "n", "compute ms (each)",
                      "span ms (each)", "payload ms (each)", "sync ms (each)");
  for (std::size_t i = 0; i < s.phases.size(); ++i) {
    const Phase& p = s.phases[i];
    text += fmt::format("{:<{}} {:>5} {:<32} {:<32} {:<32} {}\n", names[i], width, p.start_ns.size(),
                        MeanAndEach(p.work_ns), MeanAndEach(p.span_ns), MeanAndEach(p.payload_ns),
                        MeanAndEach(p.sync_ns));
  }
  return text;
}

std::string RowsText(const LayerOps& layers) {
  std::string text =
      fmt::format("\n{} tokens; rows M (expanded, padded) and U (received) by layer\n", layers.tokens);
  const auto line = [&](std::string_view what, std::int64_t LayerRows::*member) {
    text += fmt::format("  {:<12}", what);
    for (const LayerRows& rows : layers.rows) text += fmt::format(" {:>6}", rows.*member);
    text += "\n";
  };
  line("forward M", &LayerRows::forward_m);
  line("forward U", &LayerRows::forward_u);
  line("backward M", &LayerRows::backward_m);
  line("backward U", &LayerRows::backward_u);
  return text;
}

/// What one line of the table of operations tells: all launches of one operation of a phase, whatever their
/// rows.
struct OpLine {
  const RecognisedOp* first = nullptr;
  bool varies = false;
  Flops flops{};
  std::vector<double> durations_us;
};

/// Equal but for the rows, which differ from layer to layer as routing does.
bool SameButRows(const OpShape& a, const OpShape& b) {
  if (const auto* x = std::get_if<GemmShape>(&a)) {
    const auto* y = std::get_if<GemmShape>(&b);
    return y != nullptr && x->n == y->n && (x->k == y->k || x->m == y->m) && x->groups == y->groups;
  }
  const auto *x = std::get_if<RowsShape>(&a), *y = std::get_if<RowsShape>(&b);
  return x != nullptr && y != nullptr ? x->cols == y->cols : a == b;
}

std::vector<OpLine> OpLines(const std::vector<RecognisedOp>& ops) {
  std::vector<OpLine> lines;
  for (const RecognisedOp& op : ops) {
    const auto same = [&](const OpLine& line) {
      const bool one_per_layer =
          op.label.find("transpose") == std::string::npos || op.shape == line.first->shape;
      return line.first->phase == op.phase && line.first->label == op.label && one_per_layer &&
             SameButRows(line.first->shape, op.shape);
    };
    auto it = std::find_if(lines.begin(), lines.end(), same);
    if (it == lines.end()) it = lines.insert(lines.end(), {&op, false, {}, {}});
    it->varies = it->varies || !(op.shape == it->first->shape);
    it->flops += op.flops * static_cast<double>(op.durations_us.size());
    it->durations_us.insert(it->durations_us.end(), op.durations_us.begin(), op.durations_us.end());
  }
  return lines;
}

std::string OpsText(const AnalysedTrace& a) {
  std::string text;
  if (a.layers.ops.empty())
    return a.summary.layers ? "\nno operations recognised: " + a.layers.not_recognised + "\n" : "";
  text += RowsText(a.layers);
  text += fmt::format("{:.2f} TFLOP of tensor-core work, {:.0f} TFLOPS sustained\n\n",
                      a.layers.tensor_flops.count * 1e-12,
                      a.layers.tensor_flops.count / static_cast<double>(a.summary.wall_ns) * 1e-3);
  text += fmt::format("{:<8} {:<24} {:<52} {:>3} {:>9} {:>9} {:>9} {:>7}\n", "phase", "operation", "shape",
                      "n", "mean us", "min us", "max us", "TFLOPS");
  for (const OpLine& line : OpLines(a.layers.ops)) {
    const auto [low, high] = std::minmax_element(line.durations_us.begin(), line.durations_us.end());
    const double total = std::accumulate(line.durations_us.begin(), line.durations_us.end(), 0.0);
    const std::string tflops =
        line.flops.count > 0 ? fmt::format("{:.0f}", line.flops.count / total * 1e-6) : "";
    text += fmt::format("{:<8} {:<24} {:<52} {:>3} {:>9.1f} {:>9.1f} {:>9.1f} {:>7}\n", line.first->phase,
                        line.first->label, ShapeText(line.first->shape) + (line.varies ? " (rows vary)" : ""),
                        line.durations_us.size(), total / static_cast<double>(line.durations_us.size()), *low,
                        *high, tflops);
  }
  return text;
}

/// Operations whose shapes the program gave, and what could not be used of them.
std::string ShapedText(const ShapedOps& shaped) {
  std::string text;
  if (!shaped.ops.empty())
    text += fmt::format("\n{:<32} {:<44} {:>6} {:>10} {:>7} {:>7}  {}\n", "operation (shape from its range)",
                        "shape", "n", "median us", "TFLOPS", "GB/s", "kernels");
  for (const ShapedOp& op : shaped.ops) {
    const double us = Median(op.durations_us);
    const std::string tflops = op.flops.count > 0 ? fmt::format("{:.0f}", op.flops.count / us * 1e-6) : "";
    text +=
        fmt::format("{:<32} {:<44} {:>6} {:>10.2f} {:>7} {:>7.0f}  {}\n", Printable(op.label).substr(0, 32),
                    ShapeText(op.shape), op.durations_us.size(), us, tflops,
                    static_cast<double>(op.bytes.count) / us * 1e-3, Printable(ShortKernelName(op.kernels)));
  }
  for (const auto& [reason, count] : shaped.left_out)
    text += fmt::format("no shape taken: {} times {}\n", count, reason);
  if (shaped.bad_texts > 0)
    text += fmt::format("{} ranges with a shape that cannot be read were ignored, the first {}\n",
                        shaped.bad_texts, Printable(shaped.first_bad));
  return text;
}

std::string GroupsText(const std::vector<GroupTotal>& groups) {
  std::int64_t all = 0;
  for (const GroupTotal& g : groups) all += g.total_ns;
  std::string text = fmt::format("\n{:<24} {:>9} {:>12} {:>8}\n", "class", "launches", "ms", "share");
  for (const GroupTotal& g : groups)
    text += fmt::format("{:<24} {:>9} {:>12.2f} {:>6.1f} %\n", Name(g.group), g.count, Ms(g.total_ns),
                        Percent(g.total_ns, all));
  return text;
}

/// Only what is multiplied tells how fast a kernel could be.
std::string TypesText(const std::vector<TypeTotal>& types) {
  if (types.empty()) return "";
  std::string text = fmt::format("\n{:<24} {:<9} {:>9} {:>12}\n", "class", "type", "launches", "ms");
  for (const TypeTotal& t : types)
    text +=
        fmt::format("{:<24} {:<9} {:>9} {:>12.2f}\n", Name(t.group), Name(t.type), t.count, Ms(t.total_ns));
  return text;
}

/// A kernel by name, over one trace or several.
struct NamedTotal {
  std::string name;
  KernelClass klass;
  std::int64_t count = 0, total_ns = 0, min_ns = 0, max_ns = 0;
};

std::string KernelsText(const std::vector<NamedTotal>& kernels, int top) {
  std::string text = fmt::format("\n{:>9} {:>12} {:>10} {:>10} {:>10}  {:<15} {:<24} {}\n", "launches", "ms",
                                 "mean us", "min us", "max us", "library", "class", "kernel");
  for (std::size_t i = 0; i < kernels.size() && static_cast<int>(i) < top; ++i) {
    const NamedTotal& k = kernels[i];
    const std::string_view what = k.klass.kind ? Name(*k.klass.kind) : Name(k.klass.group);
    text += fmt::format("{:>9} {:>12.2f} {:>10.1f} {:>10.1f} {:>10.1f}  {:<15} {:<24} {}\n", k.count,
                        Ms(k.total_ns), Us(k.total_ns) / static_cast<double>(k.count), Us(k.min_ns),
                        Us(k.max_ns), k.klass.library, what, Printable(ShortKernelName(k.name)));
  }
  if (static_cast<int>(kernels.size()) > top)
    text += fmt::format("... and {} more kernels (--top N)\n", static_cast<int>(kernels.size()) - top);
  return text;
}

/// Totals over processes, most time first.
std::vector<NamedTotal> MergeKernels(const std::vector<const AnalysedTrace*>& processes) {
  std::map<std::string, NamedTotal> merged;
  for (const AnalysedTrace* process : processes) {
    for (const KernelTotal& k : process->summary.kernels_by_time) {
      NamedTotal& total = merged[process->trace.name(k.name)];
      total.min_ns = total.count == 0 ? k.min_ns : std::min(total.min_ns, k.min_ns);
      total.max_ns = std::max(total.max_ns, k.max_ns);
      total.count += k.count;
      total.total_ns += k.total_ns;
      total.klass = k.klass;
    }
  }
  std::vector<NamedTotal> sorted;
  for (auto& [name, total] : merged) {
    total.name = name;
    sorted.push_back(std::move(total));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.total_ns > b.total_ns; });
  return sorted;
}

std::vector<GroupTotal> MergeGroups(const std::vector<AnalysedTrace>& processes) {
  std::map<KernelGroup, GroupTotal> merged;
  for (const AnalysedTrace& process : processes) {
    for (const GroupTotal& g : process.summary.groups) {
      GroupTotal& total = merged[g.group];
      total.group = g.group;
      total.count += g.count;
      total.total_ns += g.total_ns;
    }
  }
  std::vector<GroupTotal> sorted;
  for (const auto& [group, total] : merged) sorted.push_back(total);
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.total_ns > b.total_ns; });
  return sorted;
}

std::vector<TypeTotal> MergeTypes(const std::vector<AnalysedTrace>& processes) {
  std::map<std::pair<KernelGroup, ElementType>, TypeTotal> merged;
  for (const AnalysedTrace& process : processes) {
    for (const TypeTotal& t : process.summary.types) {
      TypeTotal& total = merged[{t.group, t.type}];
      total.group = t.group;
      total.type = t.type;
      total.count += t.count;
      total.total_ns += t.total_ns;
    }
  }
  std::vector<TypeTotal> sorted;
  for (const auto& [key, total] : merged) sorted.push_back(total);
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.total_ns > b.total_ns; });
  return sorted;
}

std::string RankText(const TraceInfo& info) { return info.rank < 0 ? "-" : std::to_string(info.rank); }

/// "processes", or "GPUs" where one file was several.
std::string_view WhatOf(const std::vector<AnalysedTrace>& processes) {
  const bool split = std::any_of(processes.begin(), processes.end(),
                                 [](const AnalysedTrace& p) { return p.trace.info.one_of_several; });
  return split ? "GPUs" : "processes";
}

}  // namespace

AnalysedTrace Analyse(Trace trace, const LaunchMatcher& matcher) {
  AnalysedTrace a;
  a.trace = std::move(trace);
  a.attribution = Attribute(a.trace);
  a.summary = Summarise(a.trace, a.attribution);
  a.layers = RecogniseLayers(a.trace, a.attribution, a.summary, matcher);
  a.shaped = FindShapedOps(a.trace, a.attribution);
  return a;
}

std::string TraceText(const AnalysedTrace& a, int top) {
  return HeaderText(a.trace.info) + RemarksText(a) + TotalsText(a.summary) + StepsText(a.summary) +
         PhasesText(a.summary) + OpsText(a) + ShapedText(a.shaped) + StreamsText(a.summary) +
         GroupsText(a.summary.groups) + TypesText(a.summary.types) + KernelsText(MergeKernels({&a}), top);
}

std::string ProcessesText(const std::vector<AnalysedTrace>& processes, int top) {
  if (processes.size() == 1) return TraceText(processes.front(), top);
  std::string text =
      fmt::format("{} {}\n{:<40} {:>5} {:>3} {:>9} {:>12} {:>10} {:>14}\n", processes.size(),
                  WhatOf(processes), "process", "rank", "GPU", "kernels", "wall ms", "busy", "exposed comm.");
  std::vector<const AnalysedTrace*> pointers;
  for (const AnalysedTrace& p : processes) {
    const TraceSummary& s = p.summary;
    text += fmt::format("{:<40} {:>5} {:>3} {:>9} {:>12.2f} {:>8.1f} % {:>11.2f} ms\n",
                        Printable(NameOf(p.trace.info)).substr(0, 40), RankText(p.trace.info),
                        p.trace.info.device.id, s.kernels, Ms(s.wall_ns),
                        Percent(s.compute_busy_ns, s.wall_ns), Ms(s.payload.exposed_ns()));
    if (!p.trace.info.note.empty()) text += "  note: " + Printable(p.trace.info.note) + "\n";
    for (const std::string& remark : Remarks(p)) text += "  remark: " + remark + "\n";
    if (s.steps) text += StepsText(s) + "\n";
    text += ShapedText(p.shaped);
    pointers.push_back(&p);
  }
  return text + GroupsText(MergeGroups(processes)) + TypesText(MergeTypes(processes)) +
         KernelsText(MergeKernels(pointers), top);
}

}  // namespace orrery::profiler
