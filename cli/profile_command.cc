#include "cli/profile_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/output_file.h"
#include "core/base/error.h"
#include "hw/device.h"
#include "models/spec/model_spec.h"
#include "profiler/backend.h"
#include "profiler/gate/comparison.h"
#include "profiler/gate/comparison_report.h"
#include "profiler/gate/repeats.h"
#include "profiler/measurement/calibration_file.h"
#include "profiler/measurement/measurement.h"
#include "profiler/measurement/printable.h"
#include "profiler/subprocess.h"
#include "profiler/suite/suite.h"
#include "profiler/trace/kernel_log.h"
#include "profiler/trace/kineto.h"
#include "profiler/trace/trace_comparison.h"
#include "profiler/trace/trace_report.h"
#include "scenarios/validation/trace_match.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using profiler::MeasurementRun;

/// A number in [low, high]. CLI::Range lets "nan" pass, and a gate against NaN never closes.
CLI::Validator Between(double low, double high) {
  const std::string range = fmt::format("[{:g} - {:g}]", low, high);
  const auto check = [=](std::string& text) {
    double value = 0;
    const bool number = CLI::detail::lexical_cast(text, value);
    return number && value >= low && value <= high ? std::string()
                                                   : "Value " + text + " not in range " + range;
  };
  return CLI::Validator(check, "FLOAT in " + range);
}

std::unique_ptr<profiler::DeviceBackend> RequireBackend() {
  auto backend = profiler::FindDeviceBackend();
  if (backend == nullptr) {
    throw UnavailableError(
        "no GPU can be measured from here: the profiler's device half (orrery-device) is not built; it needs "
        "the CUDA "
        "Toolkit 13 at build time");
  }
  return backend;
}

// ---- Calibration tables, written by run and import.

struct CalibrationOptions {
  std::string file;
  std::string device;
  bool force = false;
};

void AddCalibrationOptions(CLI::App* command, CalibrationOptions* options) {
  command->add_option("--calibration", options->file,
                      "Also write a kernel table FILE for 'orrery run --calibration FILE'");
  command->add_option("--device", options->device,
                      "Device preset of the kernel table; by default from the device's name");
  command->add_flag("--force", options->force,
                    "Write the table for --device although the times name another device");
}

/// Before any work: a preset that does not exist prices nothing.
void RequireKnownDevice(const CalibrationOptions& options) {
  if (!options.device.empty()) hw::DevicePreset(options.device);
}

/// A preset that the measured device's own name contradicts is refused, unless forced. Names that no preset
/// is known for pass.
void RequireSameDevice(const std::string& measured, const CalibrationOptions& options) {
  if (options.device.empty() || options.force) return;
  const auto own = profiler::FindDevicePresetName(measured);
  if (own && *own != options.device) {
    throw InputError("--device " + options.device + ": the times are of '" + profiler::Printable(measured) +
                     "', which is " + *own + " (--force to go on all the same)");
  }
}

/// Adds the kernel table, if one is asked for, to what will be written. Returns what to say of it then.
std::string AddCalibration(const MeasurementRun& run, const CalibrationOptions& options,
                           std::vector<Output>* outputs) {
  if (options.file.empty()) return "";
  RequireSameDevice(run.device.name, options);
  const std::string device = options.device.empty() ? profiler::DevicePresetName(run.device) : options.device;
  const profiler::CalibrationText table = profiler::CalibrationYaml(run, device);
  outputs->push_back({options.file, table.yaml});
  std::string said = fmt::format("orrery: table {}: {} rows for {}\n", options.file, table.rows, device);
  for (const std::string& what : table.left_out)
    said += "orrery: not in the table: " + profiler::Printable(what) + "\n";
  for (const std::string& what : table.doubted)
    said += "orrery: warning: in the table all the same: " + profiler::Printable(what) + "\n";
  for (const std::string& what : table.merged)
    said += "orrery: one row of several kernels: " + profiler::Printable(what) + "\n";
  return said;
}

/// Writes, and only then says what was written.
void WriteAndSay(const std::vector<Output>& outputs, const std::string& said) {
  WriteOutputs(outputs);
  std::fputs(said.c_str(), stderr);
}

