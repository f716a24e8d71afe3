// Warpgroup matrix products (wgmma, sm_90a), one function per shape. d[4j + 0..1] of lane l is row l / 4,
// columns 8j + 2(l % 4) + 0..1 of the warp's 16 rows; d[4j + 2..3] the row 8 below. accumulate == 0
// overwrites d. Nothing else stands here: tests replace this header by
// tests/device/emulator/include/profiler/device/kernels/wgmma.cuh.
#pragma once

#include <cstdint>

namespace orrery::profiler::wgmma {

/// Before the first product of a batch, and after registers it reads or accumulates into were written.
__device__ __forceinline__ void Fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void Commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int kPending>
__device__ __forceinline__ void Wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// Keeps the compiler from moving accesses of an accumulator across the asynchronous products.
template <int kCount>
__device__ __forceinline__ void Pin(float (&d)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

// The accumulator as operands of inline assembly, and the names %0, %1, ... by which the text refers to them.
// clang-format off
#define ORRERY_D8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), \
                        "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define ORRERY_D32(d, i) ORRERY_D8(d, i), ORRERY_D8(d, i + 8), ORRERY_D8(d, i + 16), ORRERY_D8(d, i + 24)
#define ORRERY_D64(d, i) ORRERY_D32(d, i), ORRERY_D32(d, i + 32)
#define ORRERY_D128(d, i) ORRERY_D64(d, i), ORRERY_D64(d, i + 64)
#define ORRERY_NAMES32 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define ORRERY_NAMES64 ORRERY_NAMES32 ", " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define ORRERY_NAMES128 ORRERY_NAMES64 ", " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
// One product: the predicate p of whether to accumulate is operand `flag`, `rest` the operands after d.
#define ORRERY_WGMMA(flag, type, d_names, rest) \
  "{\n.reg .pred p;\nsetp.ne.b32 p, " flag ", 0;\nwgmma.mma_async.sync.aligned." type " {" d_names "}, " rest ";\n}"
// clang-format on

// After d: A, B, p, the signs of A and B (1: as they are), and for 16-bit operands in shared memory whether A
// and B are MN-major.

/// 64x128 += A(64x32 e4m3, shared) B(128x32 e4m3, shared, K-major)^T.
__device__ __forceinline__ void Fp8M64N128K32(float (&d)[64], std::uint64_t a, std::uint64_t b,
                                              int accumulate) {
  asm volatile(ORRERY_WGMMA("%66", "m64n128k32.f32.e4m3.e4m3", ORRERY_NAMES64, "%64, %65, p, 1, 1")
               : ORRERY_D64(d, 0)
               : "l"(a), "l"(b), "r"(accumulate));
}

/// 64x64 += A(64x16 bf16, shared) B(64x16, shared, K-major)^T.
__device__ __forceinline__ void Bf16M64N64K16(float (&d)[32], std::uint64_t a, std::uint64_t b,
                                              int accumulate) {
  asm volatile(ORRERY_WGMMA("%34", "m64n64k16.f32.bf16.bf16", ORRERY_NAMES32, "%32, %33, p, 1, 1, 0, 0")
               : ORRERY_D32(d, 0)
               : "l"(a), "l"(b), "r"(accumulate));
}

/// As above with A in registers (the fragment of mma.m16n8k16).
__device__ __forceinline__ void Bf16M64N64K16(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b,
                                              int accumulate) {
  asm volatile(
      ORRERY_WGMMA("%37", "m64n64k16.f32.bf16.bf16", ORRERY_NAMES32, "{%32, %33, %34, %35}, %36, p, 1, 1, 0")
      : ORRERY_D32(d, 0)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));
}

/// 64x256 += A(64x16 bf16, shared) B(16x256, shared, MN-major).
__device__ __forceinline__ void Bf16M64N256K16Mn(float (&d)[128], std::uint64_t a, std::uint64_t b,
                                                 int accumulate) {
  asm volatile(ORRERY_WGMMA("%130", "m64n256k16.f32.bf16.bf16", ORRERY_NAMES128, "%128, %129, p, 1, 1, 0, 1")
               : ORRERY_D128(d, 0)
               : "l"(a), "l"(b), "r"(accumulate));
}

/// As above with A in registers.
__device__ __forceinline__ void Bf16M64N256K16Mn(float (&d)[128], const std::uint32_t (&a)[4],
                                                 std::uint64_t b, int accumulate) {
  asm volatile(ORRERY_WGMMA("%133", "m64n256k16.f32.bf16.bf16", ORRERY_NAMES128,
                            "{%128, %129, %130, %131}, %132, p, 1, 1, 1")
               : ORRERY_D128(d, 0)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));
}

#undef ORRERY_D8
#undef ORRERY_D32
#undef ORRERY_D64
#undef ORRERY_D128
#undef ORRERY_NAMES32
#undef ORRERY_NAMES64
#undef ORRERY_NAMES128
#undef ORRERY_WGMMA

}  // namespace orrery::profiler::wgmma
