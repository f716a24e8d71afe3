// Stands for profiler/device/kernels/wgmma.cuh: the same functions, on the emulator.
#pragma once

#include <cstdint>
#include <source_location>

#include "tests/device/emulator/tensor_core.h"

namespace orrery::profiler::wgmma {

inline void Fence() { emulator::Products().Fence(); }
inline void Commit() { emulator::Products().Commit(); }
template <int kPending>
void Wait(std::source_location where = std::source_location::current()) {
  emulator::Products().Wait(kPending, where);
}
template <int kCount>
void Pin(float (&)[kCount]) {}

inline emulator::Product Instruction(int n, bool fp8, bool mn_major_b, int accumulate, std::uint64_t a,
                                     std::uint64_t b) {
  emulator::Product product;
  product.n = n;
  product.fp8 = fp8;
  product.mn_major_b = mn_major_b;
  product.accumulate = accumulate != 0;
  product.a = a;
  product.b = b;
  return product;
}

inline emulator::Product WithRegisters(int n, bool mn_major_b, int accumulate, std::uint64_t b) {
  emulator::Product product = Instruction(n, false, mn_major_b, accumulate, 0, b);
  product.a_in_registers = true;
  return product;
}

inline void Fp8M64N128K32(float (&d)[64], std::uint64_t a, std::uint64_t b, int accumulate) {
  emulator::Products().Issue(Instruction(128, true, false, accumulate, a, b), d, nullptr);
}
inline void Bf16M64N64K16(float (&d)[32], std::uint64_t a, std::uint64_t b, int accumulate) {
  emulator::Products().Issue(Instruction(64, false, false, accumulate, a, b), d, nullptr);
}
inline void Bf16M64N64K16(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b, int accumulate) {
  emulator::Products().Issue(WithRegisters(64, false, accumulate, b), d, a);
}
inline void Bf16M64N256K16Mn(float (&d)[128], std::uint64_t a, std::uint64_t b, int accumulate) {
  emulator::Products().Issue(Instruction(256, false, true, accumulate, a, b), d, nullptr);
}
inline void Bf16M64N256K16Mn(float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b, int accumulate) {
  emulator::Products().Issue(WithRegisters(256, true, accumulate, b), d, a);
}

}  // namespace orrery::profiler::wgmma