// ---- run

struct RunOptions {
  profiler::SuiteOptions suite;
  std::string out = "orrery-measurement.json";
  bool no_counters = false;
  CalibrationOptions calibration;
};

/// Before asking for a GPU: a suite that does not exist is wrong everywhere.
void RequireKnownSuite(const std::string& name) {
  const std::vector<std::string> known = profiler::SuiteNames();
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw InputError("--suite: no suite '" + name + "'" + DidYouMean(name, known) +
                     "; there is: " + known.front());
}

int Run(const RunOptions& options) {
  RequireKnownSuite(options.suite.suite);
  RequireDistinct({}, {options.out, options.calibration.file});
  RequireKnownDevice(options.calibration);
  const auto backend = RequireBackend();
  std::fprintf(stderr, "orrery: %s\n", backend->Probe().c_str());
  profiler::SuiteOptions suite = options.suite;
  suite.counters = !options.no_counters;
  const MeasurementRun run = backend->RunSuite(suite);
  // At once: a table that cannot be made must not cost the measurement.
  WriteOutput(options.out, profiler::MeasurementJson(run));
  std::fprintf(stderr, "orrery: %zu samples of %s in %s\n", run.samples.size(), run.suite.c_str(),
               options.out.c_str());
  if (!run.counters_note.empty())
    std::fprintf(stderr, "orrery: no counters: %s\n", run.counters_note.c_str());
  std::vector<Output> table;
  const std::string said = AddCalibration(run, options.calibration, &table);
  WriteAndSay(table, said);
  return kDone;
}

void AddRun(CLI::App& profile, Action* action) {
  auto o = std::make_shared<RunOptions>();
  CLI::App* command = profile.add_subcommand("run", "Measure a suite of kernels on this machine's GPU");
  command->add_option("--suite", o->suite.suite, "Which kernels and shapes")->capture_default_str();
  command->add_option("--out", o->out, "Where the measurement goes (JSON)")->capture_default_str();
  command->add_option("--processes", o->suite.processes, "Processes to measure in; times differ between them")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command
      ->add_option("--samples", o->suite.samples,
                   "Timed launches per case and process; compare wants 8 in all processes together")
      ->capture_default_str()
      ->check(CLI::Range(5, 100000));
  command->add_option("--warmups", o->suite.warmups, "Launches before them")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  command->add_option("--priority", o->suite.priority, "Cases up to this priority")
      ->capture_default_str()
      ->check(CLI::Range(1, 3));
  command->add_option("--filter", o->suite.filter, "Only cases whose label contains TEXT");
  command->add_option("--seed", o->suite.seed, "Seed of the random data")->capture_default_str();
  command->add_flag("--no-counters", o->no_counters, "Do not read hardware counters in a separate replay");
  AddCalibrationOptions(command, &o->calibration);
  command->callback([=] { *action = [=] { return Run(*o); }; });
}

// ---- import, and the report after attach

struct ReportOptions {
  std::vector<std::string> files;
  std::string json, out;
  std::optional<std::string> model;  ///< whose layers a trace is matched to; absent: kUsualModel
  int top = 20;
  std::optional<int> gpu;
  CalibrationOptions calibration;
};

std::vector<fs::path> FilesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

template <typename Wanted>
std::vector<fs::path> Those(const std::vector<fs::path>& files, Wanted wanted) {
  std::vector<fs::path> those;
  std::copy_if(files.begin(), files.end(), std::back_inserter(those), wanted);
  return those;
}

std::vector<fs::path> LogsIn(const fs::path& folder) { return Those(FilesIn(folder), profiler::IsKernelLog); }

