#include "profiler/device/runtime/campaign.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>

#include "core/base/error.h"
#include "profiler/device/runtime/counters.h"
#include "profiler/suite/sample.h"
#ifndef ORRERY_NO_CUBLASLT
#include "profiler/device/workloads/lt_gemm.h"
#endif
#include "profiler/device/runtime/nvml.h"
#include "profiler/device/runtime/timing.h"
#include "profiler/device/workloads/workload_prefill.h"
#include "profiler/suite/suite.h"

namespace orrery::profiler {
namespace {

constexpr double kLongKernelUs = 100.0;

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

std::string Describe(const SuiteCase& c) {
  std::string text = c.label;
  if (const auto* g = std::get_if<GemmShape>(&c.shape)) {
    text += " M=" + std::to_string(g->m) + " N=" + std::to_string(g->n) + " K=" + std::to_string(g->k);
    if (g->groups > 1) text += " G=" + std::to_string(g->groups);
    if (c.kind == OpKind::kGroupedGemmFp8Masked) text += " masked";
  } else if (const auto* a = std::get_if<AttentionShape>(&c.shape)) {
    text += " B=" + std::to_string(a->batch) + " q=" + std::to_string(a->q_len) +
            " kv=" + std::to_string(a->kv_len);
  } else {
    const auto& r = std::get<RowsShape>(c.shape);
    text += " " + std::to_string(r.rows) + "x" + std::to_string(r.cols);
  }
  if (!c.variant.empty()) text += " [" + c.variant + "]";
  if (c.sms != kAllSms) text += " on " + std::to_string(c.sms) + " SMs";
  return c.beside_copy ? text + " beside a copy" : text;
}

KernelSample SampleOf(const SuiteCase& c, const Timing& timing, int process) {
  KernelSample s = SampleOf(c);
  s.kernel = timing.kernels;
  s.process = process;
  s.durations_us = timing.durations_us;
  return s;
}

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options) : options_(options) {
#ifndef ORRERY_NO_CUBLASLT
    result_.run.libraries["cublasLt"] = CublasVersionText();
#endif
    if (const std::string version = CudnnVersionOrEmpty(); !version.empty())
      result_.run.libraries["cuDNN"] = version;
    result_.run.counters_note = options.counters ? "" : "not asked for";
  }

  void Run(const SuiteCase& c) {
    const auto work = MakeWorkload(c, WorkloadOptionsNow());
    const Stream stream;
    const std::optional<double> error = work->Check(stream.get());
    ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
    if (error && !(*error <= work->tolerance())) {
      char text[64];
      std::snprintf(text, sizeof(text), ": error %.3e, allowed %.1e", *error, work->tolerance());
      result_.wrong.push_back(Describe(c) + text);
      std::fprintf(stderr, "WRONG %s\n", result_.wrong.back().c_str());
      return;
    }
    if (c.beside_copy && neighbour_ == nullptr) neighbour_ = std::make_unique<CopyNeighbour>();
    const Timing timing = TimeWorkload(*work, options_.warmups, options_.samples, collector_,
                                       c.beside_copy ? neighbour_.get() : nullptr);
    const NvmlReading clocks = nvml_.Read();
    KernelSample sample = SampleOf(c, timing, options_.process);
    sample.reference_error = error;
    if (clocks.sm_mhz > 0) sample.sm_clock_mhz = clocks.sm_mhz;
    if (!c.beside_copy) to_count_.emplace_back(c, result_.run.samples.size());
    NoteClocks(clocks);
    NoteEvents(timing);
    Report(c, sample);
    result_.run.samples.push_back(std::move(sample));
  }

  /// From the end of one empty kernel to the start of the next: the time from start to start, less the
  /// kernel's own by CUPTI.
  void RunLaunchGaps() {
    const double kernel_us = TimeEmptyKernel(collector_);
    if (kernel_us <= 0) {
      result_.skipped.emplace_back("launch gaps: the empty kernel's own time is not known without CUPTI");
      return;
    }
    for (const char* how : {"stream", "graph"}) {
      collector_.Pause();
      const Timing timing = TimeLaunchGap(std::string_view(how) == "graph", options_.samples);
      collector_.Resume();
      LaunchGaps gaps{how, options_.process, {}};
      for (const double period : timing.durations_us)
        gaps.gaps_us.push_back(std::max(0.0, period - kernel_us));
      std::fprintf(stderr, "launch gap (%s): %.2f us after an empty kernel of %.2f us\n", how,
                   Median(gaps.gaps_us), kernel_us);
      result_.run.launch_gaps.push_back(std::move(gaps));
    }
  }

  /// After all timing, since an open counter session may change times: one replayed launch of every case
  /// measured.
  void Count() {
    if (!options_.counters) return;
    collector_.Pause();
    neighbour_.reset();
    CounterReader reader;
    for (const auto& [suite_case, sample] : to_count_) {
      if (!reader.available()) break;
      const auto work = MakeWorkload(suite_case, WorkloadOptionsNow());
      result_.run.samples[sample].counters = reader.Read(*work);
    }
    result_.run.counters_note = reader.note();
  }

  CampaignResult Finish() {
    FillHeader();
    return std::move(result_);
  }
  CampaignResult& result() { return result_; }

 private:
  WorkloadOptions WorkloadOptionsNow() const {
    std::size_t free = 0;
    std::size_t total = 0;
    ORRERY_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    cudaDeviceProp properties;
    ORRERY_CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
    return {options_.seed + static_cast<std::uint64_t>(options_.process) * 1009,
            static_cast<std::size_t>(properties.l2CacheSize), free};
  }

