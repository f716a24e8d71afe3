// Copies that run beside the threads: tensor-map boxes and plain bulk copies (TMA), and cp.async.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <source_location>
#include <vector>

#include <cuda.h>

namespace orrery::emulator {

struct Thread;

/// As cuTensorMapEncodeTiled for the maps the project uses (two dimensions, no interleave, steps of 1), with
/// the driver's rules; also refuses a tensor that is not all allocated.
CUresult EncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* base,
                     const cuuint64_t* sizes, const cuuint64_t* strides, const cuuint32_t* box,
                     const cuuint32_t* steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                     CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill);

/// Loads a box into the same offset of every CTA of the cluster in `mask`, and counts its bytes at the
/// mbarrier at the same offset there.
void LoadBox(std::uint32_t target, const CUtensorMap* map, std::uint32_t barrier, int x, int y,
             unsigned mask);
void LoadBytes(std::uint32_t target, const void* source, std::uint32_t barrier, std::uint32_t bytes);
void StoreBox(const CUtensorMap* map, std::uint32_t source, int x, int y);
void CommitStores();
/// Until all committed stores have read their shared memory, or have written as well.
void WaitForStores(bool written);

void CopyAsync16(std::uint32_t target, const void* source);
void CommitCopies();
void WaitForCopies(int pending);

/// Failing where the ending thread leaves copies behind.
void CheckCopiesAtEnd(Thread& thread);

/// Swizzled address: bits 4..6 xor bits 7..9 (CUDA driver API, CU_TENSOR_MAP_SWIZZLE_128B).
inline std::uint32_t Swizzled128(std::uint32_t address) { return address ^ (address >> 7 & 7u) << 4; }

struct BoxStore {
  CUtensorMap map;
  std::uint32_t source;
  int x, y;
  std::vector<std::uint8_t> data;  ///< once read
  bool written = false;
};

struct StoreGroups {
  std::vector<BoxStore> open;
  std::vector<BoxStore> committed;
};

struct PendingCopy {
  std::uint32_t target;
  const void* source;
};

struct CopyGroups {
  std::vector<PendingCopy> open;
  std::deque<std::vector<PendingCopy>> committed;
};

}  // namespace orrery::emulator
