#include "tests/device/emulator/global_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <new>

#include <sys/mman.h>

#include "tests/device/emulator/machine.h"

namespace orrery::emulator {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kAlignment =
    16;  // the widest access; what is left before the page is checked when freed
constexpr unsigned char kPoison = 0xFF;
constexpr unsigned char kCanary = 0xA5;

struct Allocation {
  std::size_t bytes;
  unsigned char* mapping;
  std::size_t mapped;  // without the guard page
};

std::map<const unsigned char*, Allocation>& All() {
  static std::map<const unsigned char*, Allocation> all;
  return all;
}

bool IsCanary(const unsigned char* begin, const unsigned char* end) {
  return std::all_of(begin, end, [](unsigned char byte) { return byte == kCanary; });
}

}  // namespace

void* Allocate(std::size_t bytes) {
  const std::size_t mapped = (std::max<std::size_t>(bytes, 1) + kPage - 1) / kPage * kPage;
  void* mapping = mmap(nullptr, mapped + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  auto* first = static_cast<unsigned char*>(mapping);
  mprotect(first + mapped, kPage, PROT_NONE);
  unsigned char* memory = first + (mapped - bytes) / kAlignment * kAlignment;
  std::memset(first, kCanary, static_cast<std::size_t>(memory - first));
  std::memset(memory, kPoison, bytes);
  std::memset(memory + bytes, kCanary, static_cast<std::size_t>(first + mapped - memory) - bytes);
  All()[memory] = {bytes, first, mapped};
  return memory;
}

void Free(void* memory) {
  const auto found = All().find(static_cast<unsigned char*>(memory));
  if (found == All().end()) throw EmulationError("free of memory that was not allocated");
  const Allocation a = found->second;
  const bool whole =
      IsCanary(a.mapping, found->first) && IsCanary(found->first + a.bytes, a.mapping + a.mapped);
  All().erase(found);
  munmap(a.mapping, a.mapped + kPage);
  if (!whole)
    throw EmulationError("something was written just outside " + std::to_string(a.bytes) + " bytes");
}

bool IsAllocated(const void* begin, std::size_t bytes) {
  const auto* first = static_cast<const unsigned char*>(begin);
  auto next = All().upper_bound(first);
  if (next == All().begin()) return false;
  --next;
  const auto offset = static_cast<std::size_t>(first - next->first);
  return offset <= next->second.bytes && bytes <= next->second.bytes - offset;
}

std::size_t Allocations() { return All().size(); }

}  // namespace orrery::emulator
