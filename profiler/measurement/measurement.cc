#include "profiler/measurement/measurement.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "hw/cost/kernel_table.h"
#include "profiler/measurement/printable.h"

namespace orrery::profiler {

bool KernelCounters::empty() const { return *this == KernelCounters{}; }

std::string ShapeText(const OpShape& shape) {
  if (const auto* g = std::get_if<GemmShape>(&shape)) {
    const std::string groups = g->groups == 1 ? "" : fmt::format("G={} ", g->groups);
    return fmt::format("{}M={} N={} K={}", groups, g->m, g->n, g->k);
  }
  if (const auto* a = std::get_if<AttentionShape>(&shape)) {
    return fmt::format("B={} H={}/{} Sq={} Skv={} d={}/{}{}", a->batch, a->heads, a->kv_heads, a->q_len,
                       a->kv_len, a->d_qk, a->d_v, a->causal ? " causal" : "");
  }
  const auto& r = std::get<RowsShape>(shape);
  return fmt::format("{}x{}", r.rows, r.cols);
}

std::string CaseKey(const KernelSample& sample) {
  std::string key = fmt::format("{} | {} | {} | {} SMs", sample.op_label, Name(sample.kind),
                                ShapeText(sample.shape), sample.sms);
  if (sample.beside_copy) key += " | beside copy";
  if (!sample.variant.empty()) key += " | " + sample.variant;
  return key;
}

std::string Iso8601Utc(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  gmtime_r(&time, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

namespace {

/// What must be equal for two runs to be of one; the name of the first that differs.
std::string FirstDifference(const MeasurementRun& a, const MeasurementRun& b) {
  const auto two = [](const char* what, const std::string& x, const std::string& y) {
    return fmt::format("{} '{}' and '{}'", what, Printable(x), Printable(y));
  };
  if (a.suite != b.suite) return two("suite", a.suite, b.suite);
  if (a.device.name != b.device.name) return two("device", a.device.name, b.device.name);
  if (a.device.sms != b.device.sms)
    return two("numbers of SMs", std::to_string(a.device.sms), std::to_string(b.device.sms));
  if (a.driver != b.driver) return two("driver", a.driver, b.driver);
  if (a.cuda_runtime != b.cuda_runtime) return two("CUDA", a.cuda_runtime, b.cuda_runtime);
  if (a.libraries != b.libraries) return "library versions";
  return "";
}

void RequireSame(const MeasurementRun& a, const MeasurementRun& b, const std::string& a_name,
                 const std::string& b_name) {
  const std::string difference = FirstDifference(a, b);
  if (difference.empty()) return;
  throw InputError(fmt::format("{} and {} cannot be merged: different {}", a_name, b_name, difference));
}

/// Which run a case and process came from.
class Origins {
 public:
  void Note(const KernelSample& sample, const std::string& name) {
    const auto [it, added] = origins_.try_emplace({CaseKey(sample), sample.process}, name);
    if (added) return;
    throw InputError(fmt::format("process {} of '{}' is in two of the measurements: {} and {}",
                                 sample.process, Printable(CaseKey(sample)), it->second, name));
  }

 private:
  std::map<std::pair<std::string, int>, std::string> origins_;
};

template <typename Item>
void Append(std::vector<Item>& from, std::vector<Item>* to) {
  std::move(from.begin(), from.end(), std::back_inserter(*to));
}

/// The median of what is known, 0 if nothing is.
double MedianKnown(std::vector<double> values) {
  std::erase(values, 0.0);
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

/// Each reason of "power cap, idle" once, in order of appearance; "none" only if no part knows another.
void AddReasons(std::string_view text, std::vector<std::string>* reasons) {
  constexpr std::string_view kSeparator = ", ";
  while (!text.empty()) {
    const std::size_t end = text.find(kSeparator);
    const std::string reason(text.substr(0, end));
    if (std::find(reasons->begin(), reasons->end(), reason) == reasons->end()) reasons->push_back(reason);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + kSeparator.size());
  }
}

std::string MergedThrottling(const std::vector<MeasurementRun>& parts) {
  std::vector<std::string> reasons;
  for (const MeasurementRun& part : parts) AddReasons(part.clocks.throttling, &reasons);
  if (reasons.size() > 1) std::erase(reasons, "none");
  return fmt::format("{}", fmt::join(reasons, ", "));
}

Clocks MergedClocks(const std::vector<MeasurementRun>& parts) {
  Clocks merged;
  std::vector<double> sm, memory;
  for (const MeasurementRun& part : parts) {
    const Clocks& c = part.clocks;
    sm.push_back(c.sm_mhz);
    memory.push_back(c.memory_mhz);
    merged.sm_max_mhz = std::max(merged.sm_max_mhz, c.sm_max_mhz);
    merged.memory_max_mhz = std::max(merged.memory_max_mhz, c.memory_max_mhz);
    merged.power_w = std::max(merged.power_w, c.power_w);
  }
  merged.sm_mhz = MedianKnown(std::move(sm));
  merged.memory_mhz = MedianKnown(std::move(memory));
  merged.throttling = MergedThrottling(parts);
  return merged;
}

/// The oldest, as a table's age is told by it; one that nobody recorded is older than every other.
std::string OldestDate(const std::vector<MeasurementRun>& parts) {
  std::string oldest = parts.front().date_utc;
  for (const MeasurementRun& part : parts) {
    if (part.date_utc == hw::kNotRecorded) return part.date_utc;
    oldest = std::min(oldest, part.date_utc);  // ISO 8601: the order of the texts is that of the times
  }
  return oldest;
}

}  // namespace

bool IsMeasurement(const std::filesystem::path& file) {
  return ReadStart(file, 256).find("\"orrery-measurements\"") != std::string::npos;
}

MeasurementRun MergeParts(std::vector<MeasurementRun> parts, const std::vector<std::string>& names) {
  if (parts.empty()) throw InputError("no measurement to merge");
  ORRERY_CHECK(names.size() == parts.size(), fmt::format("{} names of {}", names.size(), parts.size()));
  Origins origins;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    RequireSame(parts.front(), parts[i], names.front(), names[i]);
    for (const KernelSample& sample : parts[i].samples) origins.Note(sample, names[i]);
  }
  const Clocks clocks = MergedClocks(parts);
  const std::string date = OldestDate(parts);
  MeasurementRun merged = std::move(parts.front());
  merged.clocks = clocks;
  merged.date_utc = date;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Append(parts[i].samples, &merged.samples);
    Append(parts[i].launch_gaps, &merged.launch_gaps);
    if (merged.counters_note.empty()) merged.counters_note = parts[i].counters_note;
  }
  return merged;
}

MeasurementRun MergeProcesses(std::vector<MeasurementRun> runs, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (KernelSample& sample : runs[i].samples) sample.process = static_cast<int>(i);
    for (LaunchGaps& gaps : runs[i].launch_gaps) gaps.process = static_cast<int>(i);
  }
  return MergeParts(std::move(runs), names);
}

}  // namespace orrery::profiler
