#include "profiler/measurement/calibration_file.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/op/op_work.h"
#include "hw/cost/kernel_table.h"
#include "hw/cost/plausible.h"
#include "hw/device.h"
#include "profiler/measurement/classify.h"
#include "profiler/measurement/printable.h"
#include "profiler/measurement/statistics.h"
#include "profiler/measurement/too_slow.h"

namespace orrery::profiler {
namespace {

using Durations = std::vector<double>;

/// Launches of one case: kind, shape, bytes and SMs, which a price knows. Which kernel ran it does not.
struct Case {
  OpKind kind{};
  int sms = 0;
  OpShape shape{};
  Bytes bytes{};
  std::map<int, Durations> alone, beside;      // by process
  std::map<std::string, Durations> by_kernel;  // alone
  double worst_error = -1;

  bool Holds(const KernelSample& s) const {
    return kind == s.kind && sms == s.sms && shape == s.shape && bytes == s.bytes;
  }
  void Add(const KernelSample& s) {
    worst_error = std::max(worst_error, s.reference_error.value_or(-1));
    const auto append = [&](Durations& to) {
      to.insert(to.end(), s.durations_us.begin(), s.durations_us.end());
    };
    append((s.beside_copy ? beside : alone)[s.process]);
    if (!s.beside_copy) append(by_kernel[s.kernel]);
  }
  /// The one of most launches, of several the first by name.
  const std::string& MainKernel() const {
    return std::max_element(by_kernel.begin(), by_kernel.end(),
                            [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); })
        ->first;
  }
};

/// A table section: everything its rows share.
using SectionKey = std::tuple<OpKind, std::string, int>;  // kind, main kernel, SMs
using Sections = std::map<SectionKey, std::vector<const Case*>>;

/// Cases in order of their first sample.
class Cases {
 public:
  void Add(const KernelSample& sample) {
    auto& same_kind = index_[{sample.kind, sample.sms}];
    for (const std::size_t i : same_kind) {
      if (cases_[i].Holds(sample)) return cases_[i].Add(sample);
    }
    same_kind.push_back(cases_.size());
    cases_.push_back({sample.kind, sample.sms, sample.shape, sample.bytes, {}, {}, {}, -1});
    cases_.back().Add(sample);
  }
  const std::vector<Case>& all() const { return cases_; }

