// What a run of the kernel suite measured: the one structure the device half fills, and the host half stores,
// merges, compares and turns into calibration tables. Plain data; the file format is JSON, read strictly.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.h"
#include "core/op/op.h"

namespace orrery::profiler {

/// Hardware counters of one launch, read in a separate replay (never in the timed launches). Each is absent where
/// the device or the privilege does not allow it.
struct KernelCounters {
  std::optional<double> dram_read_bytes;    ///< dram__bytes_read.sum
  std::optional<double> dram_write_bytes;   ///< dram__bytes_write.sum
  std::optional<double> tensor_fp8_flops;   ///< sm__ops_path_tensor_src_fp8.sum
  std::optional<double> tensor_bf16_flops;  ///< sm__ops_path_tensor_src_bf16_dst_fp32.sum
  std::optional<double> duration_us;        ///< gpu__time_duration.sum of the replayed launch
  std::optional<double> sm_clock_mhz;       ///< sm__cycles_elapsed.max / duration of the replayed launch
  bool empty() const;
  bool operator==(const KernelCounters&) const = default;
};

/// One kernel at one shape under one condition, measured in one process. Several processes give several
/// samples with the same key and different `process`.
struct KernelSample {
  std::string kernel;    ///< raw (mangled or demangled) name; " + " between the kernels of one operation
  std::string library;   ///< who wrote it: "cublasLt", "cublas", "cudnn", "orrery"
  std::string op_label;  ///< what a reader calls it, e.g. "q_b fprop"
  std::string variant;   ///< condition beside sms and beside_copy, e.g. "", "no-promotion", "skew-4x"
  OpKind kind{};
  OpShape shape{};
  int sms = 0;               ///< SMs the kernel was allowed to use
  bool beside_copy = false;  ///< a 20-SM copy kernel ran beside it
  int process = 0;           ///< which process of the run, from 0
  Flops flops{};             ///< tensor-core operations of one launch, by formula
  Bytes bytes{};             ///< compulsory device-memory traffic of one launch, by formula
  /// ||ours - reference|| / ||reference|| on fresh random data, checked before timing; absent where the
  /// operation has no numerical result (a memset, an empty kernel).
  std::optional<double> reference_error;
  std::optional<double> sm_clock_mhz;  ///< mean SM clock while it was timed
  std::vector<double> durations_us;    ///< GPU time of each timed launch, in launch order; never empty
  KernelCounters counters;
};

/// What launching costs: the time from the end of one kernel to the start of the next on one stream.
struct LaunchGaps {
  /// "stream": empty kernels launched one by one; "graph": from a CUDA graph; "trace": neighbours of a
  /// program's busiest compute stream.
  std::string how;
  int process = 0;
  std::vector<double> gaps_us;  ///< never empty
};

/// Names a kernel case across runs: label, kind, shape, variant, SMs, copy. Two samples with equal keys are
/// compared.
std::string CaseKey(const KernelSample& sample);

/// "M=4096 N=1536 K=7168", "G=4 M=...", "B=1 H=128 ...", "4096x7168".
std::string ShapeText(const OpShape& shape);

/// "2026-01-31T12:00:00Z" from seconds since 1970.
std::string Iso8601Utc(std::int64_t seconds);

struct DeviceDescription {
  std::string name;                ///< "NVIDIA H100 80GB HBM3"; no serial number or UUID
  std::string compute_capability;  ///< "9.0"
  int sms = 0;
  Bytes memory{};
};

struct Clocks {
  double sm_mhz = 0;  ///< while measuring (median over the run)
  double memory_mhz = 0;
  double sm_max_mhz = 0;
  double memory_max_mhz = 0;
  std::string throttling;  ///< reasons seen, e.g. "none", "power cap"; "" if unknown
  double power_w = 0;      ///< highest seen; 0 if unknown
};

/// A whole run. Says nothing about the machine beyond what changes a kernel's time.
struct MeasurementRun {
  std::string suite;     ///< "deepseek-v3"; of an attached program its name, of a trace kTraceSuite
  std::string command;   ///< the command line that repeats it
  std::string date_utc;  ///< ISO 8601, "2026-01-31T12:00:00Z"; "not recorded" of a trace that does not say
  DeviceDescription device;
  std::string driver;                            ///< "580.95.05"
  std::string cuda_runtime;                      ///< "13.0"
  std::string cupti;                             ///< "130001"; "" if times come from CUDA events
  std::map<std::string, std::string> libraries;  ///< name -> version, e.g. cublasLt -> 13.1.0.3
  Clocks clocks;
  std::string
      counters_note;  ///< why counters are missing, e.g. the privilege and its remedy; "" if they are there
  std::vector<KernelSample> samples;
  std::vector<LaunchGaps> launch_gaps;
};

/// The suite of an imported trace: so two of them can be compared.
inline constexpr const char* kTraceSuite = "trace";

inline constexpr int kMeasurementSchemaVersion = 1;

/// The file's text: JSON with `schema_version` and units in the keys, one sample per line.
std::string MeasurementJson(const MeasurementRun& run);
/// Strict: an unknown, missing or mistyped key, a negative or absurd duration, an empty list, a date that is
/// none, a second sample of one case and process is an InputError with file:line:column and key path.
MeasurementRun ReadMeasurement(const std::filesystem::path& file);
MeasurementRun ParseMeasurement(std::string_view text, const std::string& name);
/// Writes the whole file or nothing.
void WriteMeasurement(const MeasurementRun& run, const std::filesystem::path& file);

/// Whether the file starts like a measurement. Only a regular file can: a pipe is read once, and looking at
/// its start would take it from the reader.
bool IsMeasurement(const std::filesystem::path& file);
/// One run from runs of its parts (sections of the suite, processes), keeping `process` as it is: clocks are
/// the median over the parts, maxima and power the highest, throttling every reason seen in any, the date the
/// oldest. InputError if they do not come from the same device, driver, libraries and suite, or if a case and
/// process comes twice, naming the two by `names` (their files).
MeasurementRun MergeParts(std::vector<MeasurementRun> parts, const std::vector<std::string>& names);

/// One run of several processes from runs of one process each, renumbering `process` in order of the list.
/// InputError if they do not come from the same device, driver, libraries and suite, naming the two by
/// `names`.
MeasurementRun MergeProcesses(std::vector<MeasurementRun> runs, const std::vector<std::string>& names);

}  // namespace orrery::profiler
