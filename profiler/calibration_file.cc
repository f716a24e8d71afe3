#include "profiler/calibration_file.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "profiler/compare/statistics.h"
#include "profiler/printable.h"

namespace orrery::profiler {
namespace {

/// A table section: everything its rows share.
using SectionKey = std::tuple<OpKind, std::string, int>;  // kind, kernel, sms

struct RowData {
  OpShape shape{};
  Bytes bytes{};
  std::map<int, std::vector<double>> alone, beside;  // by process
};

struct Section {
  double worst_error = -1;
  std::vector<RowData> rows;

  RowData& Row(const KernelSample& sample) {
    for (RowData& row : rows) {
      if (row.shape == sample.shape && row.bytes == sample.bytes) return row;
    }
    rows.push_back({sample.shape, sample.bytes, {}, {}});
    return rows.back();
  }
};

/// A double-quoted YAML (and JSON) string.
std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

double Centre(const std::map<int, std::vector<double>>& processes) {
  std::vector<double> medians;
  for (const auto& [process, durations] : processes) medians.push_back(Median(durations));
  return Median(std::move(medians));
}

std::string ShapeColumns(const OpShape& shape) {
  if (std::holds_alternative<GemmShape>(shape)) return "m, n, k, groups";
  if (std::holds_alternative<AttentionShape>(shape))
    return "batch, heads, kv_heads, q_len, kv_len, d_qk, d_v, causal";
  return "rows, cols, bytes";
}

std::string ShapeCells(const RowData& row) {
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

std::string RowText(const RowData& row, bool with_beside) {
  std::vector<double> all;
  for (const auto& [process, durations] : row.alone)
    all.insert(all.end(), durations.begin(), durations.end());
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  const std::string beside = with_beside ? fmt::format(", {:.3f}", Centre(row.beside)) : "";
  return fmt::format("      - [{}, {:.3f}{}, {}, {:.3f}, {:.3f}]\n", ShapeCells(row), Centre(row.alone),
                     beside, all.size(), *low, *high);
}

/// Rows with and without a time beside a copy have different columns, so they are tables of their own.
std::string SectionText(const SectionKey& key, const Section& section, bool with_beside, int* rows) {
  std::string text;
  for (const RowData& row : section.rows) {
    if (row.alone.empty() || row.beside.empty() == with_beside) continue;
    if (text.empty()) {
      const auto& [kind, kernel, sms] = key;
      text = fmt::format("  - op: {}\n    kernel: {}\n    sms: {}\n", Name(kind), Quoted(kernel), sms);
      if (section.worst_error >= 0)
        text +=
            fmt::format("    # largest relative error against the reference: {:.2g}\n", section.worst_error);
      text += fmt::format("    columns: [{}, time_us{}, count, min_us, max_us]\n    rows:\n",
                          ShapeColumns(row.shape), with_beside ? ", beside_us" : "");
    }
    text += RowText(row, with_beside);
    ++*rows;
  }
  return text;
}

std::string Libraries(const MeasurementRun& run) {
  std::string text = run.cuda_runtime == "not recorded" ? run.cuda_runtime : "CUDA " + run.cuda_runtime;
  for (const auto& [name, version] : run.libraries) text += fmt::format(", {} {}", name, version);
  return text;
}

std::string ClockText(const Clocks& c) {
  if (c.sm_max_mhz <= 0) return "not recorded";
  const std::string throttling = c.throttling.empty() ? "" : ", throttling: " + c.throttling;
  return fmt::format("SM {:.0f} of {:.0f} MHz, memory {:.0f} of {:.0f} MHz{}", c.sm_mhz, c.sm_max_mhz,
                     c.memory_mhz, c.memory_max_mhz, throttling);
}

/// Gaps between kernels launched one by one, by process; those of graphs are an experiment.
std::map<int, std::vector<double>> StreamGaps(const MeasurementRun& run) {
  std::map<int, std::vector<double>> by_process;
  for (const LaunchGaps& gaps : run.launch_gaps) {
    if (gaps.how == "graph") continue;
    auto& own = by_process[gaps.process];
    own.insert(own.end(), gaps.gaps_us.begin(), gaps.gaps_us.end());
  }
  return by_process;
}

std::string Header(const MeasurementRun& run, const std::string& device,
                   const std::map<int, std::vector<double>>& gaps) {
  std::string text =
      "# Written by orrery profile; the schema is told in docs/calibration.md.\nschema_version: 1\n";
  text += fmt::format("device: {}\ndate: {}\nsource: {}\ndriver: {}\nlibraries: {}\nclocks: {}\n", device,
                      run.date_utc.substr(0, 10),
                      Quoted(fmt::format("orrery profile, suite {}, {} ({} SMs)", run.suite, run.device.name,
                                         run.device.sms)),
                      Quoted(run.driver), Quoted(Libraries(run)), Quoted(ClockText(run.clocks)));
  if (!gaps.empty()) text += fmt::format("launch_gap: {:.3f} us\n", Centre(gaps));
  return text + "tables:\n";
}

}  // namespace

std::optional<std::string> FindDevicePresetName(const std::string& device_name) {
  struct Known {
    const char* word;
    const char* preset;
  };
  constexpr Known kKnown[] = {{"H100 80GB HBM3", "h100-sxm"}, {"H800", "h800-sxm"},
                              {"H200", "h200-sxm"},           {"H20", "h20"},
                              {"A100-SXM", "a100-sxm"},       {"B200", "b200-sxm"}};
  for (const Known& known : kKnown) {
    if (device_name.find(known.word) != std::string::npos) return known.preset;
  }
  return std::nullopt;
}

std::string DevicePresetName(const std::string& device_name) {
  if (const auto preset = FindDevicePresetName(device_name)) return *preset;
  throw InputError("no device preset is known for '" + Printable(device_name) + "': name one with --device");
}

CalibrationText CalibrationYaml(const MeasurementRun& run, const std::string& device) {
  CalibrationText result;
  std::map<SectionKey, Section> sections;
  std::map<std::string, int> left_out;
  for (const KernelSample& sample : run.samples) {
    if (!sample.variant.empty()) {
      ++left_out["variant '" + sample.variant + "'"];
    } else if (!Complete(sample)) {
      ++left_out["which shape or bytes are incomplete"];
    } else {
      Section& section = sections[{sample.kind, sample.kernel, sample.sms}];
      section.worst_error = std::max(section.worst_error, sample.reference_error.value_or(-1));
      RowData& row = section.Row(sample);
      auto& durations = (sample.beside_copy ? row.beside : row.alone)[sample.process];
      durations.insert(durations.end(), sample.durations_us.begin(), sample.durations_us.end());
    }
  }
  for (const auto& [reason, count] : left_out)
    result.left_out.push_back(fmt::format("{} samples, {}", count, reason));
  for (const LaunchGaps& gaps : run.launch_gaps) {
    if (gaps.how == "graph") result.left_out.push_back("launch gaps of a CUDA graph");
  }
  result.yaml = Header(run, device, StreamGaps(run));
  for (const auto& [key, section] : sections) {
    result.yaml += SectionText(key, section, false, &result.rows);
    result.yaml += SectionText(key, section, true, &result.rows);
  }
  if (result.rows == 0)
    throw InputError("the measurement holds no case that a calibration table can price from");
  return result;
}

}  // namespace orrery::profiler