 private:
  std::vector<Case> cases_;
  std::map<std::pair<OpKind, int>, std::vector<std::size_t>> index_;
};

/// A double-quoted YAML (and JSON) string.
std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The median of the processes' medians, each counting as its launches do: a process that launched a kernel
/// once is one launch. For processes of equal launches the plain median.
double Centre(const std::map<int, Durations>& processes) {
  std::vector<std::pair<double, std::size_t>> medians;
  std::size_t all = 0, below = 0;
  for (const auto& [process, durations] : processes) {
    medians.emplace_back(Median(durations), durations.size());
    all += durations.size();
  }
  std::sort(medians.begin(), medians.end());
  for (std::size_t i = 0; i < medians.size(); ++i) {
    below += medians[i].second;
    if (2 * below == all) return (medians[i].first + medians[i + 1].first) / 2;
    if (2 * below > all) return medians[i].first;
  }
  return 0;
}

std::string ShapeColumns(const OpShape& shape) {
  if (std::holds_alternative<GemmShape>(shape)) return "m, n, k, groups";
  if (std::holds_alternative<AttentionShape>(shape))
    return "batch, heads, kv_heads, q_len, kv_len, d_qk, d_v, causal";
  return "rows, cols, bytes";
}

std::string ShapeCells(const Case& row) {
  if (const auto* g = std::get_if<GemmShape>(&row.shape))
    return fmt::format("{}, {}, {}, {}", g->m, g->n, g->k, g->groups);
  if (const auto* a = std::get_if<AttentionShape>(&row.shape)) {
    return fmt::format("{}, {}, {}, {}, {}, {}, {}, {}", a->batch, a->heads, a->kv_heads, a->q_len, a->kv_len,
                       a->d_qk, a->d_v, a->causal);
  }
  const auto& r = std::get<RowsShape>(row.shape);
  return fmt::format("{}, {}, {}", r.rows, r.cols, row.bytes.count);
}

/// Whether every dimension the table wants is there.
bool Complete(const KernelSample& sample) {
  if (const auto* g = std::get_if<GemmShape>(&sample.shape))
    return g->m > 0 && g->n > 0 && g->k > 0 && g->groups > 0;
  if (const auto* a = std::get_if<AttentionShape>(&sample.shape)) {
    return std::min({a->batch, a->heads, a->kv_heads, a->q_len, a->kv_len, a->d_qk, a->d_v}) > 0;
  }
  const auto& r = std::get<RowsShape>(sample.shape);
  return r.rows > 0 && r.cols > 0 && sample.bytes.count > 0;
}

std::string CaseText(const Case& c) {
  return fmt::format("{} {} @{}", Name(c.kind), ShapeText(c.shape), c.sms);
}

/// "nvjet_a 40 of 100.0 us, nvjet_b 1 of 600.0 us": short names, where they tell the kernels apart.
std::string KernelsText(const Case& c) {
  constexpr std::size_t kLongName = 100;
  std::set<std::string> shorts;
  for (const auto& [kernel, durations] : c.by_kernel) shorts.insert(ShortKernelName(kernel));
  const bool distinct = shorts.size() == c.by_kernel.size();
  std::string text;
  for (const auto& [kernel, durations] : c.by_kernel) {
    text += fmt::format("{}{} {} of {:.1f} us", text.empty() ? "" : ", ",
                        Printable(distinct ? ShortKernelName(kernel) : kernel.substr(0, kLongName)),
                        durations.size(), Median(durations));
  }
  return text;
}

std::string RowText(const Case& row, bool with_beside) {
  std::vector<double> all;
  for (const auto& [process, durations] : row.alone)
    all.insert(all.end(), durations.begin(), durations.end());
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  const std::string kernels =
      row.by_kernel.size() > 1 ? fmt::format("      # several kernels: {}\n", KernelsText(row)) : "";
  const std::string beside = with_beside ? fmt::format(", {:.3f}", Centre(row.beside)) : "";
  return kernels + fmt::format("      - [{}, {:.3f}{}, {}, {:.3f}, {:.3f}]\n", ShapeCells(row),
                               Centre(row.alone), beside, all.size(), *low, *high);
}

/// Rows with and without a time beside a copy have different columns, so they are tables of their own.
std::string SectionText(const SectionKey& key, const std::vector<const Case*>& rows, bool with_beside) {
  std::string text;
  double worst_error = -1;
  for (const Case* row : rows) worst_error = std::max(worst_error, row->worst_error);
  for (const Case* row : rows) {
    if (row->beside.empty() == with_beside) continue;
    if (text.empty()) {
      const auto& [kind, kernel, sms] = key;
      text = fmt::format("  - op: {}\n    kernel: {}\n    sms: {}\n", Name(kind), Quoted(kernel), sms);
      if (worst_error >= 0)
        text += fmt::format("    # largest relative error against the reference: {:.2g}\n", worst_error);
      text += fmt::format("    columns: [{}, time_us{}, count, min_us, max_us]\n    rows:\n",
                          ShapeColumns(row->shape), with_beside ? ", beside_us" : "");
    }
    text += RowText(*row, with_beside);
  }
  return text;
}

std::string Libraries(const MeasurementRun& run) {
  std::string text = run.cuda_runtime == "not recorded" ? run.cuda_runtime : "CUDA " + run.cuda_runtime;
  for (const auto& [name, version] : run.libraries) text += fmt::format(", {} {}", name, version);
  return text;
}

std::string ClockText(const Clocks& c) {
  std::vector<std::string> known;
  const auto add = [&](const char* what, double mhz, double max) {
    const std::string of = max > 0 ? fmt::format(" of {:.0f}", max) : "";
    if (mhz > 0) known.push_back(fmt::format("{} {:.0f}{} MHz", what, mhz, of));
  };
  add("SM", c.sm_mhz, c.sm_max_mhz);
  add("memory", c.memory_mhz, c.memory_max_mhz);
  if (!c.throttling.empty()) known.push_back("throttling: " + c.throttling);
  return known.empty() ? hw::kNotRecorded : fmt::format("{}", fmt::join(known, ", "));
}

/// Gaps between kernels launched one by one, by process; those of graphs are an experiment.
std::map<int, Durations> StreamGaps(const MeasurementRun& run) {
  std::map<int, Durations> by_process;
  for (const LaunchGaps& gaps : run.launch_gaps) {
    if (gaps.how == "graph") continue;
    auto& own = by_process[gaps.process];
    own.insert(own.end(), gaps.gaps_us.begin(), gaps.gaps_us.end());
  }
  return by_process;
}

/// Where a table comes from: a trace's suite says nothing, its command names the file.
std::string SourceOf(const MeasurementRun& run) {
  return fmt::format("{}, {} ({} SMs)",
                     run.suite == kTraceSuite ? run.command : "orrery profile, suite " + run.suite,
                     run.device.name, run.device.sms);
}

std::string Header(const MeasurementRun& run, const std::string& device,
                   const std::map<int, Durations>& gaps) {
  std::string text =
      "# Written by orrery profile; the schema is told in docs/calibration.md.\nschema_version: 1\n";
  text += fmt::format("device: {}\ndate: {}\nsource: {}\ndriver: {}\nlibraries: {}\nclocks: {}\n", device,
                      run.date_utc == hw::kNotRecorded ? run.date_utc : run.date_utc.substr(0, 10),
                      Quoted(SourceOf(run)), Quoted(run.driver), Quoted(Libraries(run)),
                      Quoted(ClockText(run.clocks)));
  if (!gaps.empty()) text += fmt::format("launch_gap: {:.3f} us\n", Centre(gaps));
  return text + "tables:\n";
}

}  // namespace