/// The kernel logs of a folder, or the measurements in it. A part that was never written is no part to do
/// without, and what else looks like one is named.
std::vector<fs::path> PartsIn(const fs::path& folder) {
  const std::vector<fs::path> candidates = Those(FilesIn(folder), [](const fs::path& file) {
    return file.extension() == ".json" || file.extension() == ".jsonl";
  });
  for (const fs::path& file : candidates) {
    if (fs::file_size(file) == 0) {
      throw InputError(
          Place{file.string()},
          "is empty, a part that was never written: measure it again, or delete it to go on without it");
    }
  }
  std::vector<fs::path> found = Those(candidates, profiler::IsKernelLog);
  if (found.empty()) found = Those(candidates, profiler::IsMeasurement);
  if (found.empty())
    throw InputError(Place{folder.string()},
                     "holds no kernel log of orrery profile attach and no measurement");
  for (const fs::path& file : candidates) {
    if (std::find(found.begin(), found.end(), file) != found.end()) continue;
    std::fprintf(stderr, "orrery: warning: passed over %s: %s\n", profiler::Printable(file.string()).c_str(),
                 profiler::IsMeasurement(file) ? "a measurement beside kernel logs"
                                               : "neither a kernel log nor a measurement");
  }
  return found;
}

/// One file twice would count its launches as two processes'.
void RequireEachOnce(const std::vector<fs::path>& files) {
  std::set<fs::path> seen;
  for (const fs::path& file : files) {
    std::error_code error;
    const fs::path real = file == "-" ? file : fs::weakly_canonical(file, error);
    if (!seen.insert(real).second) throw InputError(Place{file.string()}, "is given twice");
  }
}

/// Files as given, folders as what they hold.
std::vector<fs::path> Expand(const std::vector<std::string>& files) {
  std::vector<fs::path> all;
  for (const std::string& file : files) {
    std::error_code error;
    if (!fs::is_directory(file, error)) {
      all.emplace_back(file);
      continue;
    }
    const std::vector<fs::path> found = PartsIn(file);
    all.insert(all.end(), found.begin(), found.end());
  }
  RequireEachOnce(all);
  return all;
}

/// A trace for each GPU of each file, or those of one GPU.
std::vector<profiler::AnalysedTrace> ReadTraces(const std::vector<fs::path>& files, std::optional<int> gpu,
                                                const LaunchMatcher& matcher = {}) {
  std::vector<profiler::AnalysedTrace> traces;
  std::set<int> gpus;
  for (const fs::path& file : files) {
    profiler::Trace whole =
        profiler::IsKernelLog(file) ? profiler::ReadKernelLog(file) : profiler::ReadKinetoTrace(file);
    for (profiler::Trace& part : profiler::SplitByGpu(std::move(whole))) {
      if (!part.events.empty()) gpus.insert(part.info.device.id);
      if (!gpu || (!part.events.empty() && part.info.device.id == *gpu))
        traces.push_back(profiler::Analyse(std::move(part), matcher));
    }
  }
  if (traces.empty())
    throw InputError(
        fmt::format("--gpu {}: nothing ran on it; expected one of: {}", *gpu, fmt::join(gpus, ", ")));
  return traces;
}

bool AnyOfSeveralGpus(const std::vector<profiler::AnalysedTrace>& traces) {
  return std::any_of(traces.begin(), traces.end(), [](const auto& t) { return t.trace.info.one_of_several; });
}

/// Runs `work`; what it refuses may be the mixture of a trace's GPUs.
template <typename Work>
auto WithGpuHint(const std::vector<profiler::AnalysedTrace>& traces, Work work) {
  try {
    return work();
  } catch (const InputError& e) {
    if (!AnyOfSeveralGpus(traces)) throw;
    throw InputError(std::string(e.what()) + "; --gpu N takes one GPU of a trace");
  }
}

std::vector<std::string> OutputsOf(const ReportOptions& options) {
  return {options.json, options.out, options.calibration.file};
}