  void NoteClocks(const NvmlReading& r) {
    sm_mhz_.push_back(r.sm_mhz);
    Clocks& c = result_.run.clocks;
    c.memory_mhz = r.memory_mhz;
    c.sm_max_mhz = r.sm_max_mhz;
    c.memory_max_mhz = r.memory_max_mhz;
    c.power_w = std::max(c.power_w, r.power_w);
    constexpr std::uint64_t kIdle = 1;  // nvmlClocksThrottleReasonGpuIdle is no throttling
    throttling_ |= static_cast<std::uint32_t>(r.throttle_reasons & ~kIdle);
  }

  void NoteEvents(const Timing& timing) {
    const double cupti = Median(timing.durations_us);
    if (!collector_.available() || cupti < kLongKernelUs) return;
    const double ratio = Median(timing.event_us) / cupti;
    if (std::fabs(ratio - 1.0) > std::fabs(result_.worst_event_ratio - 1.0))
      result_.worst_event_ratio = ratio;
  }

  static void Report(const SuiteCase& c, const KernelSample& s) {
    const double us = Median(s.durations_us);
    std::fprintf(stderr, "%-64s %10.2f us %8.1f TFLOP/s %7.1f GB/s  error %.1e  [%s]\n", Describe(c).c_str(),
                 us, c.flops / us * 1e-6, static_cast<double>(c.bytes) / us * 1e-3,
                 s.reference_error.value_or(0.0), c.library.c_str());
  }

  void FillHeader() {
    MeasurementRun& run = result_.run;
    cudaDeviceProp p;
    int runtime = 0;
    if (cudaGetDeviceProperties(&p, 0) == cudaSuccess) {
      run.device = {p.name,
                    std::to_string(p.major) + "." + std::to_string(p.minor),
                    p.multiProcessorCount,
                    {static_cast<std::int64_t>(p.totalGlobalMem)}};
    }
    cudaRuntimeGetVersion(&runtime);
    run.cuda_runtime = std::to_string(runtime / 1000) + "." + std::to_string(runtime % 1000 / 10);
    run.driver = nvml_.DriverVersion();
    run.cupti = collector_.available() ? std::to_string(collector_.version()) : "";
    run.suite = options_.suite;
    run.command = options_.command;
    run.clocks.throttling = cupti::ThrottleText(throttling_);
    if (!sm_mhz_.empty()) run.clocks.sm_mhz = Median(sm_mhz_);
    char date[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
    run.date_utc = date;
  }

  CampaignOptions options_;
  CampaignResult result_;
  KernelCollector collector_;
  Nvml nvml_;
  std::vector<std::pair<SuiteCase, std::size_t>> to_count_;  // case and index of its sample
  std::unique_ptr<CopyNeighbour> neighbour_;
  std::vector<double> sm_mhz_;
  std::uint32_t throttling_ = 0;
};

// Counters are a bonus: whatever goes wrong with them, the times stand.
void CountAfterTiming(Campaign& campaign) {
  try {
    campaign.Count();
  } catch (const std::exception& error) {
    campaign.result().run.counters_note = std::string("counters stopped: ") + error.what();
  }
}

bool Wanted(const SuiteCase& c, const CampaignOptions& o) {
  return c.priority <= o.priority && (o.section.empty() || c.group == o.section) &&
         (o.filter.empty() || c.label.find(o.filter) != std::string::npos);
}

bool WantsLaunchGaps(const CampaignOptions& o) {
  return (o.section.empty() || o.section == kLaunchSection) &&
         (o.filter.empty() || std::string("launch gap").find(o.filter) != std::string::npos);
}

}  // namespace

std::string ProbeDevice() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess)
    throw UnavailableError(std::string("no NVIDIA GPU can be used here: ") + cudaGetErrorString(code));
  if (count == 0) throw UnavailableError("no NVIDIA GPU in this machine");
  cudaDeviceProp properties;
  ORRERY_CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
  if (properties.major != 9 || properties.minor != 0) {
    throw UnavailableError(std::string(properties.name) + " has compute capability " +
                           std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                           "; the kernels are built for 9.0 (H100, H200, H800)");
  }
  return properties.name;
}

CampaignResult RunCampaign(const CampaignOptions& options) {
  ProbeDevice();
  ORRERY_CUDA_CHECK(cudaFree(nullptr));  // the context, before CUPTI looks for it
  Campaign campaign(options);
  for (const SuiteCase& c : DeepSeekV3Suite()) {
    if (!Wanted(c, options)) continue;
    try {
      campaign.Run(c);
    } catch (const Unsupported& reason) {
      campaign.result().skipped.push_back(Describe(c) + ": " + reason.what());
    } catch (const DeviceError& error) {
      campaign.result().skipped.push_back(Describe(c) + ": " + error.what());
      if (cudaDeviceSynchronize() !=
          cudaSuccess) {  // the error sticks to the context: nothing more can run in this process
        campaign.result().fatal = Describe(c) + ": " + error.what();
        break;
      }
      cudaGetLastError();
    }
  }
  if (campaign.result().fatal.empty() && WantsLaunchGaps(options)) campaign.RunLaunchGaps();
  if (campaign.result().fatal.empty()) CountAfterTiming(campaign);
  return campaign.Finish();
}

std::vector<std::string> Sections(int priority) {
  std::vector<std::string> sections;
  for (const SuiteCase& c : DeepSeekV3Suite()) {
    if (c.priority <= priority && std::find(sections.begin(), sections.end(), c.group) == sections.end())
      sections.push_back(c.group);
  }
  sections.emplace_back(kLaunchSection);
  return sections;
}

}  // namespace orrery::profiler
