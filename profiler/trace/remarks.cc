#include "profiler/trace/remarks.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/units.h"
#include "core/op/op_traits.h"
#include "core/op/op_work.h"
#include "hw/cost/plausible.h"
#include "hw/device.h"
#include "profiler/measurement/calibration_file.h"
#include "profiler/measurement/printable.h"
#include "profiler/measurement/statistics.h"
#include "profiler/measurement/too_slow.h"

namespace orrery::profiler {
namespace {

std::string UnknownKernels(const TraceSummary& s, const Trace& trace) {
  constexpr std::size_t kNamed = 3;
  std::int64_t all = 0, unknown = 0;
  std::size_t names = 0;
  std::string examples;
  for (const KernelTotal& k : s.kernels_by_time) {
    all += k.total_ns;
    if (k.klass.group != KernelGroup::kUnknown) continue;
    unknown += k.total_ns;
    if (names++ < kNamed)
      examples += (examples.empty() ? "" : ", ") + Printable(ShortKernelName(trace.name(k.name)));
  }
  if (names == 0) return "";
  const double share = all > 0 ? 100.0 * static_cast<double>(unknown) / static_cast<double>(all) : 0;
  return fmt::format(
      "{} of {} kernel names are in no row of the table (profiler/measurement/kernel_rows.cc) and count as "
      "unknown: "
      "{:.2f} ms, "
      "{:.1f} % of GPU time: {}{}",
      names, s.kernels_by_time.size(), static_cast<double>(unknown) * 1e-6, share, examples,
      names > kNamed ? ", ..." : "");
}

/// What stands out of many operations: how many do, and the first of them.
struct Odd {
  std::size_t count = 0;
  std::string first;

  void Add(const TracedOp& op, std::string_view does, const std::optional<std::string>& why) {
    if (!why || count++ > 0) return;
    first = fmt::format("{} {} {}{}", Printable(op.label), ShapeText(op.shape), does, *why);
  }
  std::string Text(std::string_view are) const {
    return count <= 1 ? first : fmt::format("{} operations {}, the first: {}", count, are, first);
  }
};

/// Operations whose time their device cannot have, where the device is known: too long even for the shortest
/// launch, or too short for the median one, which a table takes.
std::vector<std::string> OddOperations(const AnalysedTrace& a) {
  const auto preset = FindDevicePresetName(a.trace.info.device.name);
  if (!preset) return {};
  const hw::Device& device = hw::DevicePreset(*preset);
  Odd slow, fast;
  const auto look = [&](const TracedOp& traced) {
    if (traced.durations_us.empty() ||
        (Traits(traced.kind).precision == Precision::kFp8 && device.fp8.value <= 0))
      return;
    const Op op{traced.kind, WithBytes(traced.kind, traced.shape, traced.bytes), ""};
    const double least = *std::min_element(traced.durations_us.begin(), traced.durations_us.end());
    slow.Add(traced, "takes ", WhyTooSlow(op, device, device.sms, least));
    fast.Add(traced, "would run at ",
             hw::WhyImpossible(op, device, device.sms, FromMicroseconds(Median(traced.durations_us))));
  };
  for (const RecognisedOp& op : a.layers.ops) look(op);
  for (const ShapedOp& op : a.shaped.ops) look(op);
  return {slow.Text("are far too slow"),
          fast.Text("are faster than the device (is their shape that of another?)")};
}

/// Every program has kernels that do little more than start: the shortest of the 963 in DeepSeek's training
/// trace (deepseek-ai/profile-data train.json) takes 1 us. A thousand times that is another unit.
std::string SlowKernels(const TraceSummary& s) {
  constexpr std::int64_t kMany = 100, kLongNs = 1'000'000;
  if (s.kernels < kMany) return "";
  std::int64_t shortest = s.wall_ns;
  for (const KernelTotal& k : s.kernels_by_time) shortest = std::min(shortest, k.min_ns);
  if (shortest < kLongNs) return "";
  return fmt::format("the shortest of {} kernels takes {:.2f} ms: are its times in another unit?", s.kernels,
                     static_cast<double>(shortest) * 1e-6);
}

}  // namespace

std::vector<std::string> Remarks(const AnalysedTrace& a) {
  std::vector<std::string> remarks;
  const TraceSummary& s = a.summary;
  if (s.repeated_events > 0) {
    remarks.push_back(
        fmt::format("{} GPU events are there twice, equal in name, stream, start and duration: sums and "
                    "launches count both",
                    s.repeated_events));
  }
  const auto add = [&](std::string remark) {
    if (!remark.empty()) remarks.push_back(std::move(remark));
  };
  add(UnknownKernels(s, a.trace));
  add(SlowKernels(s));
  for (std::string& remark : OddOperations(a)) add(std::move(remark));
  if (s.steps && s.steps->outside > 0) {
    remarks.push_back(fmt::format(
        "{} GPU events are in no step: launched outside of them, or by a call that the trace does not have",
        s.steps->outside));
  }
  return remarks;
}

}  // namespace orrery::profiler