bool Contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// One measurement of all traces that have operations with shapes, each a process of it.
MeasurementRun MeasurementOf(const std::vector<profiler::AnalysedTrace>& traces,
                             const ReportOptions& options) {
  const std::string& device = options.calibration.device;
  const int sms = device.empty() ? 0 : hw::DevicePreset(device).sms;
  std::vector<MeasurementRun> runs;
  std::vector<std::string> names;
  for (const auto& trace : traces) {
    const bool shapeless = trace.layers.ops.empty() && trace.shaped.ops.empty();
    if (shapeless && (&trace != &traces.back() || !runs.empty()))
      continue;  // a helper process, say; the last one speaks for all
    runs.push_back(profiler::TraceMeasurement(trace, sms));
    const profiler::TraceInfo& info = trace.trace.info;
    if (info.program.empty()) runs.back().suite = runs.front().suite;  // a trace does not say
    names.push_back(info.source + (info.one_of_several ? fmt::format(" (GPU {})", info.device.id) : ""));
  }
  return profiler::MergeProcesses(std::move(runs), names);
}

/// The measurement to --out and the kernel table to --calibration, each as far as it can be made.
void WriteMeasurements(const std::vector<profiler::AnalysedTrace>& traces, const ReportOptions& options) {
  WithGpuHint(traces, [&] {
    for (const auto& trace : traces) RequireSameDevice(trace.trace.info.device.name, options.calibration);
  });
  if (options.out.empty() && options.calibration.file.empty()) return;
  const MeasurementRun run = WithGpuHint(traces, [&] { return MeasurementOf(traces, options); });
  if (!options.out.empty()) WriteOutput(options.out, profiler::MeasurementJson(run));
  std::int64_t zero = 0;
  for (const auto& trace : traces) zero += profiler::ZeroDurations(trace);
  if (zero > 0)
    std::fputs(fmt::format("orrery: left out: {} launches of zero duration\n", zero).c_str(), stderr);
  std::vector<Output> table;
  const std::string said = AddCalibration(run, options.calibration, &table);
  WriteAndSay(table, said);
}

constexpr const char* kUsualModel = "deepseek-v3";  // of the one training trace that is published

/// Training as models/layers/layer.h lists it, in FP8 and with all that it saves.
LaunchMatcher MatcherOf(const ReportOptions& options) {
  return [spec = models::ModelPreset(options.model.value_or(kUsualModel))](
             const std::vector<TracedPhase>& phases) { return scenarios::MatchLaunches(spec, {}, phases); };
}

/// The summary first: what else was asked for and cannot be made must not cost it. If it made way for that on
/// standard output, it goes to standard error.
void Report(const std::vector<fs::path>& files, const ReportOptions& options) {
  RequireDistinct({files.begin(), files.end()}, OutputsOf(options));
  const std::vector<profiler::AnalysedTrace> traces = ReadTraces(files, options.gpu, MatcherOf(options));
  const bool makes_way = Contains(OutputsOf(options), "-");
  const std::string text = profiler::ProcessesText(traces, options.top);
  if (!makes_way) WriteOutput("-", text);
  std::string errors;
  const auto attempt = [&](const auto& work) {
    try {
      work();
    } catch (const InputError& e) {
      errors += (errors.empty() ? "" : "; ") + std::string(e.what());
    }
  };
  if (!options.json.empty()) attempt([&] { WriteOutput(options.json, profiler::ProcessesJson(traces)); });
  attempt([&] { WriteMeasurements(traces, options); });
  if (errors.empty()) return;
  if (makes_way && options.json != "-") std::fputs(text.c_str(), stderr);
  throw InputError(errors);
}

/// Parts of one measurement, as scripts/measure_calibration writes them, joined.
void JoinMeasurements(const std::vector<fs::path>& files, const ReportOptions& options) {
  RequireDistinct({files.begin(), files.end()}, OutputsOf(options));
  if (options.gpu) throw InputError("--gpu: chooses among the GPUs of a trace, and these are measurements");
  if (options.model) throw InputError("--model: names the layers of a trace, and these are measurements");
  std::vector<MeasurementRun> parts;
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    parts.push_back(profiler::ReadMeasurement(file));
    names.push_back(file.string());
  }
  const MeasurementRun run = profiler::MergeParts(std::move(parts), names);
  RequireSameDevice(run.device.name, options.calibration);
  std::vector<Output> outputs;
  if (!Contains(OutputsOf(options), "-"))
    outputs.push_back({"-", fmt::format("{} samples of {} on {} from {} files\n", run.samples.size(),
                                        profiler::Printable(run.suite), profiler::Printable(run.device.name),
                                        files.size())});
  if (!options.json.empty()) throw InputError("--json: measurements have no summary of a trace");
  if (!options.out.empty()) outputs.push_back({options.out, profiler::MeasurementJson(run)});
  WriteOutputs(outputs);
  std::vector<Output> table;  // behind the rest: one that cannot be made must not cost it
  const std::string said = AddCalibration(run, options.calibration, &table);
  WriteAndSay(table, said);
}

