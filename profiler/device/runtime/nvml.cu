#include "profiler/device/runtime/nvml.h"

#include <cuda_runtime.h>
#include <dlfcn.h>

namespace orrery::profiler {
namespace {

constexpr unsigned kClockSm = 1;      // NVML_CLOCK_SM
constexpr unsigned kClockMemory = 2;  // NVML_CLOCK_MEM

template <typename Function>
Function Symbol(void* library, const char* name) {
  return library != nullptr ? reinterpret_cast<Function>(dlsym(library, name)) : nullptr;
}

double Clock(void* library, void* device, const char* function, unsigned type) {
  unsigned mhz = 0;
  const auto get = Symbol<int (*)(void*, unsigned, unsigned*)>(library, function);
  return get != nullptr && device != nullptr && get(device, type, &mhz) == 0 ? mhz : 0.0;
}

}  // namespace

Nvml::Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW)) {
  const auto init = Symbol<int (*)()>(library_, "nvmlInit_v2");
  if (init == nullptr || init() != 0) return;
  char bus[32] = {};
  const auto by_bus = Symbol<int (*)(const char*, void**)>(library_, "nvmlDeviceGetHandleByPciBusId_v2");
  if (by_bus != nullptr && cudaDeviceGetPCIBusId(bus, sizeof(bus), 0) == cudaSuccess &&
      by_bus(bus, &device_) != 0)
    device_ = nullptr;
}

Nvml::~Nvml() {
  if (const auto shutdown = Symbol<int (*)()>(library_, "nvmlShutdown")) shutdown();
  if (library_ != nullptr) dlclose(library_);
}

NvmlReading Nvml::Read() const {
  NvmlReading r;
  r.sm_mhz = Clock(library_, device_, "nvmlDeviceGetClockInfo", kClockSm);
  r.memory_mhz = Clock(library_, device_, "nvmlDeviceGetClockInfo", kClockMemory);
  r.sm_max_mhz = Clock(library_, device_, "nvmlDeviceGetMaxClockInfo", kClockSm);
  r.memory_max_mhz = Clock(library_, device_, "nvmlDeviceGetMaxClockInfo", kClockMemory);
  unsigned milliwatts = 0;
  const auto power = Symbol<int (*)(void*, unsigned*)>(library_, "nvmlDeviceGetPowerUsage");
  if (power != nullptr && device_ != nullptr && power(device_, &milliwatts) == 0)
    r.power_w = milliwatts / 1000.0;
  unsigned long long reasons = 0;
  const auto throttle =
      Symbol<int (*)(void*, unsigned long long*)>(library_, "nvmlDeviceGetCurrentClocksThrottleReasons");
  if (throttle != nullptr && device_ != nullptr && throttle(device_, &reasons) == 0)
    r.throttle_reasons = reasons;
  return r;
}

std::string Nvml::DriverVersion() const {
  char text[96] = {};
  const auto get = Symbol<int (*)(char*, unsigned)>(library_, "nvmlSystemGetDriverVersion");
  return get != nullptr && get(text, sizeof(text)) == 0 ? text : "";
}

}  // namespace orrery::profiler
