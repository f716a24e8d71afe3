// Put before every kernel source that is compiled as C++: the built-in variables and functions of CUDA C++
// that the project's kernels use, on the emulator.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <math.h>

#include "tests/device/emulator/machine.h"

// One copy for all CTAs, poisoned before each; a kernel on clusters must use dynamic shared memory.
#undef __shared__
#define __shared__ static __attribute__((section("orrery_shared")))
#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __forceinline__
#define __forceinline__ inline

#define threadIdx (::orrery::emulator::Current().index)
#define blockIdx (::orrery::emulator::Current().cta->index)
#define blockDim (::orrery::emulator::CurrentGrid().block)
#define gridDim (::orrery::emulator::CurrentGrid().grid)

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  ::orrery::emulator::ArriveAndWait(0, 0, where);
}

namespace orrery::emulator {

// All lanes give a value and get that of lane source(own lane), of the participants.
template <typename T, typename Source>
T Exchange(const char* operation, unsigned mask, T value, Source source, const std::source_location& where) {
  struct Operand {
    T given, taken;
    int from;
  } mine{value, value, source(Current().lane())};
  Meet(
      operation, mask, &mine,
      [mask](std::array<void*, 32>& operands) {
        for (unsigned lane = 0; lane < 32; ++lane) {
          if ((mask & Current().warp().present) >> lane & 1u) {
            auto* operand = static_cast<Operand*>(operands[lane]);
            operand->taken = static_cast<Operand*>(operands[static_cast<std::size_t>(operand->from)])->given;
          }
        }
      },
      where);
  return mine.taken;
}

template <typename T>
T AtomicAdd(T* target, T value) {
  const T before = *target;
  *target = before + value;
  return before;
}

}  // namespace orrery::emulator

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int step,
                  std::source_location where = std::source_location::current()) {
  return ::orrery::emulator::Exchange(
      "__shfl_xor_sync", mask, value, [step](int lane) { return lane ^ step; }, where);
}
template <typename T>
T __shfl_sync(unsigned mask, T value, int from,
              std::source_location where = std::source_location::current()) {
  return ::orrery::emulator::Exchange(
      "__shfl_sync", mask, value, [from](int) { return from & 31; }, where);
}

template <typename T>
T __ldg(const T* source) {
  return *source;
}
inline int atomicAdd(int* target, int value) { return ::orrery::emulator::AtomicAdd(target, value); }
inline double atomicAdd(double* target, double value) { return ::orrery::emulator::AtomicAdd(target, value); }
inline unsigned long long atomicAdd(unsigned long long* target, unsigned long long value) {
  return ::orrery::emulator::AtomicAdd(target, value);
}

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }

/// Byte i of the result is byte (selector >> 4 i & 7) of the eight bytes y:x.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(y) << 32 | x;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned nibble = selector >> 4 * i & 0xFu;
    auto byte = static_cast<unsigned>(bytes >> 8 * (nibble & 7u) & 0xFFu);
    if ((nibble & 8u) != 0) byte = (byte & 0x80u) != 0 ? 0xFFu : 0u;
    result |= byte << 8 * i;
  }
  return result;
}
