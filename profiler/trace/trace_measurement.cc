// From what was found in a trace to a measurement.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/base/error.h"
#include "hw/cost/kernel_table.h"
#include "hw/device.h"
#include "profiler/measurement/calibration_file.h"
#include "profiler/measurement/printable.h"
#include "profiler/trace/trace_report.h"

namespace orrery::profiler {

using hw::kNotRecorded;

std::int64_t ZeroDurations(const AnalysedTrace& a) {
  std::int64_t count = 0;
  for (const RecognisedOp& op : a.layers.ops)
    count += std::count(op.durations_us.begin(), op.durations_us.end(), 0.0);
  return count;
}

namespace {

/// The time of the first event, where times count from 1970 or the trace says from when.
std::string DateOf(const Trace& trace) {
  constexpr std::int64_t kFirstCuda = 1'182'556'800, kEnd = 4'102'444'800;  // 2007-06-23, CUDA 1.0; 2100
  std::int64_t seconds = trace.events.front().start_ns / 1'000'000'000;
  const std::int64_t epoch = trace.info.epoch_ns / 1'000'000'000;
  if (seconds < kFirstCuda && epoch > 0) seconds += epoch;
  return seconds >= kFirstCuda && seconds < kEnd ? Iso8601Utc(seconds) : kNotRecorded;
}

/// SMs of the GPU: as the trace says, else those of the device of its name, else `otherwise`.
int SmsOf(const TraceInfo& info, int otherwise) {
  if (info.device.sms > 0) return info.device.sms;
  if (const auto preset = FindDevicePresetName(info.device.name)) return hw::DevicePreset(*preset).sms;
  if (otherwise > 0) return otherwise;
  throw InputError(Place{info.source},
                   fmt::format("does not say how many SMs its GPU has ({}): name the device with --device",
                               info.program.empty() ? "in 'deviceProperties'" : "'sms' in its first line"));
}

std::string OrNotRecorded(const std::string& text) { return text.empty() ? kNotRecorded : text; }

/// What repeats the import; a trace's own name stands behind it.
std::string CommandOf(const TraceInfo& info) {
  const bool named = !info.trace_name.empty() && info.trace_name != info.source;
  return "orrery profile import " + info.source + (named ? "  # " + info.trace_name : "");
}

MeasurementRun TraceHeader(const AnalysedTrace& a, int sms_otherwise) {
  const TraceInfo& info = a.trace.info;
  MeasurementRun run;
  // A trace is called after the file it was first exported to, which differs every time.
  run.suite = info.program.empty() ? kTraceSuite : info.program;
  run.command = CommandOf(info);
  run.date_utc = DateOf(a.trace);
  run.device = {info.device.name.empty() ? "unknown" : info.device.name,
                info.device.compute_capability,
                SmsOf(info, sms_otherwise),
                {info.device.memory_bytes}};
  run.driver = OrNotRecorded(info.driver);
  run.cuda_runtime = OrNotRecorded(info.cuda_runtime);
  run.cupti = info.cupti;
  run.counters_note =
      "times from a trace: no counters, and medians over all launches, whatever ran beside them";
  if (const std::int64_t zero = ZeroDurations(a); zero > 0)
    run.counters_note += fmt::format("; {} launches of zero duration left out", zero);
  return run;
}

std::string WhyNoShapes(const ShapedOps& shaped) {
  std::string why;
  for (const auto& [reason, count] : shaped.left_out)
    why += fmt::format("{}left out: {} times {}", why.empty() ? "" : "; ", count, reason);
  if (shaped.bad_texts > 0) {
    why += fmt::format("{}{} ranges give one that cannot be read, the first {}", why.empty() ? "" : "; ",
                       shaped.bad_texts, Printable(shaped.first_bad));
  }
  return why.empty() ? "no range or operator gives one" : why;
}

/// Of the compute stream with most gaps, where it has enough of them.
std::optional<double> MedianGapUs(const TraceSummary& summary) {
  constexpr std::int64_t kEnough = 100;
  const StreamTotal* busiest = nullptr;
  for (const StreamTotal& s : summary.streams) {
    if (!s.communication && (busiest == nullptr || s.gaps > busiest->gaps)) busiest = &s;
  }
  if (busiest == nullptr || busiest->gaps < kEnough) return std::nullopt;
  return static_cast<double>(busiest->gap_median_ns) * 1e-3;
}

/// DeepGEMM's kernels are persistent and launch one block per SM they may use; others use what there is.
int SmsOf(const KernelSample& sample, std::int64_t blocks, int device_sms) {
  const bool persistent = sample.library == "DeepGEMM" && std::holds_alternative<GemmShape>(sample.shape);
  return persistent && blocks < device_sms ? static_cast<int>(blocks) : device_sms;
}

/// What every operation of a trace tells of its sample; launches of zero duration are no times.
KernelSample SampleOf(const TracedOp& op) {
  KernelSample s;
  s.op_label = op.label;
  s.kind = op.kind;
  s.shape = op.shape;
  s.flops = op.flops;
  s.bytes = op.bytes;
  std::copy_if(op.durations_us.begin(), op.durations_us.end(), std::back_inserter(s.durations_us),
               [](double us) { return us > 0; });
  return s;
}

KernelSample SampleOf(const AnalysedTrace& a, const RecognisedOp& op) {
  KernelSample s = SampleOf(static_cast<const TracedOp&>(op));
  s.kernel = a.trace.name(op.kernel);
  s.library = ClassifyKernel(s.kernel).library;
  s.op_label = op.phase + " " + op.label;
  if (op.approximate) s.variant = "mean rows, two at a time";
  return s;
}

KernelSample SampleOf(const AnalysedTrace&, const ShapedOp& op) {
  KernelSample s = SampleOf(static_cast<const TracedOp&>(op));
  s.kernel = op.kernels;
  s.library = op.library;
  return s;
}

}  // namespace

MeasurementRun TraceMeasurement(const AnalysedTrace& a, int sms_otherwise) {
  if (a.layers.ops.empty() && a.shaped.ops.empty())
    throw InputError(Place{a.trace.info.source},
                     fmt::format("no operation with a shape was recognised ({}; {})", a.layers.not_recognised,
                                 WhyNoShapes(a.shaped)));
  MeasurementRun run = TraceHeader(a, sms_otherwise);
  std::map<std::string, int> seen;
  const auto add = [&](KernelSample s, std::int64_t blocks) {
    if (s.durations_us.empty()) return;
    s.sms = SmsOf(s, blocks, run.device.sms);
    // One operation may come from several kernels: a case of a measurement has one sample per process.
    if (const int earlier = seen[CaseKey(s)]++; earlier > 0) s.op_label += fmt::format(" ({})", earlier + 1);
    run.samples.push_back(std::move(s));
  };
  for (const RecognisedOp& op : a.layers.ops) add(SampleOf(a, op), op.blocks);
  for (const ShapedOp& op : a.shaped.ops) add(SampleOf(a, op), op.blocks);
  if (const auto gap = MedianGapUs(a.summary)) run.launch_gaps.push_back({"trace", 0, {*gap}});
  if (run.samples.empty())
    throw InputError(Place{a.trace.info.source}, "every recognised operation has a duration of zero");
  return run;
}

}  // namespace orrery::profiler