int Import(const ReportOptions& options) {
  RequireKnownDevice(options.calibration);
  const std::vector<fs::path> files = Expand(options.files);
  const auto measurements = std::count_if(files.begin(), files.end(), profiler::IsMeasurement);
  if (measurements == 0) {
    Report(files, options);
  } else if (measurements == static_cast<std::ptrdiff_t>(files.size())) {
    JoinMeasurements(files, options);
  } else {
    throw InputError("traces and measurements cannot be imported together");
  }
  return kDone;
}

void AddImport(CLI::App& profile, Action* action) {
  auto o = std::make_shared<ReportOptions>();
  CLI::App* command = profile.add_subcommand(
      "import",
      "Say where the time went in a PyTorch-profiler trace or in kernel logs of attach; join measurements");
  command
      ->add_option("file", o->files,
                   "Traces, kernel logs, a folder of logs, or parts of one measurement; - is standard input")
      ->required();
  command->add_option("--json", o->json,
                      "Also write the summary as JSON to FILE (- for standard output instead of text)");
  command->add_option("--out", o->out, "Also write the recognised operations as a measurement to FILE");
  command->add_option("--top", o->top, "Kernels to list")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  command->add_option("--gpu", o->gpu, "Only what ran on GPU N, as the trace counts them")
      ->check(CLI::Range(0, 1023));
  command->add_option(
      "--model", o->model,
      fmt::format("Model preset whose layers the phases of the trace are (attn(F), mlp(B) and so "
                  "on), by default {}",
                  kUsualModel));
  AddCalibrationOptions(command, &o->calibration);
  command->callback([=] { *action = [=] { return Import(*o); }; });
}

// ---- attach

struct AttachOptions {
  std::vector<std::string> command;
  std::string folder = "orrery-profile";
  bool nvtx = false;
  ReportOptions report;
};

void PrepareFolder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && (!fs::is_directory(folder, error) || !fs::is_empty(folder, error))) {
    throw InputError(Place{folder.string()}, "exists and is not an empty folder: name another with --out");
  }
  fs::create_directories(folder, error);
  if (error) throw InputError(Place{folder.string()}, "cannot be made: " + error.message());
}

int Attach(const AttachOptions& options) {
  RequireDistinct({}, {options.folder, options.report.json});
  const auto backend = RequireBackend();
  backend->Probe();
  const std::string library = backend->InjectionLibrary().string();
  PrepareFolder(options.folder);
  std::map<std::string, std::string> environment = {
      {"CUDA_INJECTION64_PATH", library}, {"ORRERY_PROFILE_DIR", fs::absolute(options.folder).string()}};
  if (options.nvtx) environment.insert({{"NVTX_INJECTION64_PATH", library}, {"ORRERY_PROFILE_NVTX", "1"}});
  const profiler::ProgramResult result =
      profiler::RunProgram(options.command, environment, profiler::Capture::kNone);
  const std::vector<fs::path> logs = LogsIn(options.folder);
  if (!logs.empty()) Report(logs, options.report);
  if (result.exit_code != 0)
    std::fprintf(stderr, "orrery: '%s' ended with code %d\n", options.command[0].c_str(), result.exit_code);
  if (logs.empty()) {
    throw InputError("nothing was recorded: no process of '" + options.command[0] +
                     "' used CUDA, or another profiler was attached (it would have been named above)");
  }
  return result.exit_code == 0 ? kDone : kCheckFailed;
}

