// Byte offsets of the fields Orrery reads in CUPTI's activity records, from cupti_activity.h of CUDA 13.0
// (CUpti_ActivityKernel10, Memcpy6, Memset4, Marker2, API, ExternalCorrelation, Overhead3, Environment). For
// kernels they are the same in Kernel7 to Kernel10 (CUPTI 11.8 to 13.0; the cluster from Kernel8). Records
// start with their 32-bit kind.
#pragma once

#include <cstddef>

namespace orrery::profiler::cupti::layout {

namespace kernel {
inline constexpr std::size_t kSize = 176;  // of the oldest, Kernel7; the cluster lies beyond it
inline constexpr std::size_t kSizeWithCluster = 188;
inline constexpr std::size_t kRegisters = 6, kStart = 16, kEnd = 24, kDevice = 40, kContext = 44,
                             kStream = 48;
inline constexpr std::size_t kGrid = 52, kBlock = 64, kStaticShared = 76, kDynamicShared = 80,
                             kCorrelation = 92;
inline constexpr std::size_t kName = 104, kGraphNode = 144, kCluster = 176;
}  // namespace kernel

namespace memcpy_record {
inline constexpr std::size_t kSize = 48;
inline constexpr std::size_t kCopyKind = 4, kBytes = 8, kStart = 16, kEnd = 24, kDevice = 32, kStream = 40,
                             kCorrelation = 44;
}  // namespace memcpy_record

namespace memset_record {
inline constexpr std::size_t kSize = 48;
inline constexpr std::size_t kBytes = 8, kStart = 16, kEnd = 24, kDevice = 32, kStream = 40,
                             kCorrelation = 44;
}  // namespace memset_record

namespace marker {
inline constexpr std::size_t kSize = 56;
inline constexpr std::size_t kFlags = 4, kTime = 8, kId = 16, kProcess = 24, kThread = 28, kName = 40;
inline constexpr unsigned kFlagInstantaneous = 1, kFlagStart = 2, kFlagEnd = 4;
}  // namespace marker

namespace api {
inline constexpr std::size_t kSize = 40;
inline constexpr std::size_t kFunction = 4, kStart = 8, kEnd = 16, kProcess = 24, kThread = 28,
                             kCorrelation = 32;
}  // namespace api

namespace external_correlation {
inline constexpr std::size_t kSize = 24;
inline constexpr std::size_t kKind = 4, kExternalId = 8, kCorrelation = 16;
}  // namespace external_correlation

namespace overhead {
inline constexpr std::size_t kSize = 56;
inline constexpr std::size_t kKind = 4, kStart = 24, kEnd = 32;
}  // namespace overhead

namespace environment {
inline constexpr std::size_t kSize = 40;
inline constexpr std::size_t kDevice = 4, kTime = 8, kKind = 16;
inline constexpr std::size_t kSmClock = 20, kMemoryClock = 24, kThrottle = 36;  // of the kind "speed"
inline constexpr std::size_t kTemperature = 20, kPower = 20, kPowerLimit = 24;  // of the other two
inline constexpr unsigned kKindSpeed = 1, kKindTemperature = 2, kKindPower = 3;
}  // namespace environment

}  // namespace orrery::profiler::cupti::layout
