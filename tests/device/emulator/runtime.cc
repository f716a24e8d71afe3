// The part of the CUDA runtime that the workloads use. Everything is done when it returns; but that work on
// the default stream need not be done on a device is remembered.
#include "tests/device/emulator/runtime.h"

#include <cstring>

#include <cuda.h>
#include <cuda_runtime_api.h>

#include "tests/device/emulator/copy_engine.h"
#include "tests/device/emulator/global_memory.h"
#include "tests/device/emulator/machine.h"

namespace emulator = orrery::emulator;

namespace {

bool g_default_stream_busy = false;

/// Every side of the copy that is on the device is memory that was allocated.
bool SidesAllocated(const void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return (to_device || from_device) && (!to_device || emulator::IsAllocated(target, bytes)) &&
         (!from_device || emulator::IsAllocated(source, bytes));
}

}  // namespace

void orrery::emulator::UseStream(cudaStream_t stream) {
  if (stream == nullptr) {
    g_default_stream_busy = true;
  } else if (g_default_stream_busy) {
    throw EmulationError("a stream of its own does not wait for the work on the default stream before it");
  }
}

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
  if (bytes > 0 && !SidesAllocated(target, source, bytes, kind)) return cudaErrorInvalidValue;
  if (bytes > 0) std::memcpy(target, source, bytes);
  g_default_stream_busy =
      kind == cudaMemcpyHostToDevice;  // from pageable memory: staged, perhaps not yet there
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  emulator::UseStream(stream);
  const bool busy = g_default_stream_busy;
  const cudaError_t code = cudaMemcpy(target, source, bytes, kind);
  g_default_stream_busy = busy;
  return code;
}
cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
  emulator::UseStream(stream);
  if (bytes > 0 && !emulator::IsAllocated(target, bytes)) return cudaErrorInvalidValue;
  if (bytes > 0) std::memset(target, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* target, int value, size_t bytes) {
  return cudaMemsetAsync(target, value, bytes, nullptr);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  static int handle = 0;  // an address that is not null
  *stream = reinterpret_cast<cudaStream_t>(&handle);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream == nullptr) g_default_stream_busy = false;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  g_default_stream_busy = false;
  return cudaSuccess;
}
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
