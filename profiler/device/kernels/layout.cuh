// How tiles lie in shared memory: the 128-byte swizzle that the copy engine and the tensor cores share, and
// the descriptors by which the tensor cores find a tile.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>

namespace orrery::profiler {

namespace ptx {

__device__ __forceinline__ std::uint32_t PackBf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}

/// Byte offset of 16-byte chunk `chunk` of row `row` in a tile of 128-byte rows under the 128-byte swizzle that TMA
/// and wgmma share (address bits 4..6 xor bits 7..9; the tile starts at a multiple of 1024 bytes).
__host__ __device__ constexpr std::uint32_t Swizzle128(std::uint32_t row, std::uint32_t chunk) {
  return row * 128u + ((chunk ^ (row & 7u)) << 4);
}

}  // namespace ptx

namespace wgmma {

/// Descriptor of a K-major operand in rows of 128 bytes under the 128-byte swizzle, 8-row groups 1024 bytes apart.
/// Add 2 per 32 bytes of K.
__device__ __forceinline__ std::uint64_t KMajor(std::uint32_t shared_address) {
  return (static_cast<std::uint64_t>(1) << 62) | (static_cast<std::uint64_t>(1024 >> 4) << 32) |
         (static_cast<std::uint64_t>(1) << 16) | ((shared_address & 0x3FFFF) >> 4);
}

/// Descriptor of an MN-major 16-bit operand: blocks of 64 (MN) x any K, each K step one 128-byte swizzled row;
/// `block_bytes` between blocks along MN, 1024 bytes between groups of 8 along K. Add 128 per 16 of K.
__device__ __forceinline__ std::uint64_t MnMajor(std::uint32_t shared_address, std::uint32_t block_bytes) {
  return (static_cast<std::uint64_t>(1) << 62) | (static_cast<std::uint64_t>(1024 >> 4) << 32) |
         (static_cast<std::uint64_t>((block_bytes & 0x3FFFF) >> 4) << 16) | ((shared_address & 0x3FFFF) >> 4);
}

}  // namespace wgmma
}  // namespace orrery::profiler
