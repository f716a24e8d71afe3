// What the emulated CUDA runtime tells the emulated launches.
#pragma once

#include <cuda_runtime_api.h>

namespace orrery::emulator {

/// Work is put on `stream`. Throws EmulationError where it could run before work on the default stream that
/// nobody waited for: the project's own streams do not block on that one.
void UseStream(cudaStream_t stream);

}  // namespace orrery::emulator