void AddAttach(CLI::App& profile, Action* action) {
  auto o = std::make_shared<AttachOptions>();
  CLI::App* command = profile.add_subcommand(
      "attach", "Record the kernels of any CUDA program and its children: attach -- COMMAND");
  command->add_option("command", o->command, "The program and its arguments, after --")->required();
  command->add_option("--out", o->folder, "Folder for the kernel logs, one per process")
      ->capture_default_str();
  command->add_flag(
      "--nvtx", o->nvtx,
      "Record NVTX ranges and launches too (shapes with torch's emit_nvtx(record_shapes=True))");
  command->add_option("--json", o->report.json, "Also write the summary as JSON to FILE");
  command->add_option("--top", o->report.top, "Kernels to list")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  command->callback([=] { *action = [=] { return Attach(*o); }; });
}

// ---- compare

struct CompareOptions {
  std::string base, next, retry, junit, markdown, json;
  double min_effect_percent = 3, resolution_percent = 20;
  bool github = false, all = false;
  profiler::GatePolicy policy;
  profiler::ComparisonOptions rule;
};

/// Where a comparison goes; annotations and the table share standard output, where no file asks for it.
std::vector<std::string> OutputsOf(const CompareOptions& options) {
  return {options.junit, options.markdown, options.json};
}

void RequireDistinctFiles(const CompareOptions& options) {
  std::vector<std::string> outputs = OutputsOf(options);
  if (options.github) outputs.emplace_back("-");
  RequireDistinct({options.base, options.next, options.retry}, outputs);
}

void WriteReports(const profiler::Comparison& comparison, const CompareOptions& options) {
  std::vector<Output> outputs;
  if (!Contains(OutputsOf(options), "-")) {
    const std::string annotations = options.github ? profiler::ComparisonGithub(comparison) : "";
    outputs.push_back({"-", profiler::ComparisonText(comparison, {options.all}) + annotations});
  }
  if (!options.junit.empty()) outputs.push_back({options.junit, profiler::ComparisonJUnit(comparison)});
  if (!options.markdown.empty())
    outputs.push_back({options.markdown, profiler::ComparisonMarkdown(comparison)});
  if (!options.json.empty()) outputs.push_back({options.json, profiler::ComparisonJson(comparison)});
  WriteOutputs(outputs);
}

/// The same numbers twice confirm nothing.
void RequireSecondMeasurement(const MeasurementRun& retry, const MeasurementRun& other,
                              const std::string& name) {
  if (profiler::RepeatedProcesses(retry, other) > 0)
    throw InputError("--retry holds the same numbers as " + name +
                     ": expected a second measurement of the new build");
}

bool IsTrace(const fs::path& file) { return profiler::IsKernelLog(file) || profiler::IsKinetoTrace(file); }

/// A comparison of traces has no verdicts, so none of what is made of those.
void RefuseVerdictOptions(const CompareOptions& options) {
  for (const auto& [name, given] :
       {std::pair{"--retry", !options.retry.empty()}, std::pair{"--junit", !options.junit.empty()},
        std::pair{"--markdown", !options.markdown.empty()}, std::pair{"--github", options.github},
        std::pair{"--strict", options.policy.strict}}) {
    if (given) {
      throw InputError(std::string(name) +
                       ": the files are traces, which are compared kernel by kernel without " +
                       "verdicts; 'orrery profile import FILE --out M.json' makes measurements, if their " +
                       "operations have shapes");
    }
  }
}

int CompareTraceFiles(const CompareOptions& options) {
  RefuseVerdictOptions(options);
  profiler::TraceComparison comparison = profiler::CompareTraces(ReadTraces({options.base}, std::nullopt),
                                                                 ReadTraces({options.next}, std::nullopt));
  comparison.base_name = options.base;
  comparison.new_name = options.next;
  constexpr int kTop = 40, kAll = 1 << 30;
  std::vector<Output> outputs;
  if (options.json != "-")
    outputs.push_back({"-", profiler::TraceComparisonText(comparison, options.all ? kAll : kTop)});
  if (!options.json.empty()) outputs.push_back({options.json, profiler::TraceComparisonJson(comparison)});
  WriteOutputs(outputs);
  return kDone;
}

