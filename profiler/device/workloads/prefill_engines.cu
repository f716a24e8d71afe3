// Asks cuDNN, without a GPU, which of its engines serve the suite's attention on an H100.
#include <cstdio>

#include "profiler/device/workloads/workload_prefill.h"
#ifndef ORRERY_NO_CUDNN
#include "profiler/device/workloads/prefill_graph.h"
#endif

namespace orrery::profiler {

#ifdef ORRERY_NO_CUDNN
int PrintPrefillEngines() {
  std::fprintf(stderr, "orrery-device: built without cuDNN 9.11 or newer\n");
  return 77;
}
#else
namespace {

// An H100 SXM as cuDNN describes a device: limits of compute capability 9.0 (CUDA C++ Programming Guide,
// table of technical specifications), 132 SMs, 50 MiB of L2 and the clocks of NVIDIA's data sheet.
constexpr const char* kH100 = R"({"deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900, "driverVer": 13000,
 "cudaDeviceId": 0, "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1, "multiProcessorCount": 132,
 "warpSize": 32, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
 "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "maxCtasPerSM": 32, "regsPerBlock": 65536,
 "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
 "reservedSharedMemoryPerBlock": 1024, "totalGlobalMem": 85899345920, "l2CacheSize": 52428800,
 "smClockRateKHz": 1980000, "memClockRateKHz": 2619000})";

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

int PrintPrefillEngines() {
  try {
    const CudnnDevice h100{std::string(kH100)};
    int without = 0;
    for (const SuiteCase& c : DeepSeekV3Suite()) {
      if (c.library != "cudnn") continue;
      const auto& a = std::get<AttentionShape>(c.shape);
      const PrefillPass pass =
          c.kind == OpKind::kAttentionBackward ? PrefillPass::kBackward : PrefillPass::kForward;
      std::string reason;
      const auto engines =
          PrefillEngines({a.batch, a.heads, a.q_len, a.d_qk, a.d_v, 1.0}, pass, h100, &reason);
      if (reason.find("libcuda") != std::string::npos) throw Unsupported("libcuda.so.1 was not found");
      without += engines.empty();
      std::printf("%s B=%lld S=%lld %lld/%lld: %s\n", c.label.c_str(), static_cast<long long>(a.batch),
                  static_cast<long long>(a.q_len), static_cast<long long>(a.d_qk),
                  static_cast<long long>(a.d_v), engines.empty() ? reason.c_str() : Join(engines).c_str());
    }
    std::printf("cuDNN %s on an H100: %d cases without an engine\n", CudnnVersionText().c_str(), without);
    return without == 0 ? 0 : 1;
  } catch (const Unsupported& reason) {
    std::fprintf(stderr, "orrery-device: %s\n", reason.what());
    return 77;
  }
}
#endif

}  // namespace orrery::profiler
