#include "profiler/device/runtime/timing.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/base/error.h"
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/runtime/cupti_library.h"
#include "profiler/suite/suite.h"

namespace orrery::profiler {
namespace {

constexpr std::size_t kNeighbourBytes = std::size_t{256} << 20;
constexpr std::uint64_t kNeighbourLimitNs = 4'000'000'000;  // it ends by itself should nobody stop it
constexpr const char* kNeighbourName = "NeighbourCopy";
constexpr int kGapKernels = 200;

struct EventPair {
  Event start, stop;
};

double Microseconds(const EventPair& pair) {
  float milliseconds = 0.0f;
  ORRERY_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, pair.start.get(), pair.stop.get()));
  return static_cast<double>(milliseconds) * 1e3;
}

// Each launch ran the same kernels: their number divides the records evenly, or times cannot be told apart.
bool Assign(const std::vector<KernelCollector::Kernel>& kernels, std::size_t samples, Timing& timing) {
  if (kernels.empty() || kernels.size() % samples != 0) return false;
  const std::size_t each = kernels.size() / samples;
  for (std::size_t i = 0; i < samples; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < each; ++k) {
      const auto& kernel = kernels[i * each + k];
      sum += static_cast<double>(kernel.end_ns - kernel.start_ns) * 1e-3;
      if (i == 0 && timing.kernels.find(kernel.name) == std::string::npos)
        timing.kernels += (k == 0 ? "" : " + ") + kernel.name;
    }
    timing.durations_us.push_back(sum);
  }
  return true;
}

}  // namespace

KernelCollector::KernelCollector() : api_(LoadCupti(&reason_)) {
  if (api_ == nullptr) return;
  version_ = api_->Version();
  Resume();
}

KernelCollector::~KernelCollector() { Pause(); }

void KernelCollector::Resume() {
  if (api_ == nullptr || session_ != nullptr) return;
  cupti::SessionOptions options;
  options.optional.clear();
  session_ = std::make_unique<cupti::Session>(*api_, options, [this](const cupti::ActivityRecord& record) {
    const auto* kernel = std::get_if<cupti::KernelRecord>(&record);
    if (kernel == nullptr || kernel->name.find(kNeighbourName) != std::string_view::npos) return;
    const std::lock_guard lock(mutex_);
    kernels_.push_back({std::string(kernel->name), kernel->start_ns, kernel->end_ns});
  });
  session_->Start();
}

void KernelCollector::Pause() { session_.reset(); }

void KernelCollector::Clear() {
  if (session_ != nullptr) api_->Flush(/*forced=*/true);
  const std::lock_guard lock(mutex_);
  kernels_.clear();
}

std::vector<KernelCollector::Kernel> KernelCollector::Take() {
  if (session_ != nullptr) api_->Flush(/*forced=*/true);
  const std::lock_guard lock(mutex_);
  std::vector<Kernel> taken = std::move(kernels_);
  kernels_.clear();
  std::stable_sort(taken.begin(), taken.end(),
                   [](const Kernel& a, const Kernel& b) { return a.start_ns < b.start_ns; });
  return taken;
}

CopyNeighbour::CopyNeighbour() : in_(kNeighbourBytes), out_(kNeighbourBytes) {
  ORRERY_CUDA_CHECK(cudaHostAlloc(&stop_, sizeof(int), cudaHostAllocMapped));
  ORRERY_CUDA_CHECK(cudaMemset(in_.as<void>(), 0x5A, in_.bytes()));
  Start();  // once, so that loading the kernel cannot fall into a measurement
  Stop();
}

CopyNeighbour::~CopyNeighbour() {
  *static_cast<volatile int*>(stop_) = 1;
  cudaStreamSynchronize(stream_.get());
  cudaFreeHost(stop_);
}

