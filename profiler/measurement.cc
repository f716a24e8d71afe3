#include "profiler/measurement.h"

#include <ctime>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "core/error.h"
#include "profiler/printable.h"

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

/// What must be equal for two runs to be processes of one; the name of the first that differs.
std::string FirstDifference(const MeasurementRun& a, const MeasurementRun& b) {
  if (a.suite != b.suite) return fmt::format("suite '{}' and '{}'", a.suite, b.suite);
  if (a.device.name != b.device.name)
    return fmt::format("device '{}' and '{}'", a.device.name, b.device.name);
  if (a.driver != b.driver) return fmt::format("driver {} and {}", a.driver, b.driver);
  if (a.cuda_runtime != b.cuda_runtime) return fmt::format("CUDA {} and {}", a.cuda_runtime, b.cuda_runtime);
  if (a.libraries != b.libraries) return "library versions";
  return "";
}

}  // namespace

bool IsMeasurement(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string start(256, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(stream.gcount()));
  return start.find("\"orrery-measurements\"") != std::string::npos;
}

MeasurementRun MergeParts(std::vector<MeasurementRun> parts) {
  if (parts.empty()) throw InputError("no measurement to merge");
  MeasurementRun merged = std::move(parts.front());
  std::set<std::pair<std::string, int>> seen;
  const auto note = [&](const KernelSample& sample) {
    if (!seen.emplace(CaseKey(sample), sample.process).second)
      throw InputError(fmt::format("process {} of '{}' is in two of the measurements", sample.process,
                                   Printable(CaseKey(sample))));
  };
  for (const KernelSample& sample : merged.samples) note(sample);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string difference = FirstDifference(merged, parts[i]);
    if (!difference.empty())
      throw InputError("measurements of different " + difference + " cannot be merged");
    for (KernelSample& sample : parts[i].samples) {
      note(sample);
      merged.samples.push_back(std::move(sample));
    }
    std::move(parts[i].launch_gaps.begin(), parts[i].launch_gaps.end(),
              std::back_inserter(merged.launch_gaps));
    if (merged.counters_note.empty()) merged.counters_note = parts[i].counters_note;
  }
  return merged;
}

MeasurementRun MergeProcesses(std::vector<MeasurementRun> runs) {
  if (runs.empty()) throw InputError("no measurement to merge");
  MeasurementRun merged = std::move(runs.front());
  for (KernelSample& sample : merged.samples) sample.process = 0;
  for (LaunchGaps& gaps : merged.launch_gaps) gaps.process = 0;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const std::string difference = FirstDifference(merged, runs[i]);
    if (!difference.empty())
      throw InputError("measurements of different " + difference + " cannot be merged");
    for (KernelSample& sample : runs[i].samples) {
      sample.process = static_cast<int>(i);
      merged.samples.push_back(std::move(sample));
    }
    for (LaunchGaps& gaps : runs[i].launch_gaps) {
      gaps.process = static_cast<int>(i);
      merged.launch_gaps.push_back(std::move(gaps));
    }
  }
  return merged;
}

}  // namespace orrery::profiler