std::optional<std::string> FindDevicePresetName(std::string_view device_name) {
  struct Known {
    std::string_view name;
    const char* preset;
  };
  // Whole names: an H800 PCIe, a GH200, an H200 NVL or a MIG slice is another device.
  constexpr Known kKnown[] = {{"H100 80GB HBM3", "h100-sxm"}, {"H800", "h800-sxm"},
                              {"H200", "h200-sxm"},           {"H20", "h20"},
                              {"A100-SXM4-80GB", "a100-sxm"}, {"B200", "b200-sxm"}};
  constexpr std::string_view kVendor = "NVIDIA ";  // absent before driver 470
  if (device_name.starts_with(kVendor)) device_name.remove_prefix(kVendor.size());
  for (const Known& known : kKnown) {
    if (device_name == known.name) return known.preset;
  }
  return std::nullopt;
}

std::string DevicePresetName(const DeviceDescription& device) {
  const auto preset = FindDevicePresetName(device.name);
  if (!preset) {
    throw InputError("no device preset is known for '" + Printable(device.name) +
                     "': name one with --device");
  }
  const int sms = hw::DevicePreset(*preset).sms;
  if (device.sms == sms) return *preset;
  throw InputError(
      fmt::format("'{}' is {}, which has {} SMs, and the times are of {} SMs: name the device "
                  "with --device to go on all the same",
                  Printable(device.name), *preset, sms, device.sms));
}

namespace {

/// The samples by case; why others are no row.
Cases Collect(const MeasurementRun& run, CalibrationText* result) {
  Cases cases;
  std::map<std::string, int> left_out;
  for (const KernelSample& sample : run.samples) {
    if (!sample.variant.empty())
      ++left_out["variant '" + sample.variant + "'"];
    else if (!Complete(sample))
      ++left_out["which shape or bytes are incomplete"];
    else
      cases.Add(sample);
  }
  for (const auto& [reason, count] : left_out)
    result->left_out.push_back(fmt::format("{} samples, {}", count, reason));
  for (const LaunchGaps& gaps : run.launch_gaps) {
    if (gaps.how == "graph") result->left_out.push_back("launch gaps of a CUDA graph");
  }
  return cases;
}

Op OpOf(const Case& c) { return {c.kind, WithBytes(c.kind, c.shape, c.bytes), ""}; }

/// Why the cost model would refuse the row; absent if it would not.
std::optional<std::string> WhyNoRow(const Case& c, const hw::Device& device) {
  if (c.alone.empty()) return "measured beside a copy alone";
  if (c.sms > device.sms) return fmt::format("{} SMs, and {} has {}", c.sms, device.name, device.sms);
  return hw::WhyImpossible(OpOf(c), device, c.sms, FromMicroseconds(Centre(c.alone)));
}

Sections SectionsOf(const Cases& cases, const hw::Device& device, CalibrationText* result) {
  Sections sections;
  for (const Case& c : cases.all()) {
    if (const auto why = WhyNoRow(c, device)) {
      result->left_out.push_back(CaseText(c) + ": " + *why);
      continue;
    }
    if (const auto why = WhyTooSlow(OpOf(c), device, c.sms, Centre(c.alone)))
      result->doubted.push_back(CaseText(c) + " takes " + *why);
    if (c.by_kernel.size() > 1) result->merged.push_back(CaseText(c) + ": " + KernelsText(c));
    sections[{c.kind, c.MainKernel(), c.sms}].push_back(&c);
    ++result->rows;
  }
  return sections;
}

}  // namespace

CalibrationText CalibrationYaml(const MeasurementRun& run, const std::string& device) {
  CalibrationText result;
  const Cases cases = Collect(run, &result);
  const Sections sections = SectionsOf(cases, hw::DevicePreset(device), &result);
  if (result.rows == 0) {
    std::string why;
    for (const std::string& reason : result.left_out) why += (why.empty() ? " (left out: " : "; ") + reason;
    throw InputError("the measurement holds no case that a calibration table can price from" +
                     Printable(why.substr(0, 500)) + (why.empty() ? "" : ")"));
  }
  result.yaml = Header(run, device, StreamGaps(run));
  for (const auto& [key, rows] : sections)
    result.yaml += SectionText(key, rows, false) + SectionText(key, rows, true);
  return result;
}

}  // namespace orrery::profiler