void CopyNeighbour::Start() {
  *static_cast<volatile int*>(stop_) = 0;
  int* mapped = nullptr;
  ORRERY_CUDA_CHECK(cudaHostGetDevicePointer(&mapped, stop_, 0));
  LaunchNeighbourCopy(in_.as<void>(), out_.as<void>(), in_.bytes(), kCopySms, mapped, kNeighbourLimitNs,
                      stream_.get());
  std::this_thread::sleep_for(std::chrono::milliseconds(1));  // until it holds its multiprocessors
}

void CopyNeighbour::Stop() {
  *static_cast<volatile int*>(stop_) = 1;
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream_.get()));
}

Timing TimeWorkload(Workload& workload, int warmups, int samples, KernelCollector& collector,
                    CopyNeighbour* neighbour) {
  Stream stream;
  std::vector<EventPair> events(static_cast<std::size_t>(samples));
  for (int i = 0; i < std::max(warmups, workload.rotations()); ++i) workload.Launch(stream.get(), i);
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
  collector.Clear();
  if (neighbour != nullptr) neighbour->Start();
  for (int i = 0; i < samples; ++i) {
    EventPair& pair = events[static_cast<std::size_t>(i)];
    ORRERY_CUDA_CHECK(cudaEventRecord(pair.start.get(), stream.get()));
    workload.Launch(stream.get(), i);
    ORRERY_CUDA_CHECK(cudaEventRecord(pair.stop.get(), stream.get()));
  }
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
  if (neighbour != nullptr) neighbour->Stop();
  Timing timing;
  for (const EventPair& pair : events) timing.event_us.push_back(Microseconds(pair));
  const auto kernels = collector.Take();
  if (!Assign(kernels, static_cast<std::size_t>(samples), timing)) timing.durations_us = timing.event_us;
  return timing;
}

double TimeEmptyKernel(KernelCollector& collector) {
  Stream stream;
  collector.Clear();
  for (int i = 0; i < kGapKernels; ++i) LaunchEmpty(stream.get());
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
  std::vector<std::int64_t> durations;
  for (const auto& kernel : collector.Take()) durations.push_back(kernel.end_ns - kernel.start_ns);
  if (durations.empty()) return 0;
  std::nth_element(durations.begin(), durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2),
                   durations.end());
  return static_cast<double>(durations[durations.size() / 2]) / 1000;
}

Timing TimeLaunchGap(bool graph, int samples) {
  Stream stream;
  const auto launch_all = [&] {
    for (int i = 0; i < kGapKernels; ++i) LaunchEmpty(stream.get());
  };
  launch_all();
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
  cudaGraphExec_t executable = nullptr;
  if (graph) {
    cudaGraph_t captured = nullptr;
    ORRERY_CUDA_CHECK(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
    launch_all();
    ORRERY_CUDA_CHECK(cudaStreamEndCapture(stream.get(), &captured));
    ORRERY_CUDA_CHECK(cudaGraphInstantiate(&executable, captured, 0));
    ORRERY_CUDA_CHECK(cudaGraphDestroy(captured));
    ORRERY_CUDA_CHECK(cudaGraphLaunch(executable, stream.get()));
    ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
  }
  Timing timing;
  timing.kernels = "EmptyKernel";
  for (int i = 0; i < samples; ++i) {
    EventPair pair;
    ORRERY_CUDA_CHECK(cudaEventRecord(pair.start.get(), stream.get()));
    if (graph) {
      ORRERY_CUDA_CHECK(cudaGraphLaunch(executable, stream.get()));
    } else {
      launch_all();
    }
    ORRERY_CUDA_CHECK(cudaEventRecord(pair.stop.get(), stream.get()));
    ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
    timing.durations_us.push_back(Microseconds(pair) / kGapKernels);
  }
  timing.event_us = timing.durations_us;
  if (executable != nullptr) ORRERY_CUDA_CHECK(cudaGraphExecDestroy(executable));
  return timing;
}

}  // namespace orrery::profiler
