#include "tests/device/emulator/shared_memory.h"

#include <cstring>
#include <new>
#include <string>

#include <sys/mman.h>

#include "tests/device/emulator/machine.h"

namespace orrery::emulator {
namespace {

constexpr std::size_t kPage = 4096;
constexpr int kPoison = 0xFF;
constexpr std::int64_t kMostBytes = (1 << 20) - 1;  // PTX ISA: the range of the tx-count

}  // namespace

SharedMemory::~SharedMemory() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_ + kPage);
}

void SharedMemory::Reset(std::size_t bytes) {
  barriers_.clear();
  if (bytes != bytes_) {
    if (mapping_ != nullptr) munmap(mapping_, mapped_ + kPage);
    mapped_ = (bytes + kPage - 1) / kPage * kPage;
    void* mapping =
        mmap(nullptr, mapped_ + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<std::uint8_t*>(mapping);
    mprotect(mapping_ + mapped_, kPage, PROT_NONE);
    bytes_ = bytes;
    data_ = mapping_ + mapped_ - bytes;
    engine_.resize(bytes);
  }
  if (bytes == 0) return;
  std::memset(mapping_, kPoison, mapped_);
  std::memset(engine_.data(), kPoison, bytes);
}

std::uint32_t SharedMemory::AddressOf(const void* pointer, std::size_t bytes) const {
  const auto* at = static_cast<const std::uint8_t*>(pointer);
  if (at < data_ || at + bytes > data_ + bytes_) Fail("a pointer outside the CTA's dynamic shared memory");
  return kFirstAddress + static_cast<std::uint32_t>(at - data_);
}

std::uint8_t* SharedMemory::At(std::uint32_t address, std::size_t bytes) const {
  if (address < kFirstAddress || address - kFirstAddress + bytes > bytes_) {
    Fail("shared address " + std::to_string(address) + " + " + std::to_string(bytes) + " is outside");
  }
  return data_ + (address - kFirstAddress);
}

std::uint8_t* SharedMemory::EngineAt(std::uint32_t address, std::size_t bytes) {
  return engine_.data() + (At(address, bytes) - data_);
}

void SharedMemory::EngineWrite(std::uint32_t address, const void* source, std::size_t bytes) {
  std::memcpy(At(address, bytes), source, bytes);
  std::memcpy(EngineAt(address, bytes), source, bytes);
}

void SharedMemory::InitBarrier(std::uint32_t address, std::uint32_t arrivals) {
  if (address % 8 != 0) Fail("an mbarrier must be aligned to 8 bytes");
  if (arrivals == 0) Fail("an mbarrier needs at least one arrival");
  barriers_[address] = {arrivals, arrivals, 0, 0, {}};
}

Mbarrier& SharedMemory::BarrierAt(std::uint32_t address) {
  const auto found = barriers_.find(address);
  if (found == barriers_.end()) Fail("no mbarrier was initialised at " + std::to_string(address));
  return found->second;
}

void SharedMemory::Arrive(std::uint32_t address, std::uint32_t arrivals) {
  Mbarrier& barrier = BarrierAt(address);
  if (arrivals > barrier.pending) Fail("more arrivals at an mbarrier than its phase expects");
  barrier.pending -= arrivals;
  EndPhaseIfDone(barrier);
}

void SharedMemory::ExpectBytes(std::uint32_t address, std::int64_t bytes) {
  Mbarrier& barrier = BarrierAt(address);
  barrier.bytes += bytes;
  if (barrier.bytes > kMostBytes || barrier.bytes < -kMostBytes)
    Fail("the tx-count of an mbarrier overflows");
  EndPhaseIfDone(barrier);
}

void SharedMemory::EndPhaseIfDone(Mbarrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  ++barrier.phase;
  barrier.pending = barrier.arrivals;
  Wake(barrier.waiting);
}

}  // namespace orrery::emulator
