// Stands for profiler/device/kernels/ptx.cuh: the same functions, on the emulator.
#pragma once

#include <cstdint>
#include <source_location>

#include <cuda.h>

#include "tests/device/emulator/copy_engine.h"
#include "tests/device/emulator/machine.h"
#include "tests/device/emulator/tensor_core.h"

namespace orrery::profiler::ptx {

using Where = std::source_location;

inline emulator::SharedMemory& Shared() { return emulator::Current().cta->shared; }
inline std::uint32_t SharedAddress(const void* pointer) { return Shared().AddressOf(pointer); }

inline void MbarrierInit(std::uint64_t* barrier, std::uint32_t arrivals) {
  Shared().InitBarrier(SharedAddress(barrier), arrivals);
}
inline void FenceBarrierInit() {}
inline void MbarrierArrive(std::uint64_t* barrier) { Shared().Arrive(SharedAddress(barrier), 1); }
inline void MbarrierArriveAt(std::uint64_t* barrier, std::uint32_t rank) {
  const auto& ctas = emulator::Current().cta->cluster->ctas;
  if (rank >= ctas.size()) emulator::Fail("the cluster has no such CTA");
  if (ctas[rank]->live == 0) emulator::Fail("an arrival at a CTA that has left");
  ctas[rank]->shared.Arrive(SharedAddress(barrier), 1);
}
inline void MbarrierExpect(std::uint64_t* barrier, std::uint32_t bytes) {
  Shared().ExpectBytes(SharedAddress(barrier), bytes);
  MbarrierArrive(barrier);
}
inline void MbarrierWait(std::uint64_t* barrier, std::uint32_t parity, Where where = Where::current()) {
  emulator::Mbarrier& b = Shared().BarrierAt(SharedAddress(barrier));
  while (b.phase % 2 == parity) {
    b.waiting.push_back(&emulator::Current());
    emulator::Sleep("an mbarrier", where);
  }
}

inline void TmaLoad(void* destination, const CUtensorMap* map, std::uint64_t* barrier, int x, int y) {
  emulator::LoadBox(SharedAddress(destination), map, SharedAddress(barrier), x, y,
                    1u << emulator::Current().cta->rank);
}
inline void TmaLoadMulticast(void* destination, const CUtensorMap* map, std::uint64_t* barrier, int x, int y,
                             std::uint16_t mask) {
  emulator::LoadBox(SharedAddress(destination), map, SharedAddress(barrier), x, y, mask);
}
inline void BulkLoad(void* destination, const void* source, std::uint64_t* barrier, std::uint32_t bytes) {
  emulator::LoadBytes(SharedAddress(destination), source, SharedAddress(barrier), bytes);
}
inline void TmaStore(const CUtensorMap* map, const void* source, int x, int y) {
  emulator::StoreBox(map, SharedAddress(source), x, y);
}
inline void TmaStoreCommit() { emulator::CommitStores(); }
inline void TmaStoreWaitRead() { emulator::WaitForStores(/*written=*/false); }
inline void TmaStoreWaitAll() { emulator::WaitForStores(/*written=*/true); }
inline void PrefetchMap(const CUtensorMap*) {}
inline void FenceAsyncProxy() { emulator::FenceProxy(); }

inline void NamedBarrier(int id, int threads, Where where = Where::current()) {
  emulator::ArriveAndWait(id, threads, where);
}
inline void ClusterSync(Where where = Where::current()) { emulator::ClusterArriveAndWait(where); }
inline std::uint32_t ClusterRank() { return emulator::Current().cta->rank; }
template <int kRegisters>
void RegistersUp() {
  static_assert(kRegisters % 8 == 0 && kRegisters >= 24 && kRegisters <= 256);
}
template <int kRegisters>
void RegistersDown() {
  RegistersUp<kRegisters>();
}

inline void StoreMatrix4(std::uint32_t address, std::uint32_t r0, std::uint32_t r1, std::uint32_t r2,
                         std::uint32_t r3, Where where = Where::current()) {
  emulator::StoreMatrices(address, {r0, r1, r2, r3}, where);
}
inline void LoadMatrix4(std::uint32_t address, std::uint32_t (&r)[4], Where where = Where::current()) {
  emulator::LoadMatrices(address, r, /*transposed=*/false, where);
}
inline void LoadMatrix4Transposed(std::uint32_t address, std::uint32_t (&r)[4],
                                  Where where = Where::current()) {
  emulator::LoadMatrices(address, r, /*transposed=*/true, where);
}
inline void Mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                Where where = Where::current()) {
  emulator::MultiplyFragments(d, a, b0, b1, where);
}

inline void CopyAsync(std::uint32_t target, const void* source) { emulator::CopyAsync16(target, source); }
inline void CopyAsyncCommit() { emulator::CommitCopies(); }
template <int kPending>
void CopyAsyncWait() {
  emulator::WaitForCopies(kPending);
}

/// A clock that advances by a microsecond whenever it is read.
inline std::uint64_t Nanoseconds() {
  static std::uint64_t now = 0;
  return now += 1000;
}

}  // namespace orrery::profiler::ptx
