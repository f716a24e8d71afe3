// The part of the CUDA runtime that the workloads use. Everything is done when it returns.
#include <cstring>

#include <cuda.h>
#include <cuda_runtime_api.h>

#include "tests/device/emulator/copy_engine.h"
#include "tests/device/emulator/global_memory.h"

namespace emulator = orrery::emulator;

extern "C" {

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  *memory = emulator::Allocate(bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  if (memory != nullptr) emulator::Free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
  const void* on_device = kind == cudaMemcpyHostToDevice ? target : source;
  if (kind == cudaMemcpyHostToHost || (bytes > 0 && !emulator::IsAllocated(on_device, bytes)))
    return cudaErrorInvalidValue;
  if (bytes > 0) std::memcpy(target, source, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  return cudaMemcpy(target, source, bytes, kind);
}
cudaError_t cudaMemset(void* target, int value, size_t bytes) {
  if (bytes > 0 && !emulator::IsAllocated(target, bytes)) return cudaErrorInvalidValue;
  if (bytes > 0) std::memset(target, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t) {
  return cudaMemset(target, value, bytes);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "error"; }
const char* cudaGetErrorString(cudaError_t) { return "emulated runtime: memory that was not allocated"; }
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long, cudaDriverEntryPointQueryResult* result) {
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&emulator::EncodeTiled) : nullptr;
  *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

}  // extern "C"
