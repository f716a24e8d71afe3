#include "core/base/foreign_file.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>

#include "core/base/error.h"
#include "core/base/inputs_read.h"

namespace orrery {
namespace {

constexpr const char* kEnterRows =
    "enter its times as rows of a kernel table (docs/calibration.md) and give that with --calibration";
constexpr const char* kRecordKernels =
    "record the kernels with torch.profiler and prof.export_chrome_trace(FILE), or on NVIDIA GPUs with "
    "'orrery profile attach -- COMMAND', and import that";
constexpr const char* kExportKineto =
    "export the profile of the same run with prof.export_chrome_trace(FILE) and import that";

enum class Form { kJson, kText, kBinary };

/// A file is of this tool if it is of the form and holds all of the texts near its beginning.
struct Tool {
  Form form;
  std::initializer_list<std::string_view> holds;
  const char* what;
  const char* advice;
};

// The texts are keys and phrases that the tools' own writers put out: nvbench's json_printer, Google
// Benchmark's json_reporter, DeepGEMM's and FlashMLA's tests, DeepEP's tests, tsl's xplane.proto, Chakra's
// schema and PyTorch's ExecutionTraceObserver, rocprof and rocprofv3, nsys stats, ncu --csv.
/// Of Chrome traces, which are read if they have GPU events as Kineto writes them.
constexpr std::string_view kQuotedTraceEvents = "\"traceEvents\"";

const Tool* FindTool(Form form, std::string_view start) {
  const bool chrome = start.find(kQuotedTraceEvents) != std::string_view::npos;
  static const Tool kTools[] = {
      {Form::kJson, {"\"nv/cold/"}, "a result of nvbench", kEnterRows},
      {Form::kJson, {"\"benchmarks\"", "\"meta\"", "\"states\""}, "a result of nvbench", kEnterRows},
      {Form::kJson, {"\"meta\"", "nvbench"}, "a result of nvbench", kEnterRows},
      {Form::kJson,
       {"\"benchmarks\"", "\"context\"", "\"num_cpus\""},
       "a result of Google Benchmark",
       kEnterRows},
      {Form::kJson, {"\"nodes\"", "chakra"}, "a Chakra execution trace", kExportKineto},
      {Form::kJson, {"\"nodes\"", "\"ctrl_deps\""}, "a PyTorch execution trace", kExportKineto},
      {Form::kJson, {"\"nodes\"", "\"schema\"", "\"inputs\""}, "a PyTorch execution trace", kExportKineto},
      {Form::kJson, {kQuotedTraceEvents, "\"BeginNs\"", "\"EndNs\""}, "output of rocprof", kRecordKernels},
      {Form::kJson, {kQuotedTraceEvents, "/device:GPU:"}, "a trace of XLA (JAX, TensorFlow)", kRecordKernels},
      {Form::kJson, {"\"CudaEvent\"", "\"startNs\""}, "JSON lines of nsys export", kRecordKernels},
      {Form::kJson, {"\"TraceProcessEvent\"", "\"startNs\""}, "JSON lines of nsys export", kRecordKernels},
      {Form::kJson, {"\"rocprofiler-sdk-tool\""}, "output of rocprofv3", kRecordKernels},
      {Form::kJson, {"\"device_traces\"", "\"segments\""}, "a memory snapshot of PyTorch", kExportKineto},
      {Form::kText, {"Kernel_Name", "Dispatch_Id"}, "output of rocprofv3", kRecordKernels},
      {Form::kText, {"KernelName", "BeginNs", "EndNs"}, "output of rocprof", kRecordKernels},
      {Form::kText, {"\"Name\",\"Calls\",\"TotalDurationNs\""}, "output of rocprof", kRecordKernels},
      {Form::kText, {"Name,Calls,TotalDurationNs"}, "output of rocprof", kRecordKernels},
      {Form::kText, {"Total Time (ns)", "Time (%)"}, "a report of nsys stats", kRecordKernels},
      {Form::kText, {"Start (ns)", "Duration (ns)"}, "a report of nsys stats", kRecordKernels},
      {Form::kText, {"\"Kernel Name\"", "\"Metric Name\""}, "a report of ncu", kEnterRows},
      {Form::kText, {"==PROF== "}, "a report of ncu", kEnterRows},
      {Form::kText, {"Perf (m=", "TFLOPS"}, "a log of DeepGEMM's tests", kEnterRows},
      {Form::kText, {"Perf (num_groups=", "TFLOPS"}, "a log of DeepGEMM's tests", kEnterRows},
      {Form::kText, {"Testing GEMM", "TFLOPS"}, "a log of DeepGEMM's tests", kEnterRows},
      {Form::kText, {"s_q=", "TFLOPS", "GB/s"}, "a log of FlashMLA's tests", kEnterRows},
      {Form::kText, {"TestParam(", "TFLOPS"}, "a log of FlashMLA's tests", kEnterRows},
      {Form::kText,
       {"[config] num_tokens="},
       "a log of DeepEP's tests",
       "enter its bandwidths in an exchange table, as hw/data/h800-sxm/deepep-2025-02.yaml has them"},
      {Form::kText,
       {"[tuning] ", "GB/s"},
       "a log of DeepEP's tests",
       "enter its bandwidths in an exchange table, as hw/data/h800-sxm/deepep-2025-02.yaml has them"},
      {Form::kText,
       {"Dispatch + combine bandwidth", "GB/s"},
       "a log of DeepEP's tests",
       "enter its bandwidths in an exchange table, as hw/data/h800-sxm/deepep-2025-02.yaml has them"},
      {Form::kBinary, {"SQLite format 3"}, "an SQLite database, as nsys and rocprof export", kRecordKernels},
      {Form::kBinary, {"/host:CPU"}, "an XPlane profile (JAX, TensorFlow)", kRecordKernels},
      {Form::kBinary, {"/device:GPU:"}, "an XPlane profile (JAX, TensorFlow)", kRecordKernels},
      {Form::kBinary, {"/device:TPU:"}, "an XPlane profile (JAX, TensorFlow)", kRecordKernels},
      {Form::kBinary, {"is_cpu_op"}, "a Chakra execution trace", kExportKineto},
      {Form::kBinary, {"comm_type", "comm_size"}, "a Chakra execution trace", kExportKineto},
  };
  const auto it = std::find_if(std::begin(kTools), std::end(kTools), [&](const Tool& tool) {
    const bool of_trace = *tool.holds.begin() == kQuotedTraceEvents;
    return tool.form == form && of_trace == chrome &&
           std::all_of(tool.holds.begin(), tool.holds.end(),
                       [&](std::string_view text) { return start.find(text) != std::string_view::npos; });
  });
  return it == std::end(kTools) ? nullptr : it;
}

Form FormOf(std::string_view start) {
  const auto control = [](char c) {
    return (c >= 0 && c < 9) || (c > 13 && c < 32 && c != 27);
  };  // 27: colours
  if (std::any_of(start.begin(), start.end(), control)) return Form::kBinary;
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (start[first] == '{' || start[first] == '[') ? Form::kJson
                                                                                         : Form::kText;
}

}  // namespace

std::optional<std::string> ForeignFile(std::string_view start) {
  start = start.substr(0, kForeignStart);
  const bool chrome = start.find(kQuotedTraceEvents) != std::string_view::npos;
  const Form form = FormOf(start);
  // A log may begin with a bracket, "[rank 0]" or "[config]", as JSON's lists do.
  const Tool* tool = FindTool(form, start);
  if (tool == nullptr && form == Form::kJson && !chrome) tool = FindTool(Form::kText, start);
  if (tool == nullptr) return std::nullopt;
  return std::string(tool->what) + ", which Orrery does not read: " + tool->advice;
}

void RefuseForeignFile(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return;
  NoteInput(file);
  std::ifstream stream(file, std::ios::binary);
  std::string start(kForeignStart, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(stream.gcount()));
  if (const auto foreign = ForeignFile(start)) throw InputError(Place{file.string()}, "is " + *foreign);
}

}  // namespace orrery
