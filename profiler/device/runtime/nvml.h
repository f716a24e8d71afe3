// Clocks, power and driver version through NVML, loaded at run time. Reads only.
#pragma once

#include <cstdint>
#include <string>

namespace orrery::profiler {

struct NvmlReading {
  double sm_mhz = 0, memory_mhz = 0, sm_max_mhz = 0, memory_max_mhz = 0;
  double power_w = 0;
  std::uint64_t throttle_reasons = 0;
};

class Nvml {
 public:
  Nvml();  ///< of CUDA device 0; where NVML is missing every reading is zero
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  NvmlReading Read() const;
  std::string DriverVersion() const;  ///< "" if unknown

 private:
  void* library_ = nullptr;
  void* device_ = nullptr;
};

}  // namespace orrery::profiler