/// What a comparison with verdicts reads.
MeasurementRun ReadNoTrace(const fs::path& file) {
  if (profiler::IsKinetoTrace(file)) {
    throw InputError(Place{file.string()},
                     "is a trace, not a measurement: 'orrery profile import FILE --out M.json' makes one of "
                     "operations with shapes, and two traces are compared by kernel");
  }
  return profiler::ReadMeasurement(file);
}

int Compare(const CompareOptions& options) {
  RequireDistinctFiles(options);
  if (IsTrace(options.base) && IsTrace(options.next)) return CompareTraceFiles(options);
  profiler::ComparisonOptions rule = options.rule;
  rule.min_ratio = options.min_effect_percent / 100;
  rule.resolution = options.resolution_percent / 100;
  const MeasurementRun base = ReadNoTrace(options.base);
  const MeasurementRun next = ReadNoTrace(options.next);
  profiler::Comparison comparison = profiler::Compare(base, next, rule);
  comparison.base_name = options.base;
  comparison.new_name = options.next;
  comparison.policy = options.policy;
  if (!options.retry.empty()) {
    const MeasurementRun retry = ReadNoTrace(options.retry);
    RequireSecondMeasurement(retry, next, options.next);
    RequireSecondMeasurement(retry, base, options.base);
    profiler::ConfirmWith(profiler::Compare(base, retry, rule), &comparison);
  }
  WriteReports(comparison, options);
  return profiler::GateFailures(comparison).empty() ? kDone : kCheckFailed;
}

void AddCompare(CLI::App& profile, Action* action) {
  auto o = std::make_shared<CompareOptions>();
  CLI::App* command = profile.add_subcommand(
      "compare",
      "Say which kernels became faster or slower; exit 1 if one became slower, inexact or impossibly "
      "fast or was not measured, or if nothing could be judged; two traces are shown side by side");
  command->add_option("base", o->base, "Measurement of the baseline, or a trace")->required();
  command->add_option("new", o->next, "Measurement of the new build, or a trace")->required();
  command->add_option("--retry", o->retry,
                      "A second measurement of the new build: a case is slower only if it is so in both, and "
                      "what was unclear at first may become clear");
  command->add_option("--min-effect", o->min_effect_percent, "Smallest change that counts, in percent")
      ->capture_default_str()
      ->check(Between(0, 1000));
  command->add_option("--min-delta-us", o->rule.min_delta_us, "Smallest change that counts, in us")
      ->capture_default_str()
      ->check(Between(0, 1e9));
  command
      ->add_option("--resolution", o->resolution_percent,
                   "A case is unclear if a change of this many percent could not be told from noise")
      ->capture_default_str()
      ->check(Between(0, 1000));
  command->add_option("--alpha", o->rule.alpha, "False-discovery rate over all cases")
      ->capture_default_str()
      ->check(Between(1e-9, 0.5));
  command->add_flag("--force", o->rule.force, "Compare across devices, drivers or CUDA versions");
  command->add_flag("--strict", o->policy.strict, "Exit 1 on unclear cases too");
  command->add_flag("--allow-missing", o->policy.allow_missing,
                    "Cases of the baseline that NEW lacks do not fail, e.g. after run --filter");
  command->add_flag("--all", o->all, "List the cases that are the same too");
  command->add_option("--junit", o->junit, "Write JUnit XML to FILE");
  command->add_option("--markdown", o->markdown, "Write Markdown to FILE, e.g. $GITHUB_STEP_SUMMARY");
  command->add_option("--json", o->json, "Write JSON to FILE (- for standard output instead of text)");
  command->add_flag("--github", o->github, "Print GitHub annotations (::error and ::warning lines)");
  command->callback([=] { *action = [=] { return Compare(*o); }; });
}

}  // namespace

void AddProfileCommand(CLI::App& app, Action* action) {
  CLI::App* profile =
      app.add_subcommand("profile", "Measure GPU kernels, import traces, compare measurements");
  profile->require_subcommand(1);
  AddRun(*profile, action);
  AddAttach(*profile, action);
  AddImport(*profile, action);
  AddCompare(*profile, action);
}

}  // namespace orrery::cli
