// The shared memory of one CTA as two views: what threads read and write, and what the copy engine and the
// tensor cores see. Writes that the kernels make through ptx.cuh (stmatrix and the like) reach the second
// view only through a proxy fence. Plain C++ stores are not seen by the emulator and never reach it: an
// engine that reads them reads NaN, fence or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace orrery::emulator {

struct Thread;

struct SharedWrite {
  std::uint32_t address;
  std::uint32_t value;
};

/// A barrier in shared memory (PTX ISA, "mbarrier"): a phase ends when no arrivals and no bytes are pending.
struct Mbarrier {
  std::uint32_t arrivals = 0;  ///< expected per phase
  std::uint32_t pending = 0;
  std::int64_t bytes = 0;
  std::uint64_t phase = 0;
  std::vector<Thread*> waiting;
};

class SharedMemory {
 public:
  /// Addresses start where a kernel's dynamic memory does: the first KiB is the system's.
  static constexpr std::uint32_t kFirstAddress = 1024;

  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// All bytes poisoned, no barriers; memory ends at an unreadable page.
  void Reset(std::size_t bytes);

  std::uint8_t* data() const { return data_; }
  /// Failing where [pointer, pointer + bytes) is not all inside.
  std::uint32_t AddressOf(const void* pointer, std::size_t bytes = 1) const;
  /// Of the threads' view.
  std::uint8_t* At(std::uint32_t address, std::size_t bytes) const;
  /// Of the engines' view.
  std::uint8_t* EngineAt(std::uint32_t address, std::size_t bytes);
  /// A write of the copy engine: seen by both.
  void EngineWrite(std::uint32_t address, const void* source, std::size_t bytes);

  void InitBarrier(std::uint32_t address, std::uint32_t arrivals);
  void Arrive(std::uint32_t address, std::uint32_t arrivals);
  void ExpectBytes(std::uint32_t address, std::int64_t bytes);
  Mbarrier& BarrierAt(std::uint32_t address);

 private:
  void EndPhaseIfDone(Mbarrier& barrier);

  std::uint8_t* mapping_ = nullptr;
  std::size_t mapped_ = 0;
  std::uint8_t* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<std::uint8_t> engine_;
  std::map<std::uint32_t, Mbarrier> barriers_;
};

}  // namespace orrery::emulator
