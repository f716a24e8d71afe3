// The real CUPTI behind the seam of profiler/cupti/api.h, loaded at run time: no link, so that the program
// starts without it and an injected process keeps the one it already has (two majors must not meet in one
// process).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "profiler/cupti/api.h"

namespace orrery::profiler {

/// The library already in the process, or the first of libcupti.so.13, .so.12 and .so found by the loader,
/// under $CUDA_HOME, $CUDA_PATH or /usr/local/cuda; nullptr and a reason if there is none.
std::unique_ptr<cupti::Api> LoadCupti(std::string* reason);

/// Handle of dlopen of the library LoadCupti uses; nullptr if none.
void* CuptiHandle(std::string* reason);

}  // namespace orrery::profiler
