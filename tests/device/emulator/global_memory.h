// What cudaMalloc gives: filled with a pattern that is NaN in every format, an unreadable page right behind
// it.
#pragma once

#include <cstddef>

namespace orrery::emulator {

void* Allocate(std::size_t bytes);
/// Throws EmulationError if something was written just outside.
void Free(void* memory);
/// Whether [begin, begin + bytes) lies in one allocation.
bool IsAllocated(const void* begin, std::size_t bytes);
/// Allocations not yet freed.
std::size_t Allocations();

}  // namespace orrery::emulator
