// Causal attention over whole sequences, by cuDNN where it is installed.
#pragma once

#include <memory>
#include <string>

#include "profiler/device/workloads/workload.h"

namespace orrery::profiler {

/// Throws Unsupported without cuDNN, or where it has no kernel.
std::unique_ptr<Workload> MakePrefillWorkload(const SuiteCase& suite_case, const WorkloadOptions& options);
/// "9.19.0"; "" without cuDNN.
std::string CudnnVersionOrEmpty();

/// Prints which engines of cuDNN serve the suite's attention on an H100, which need not be here. Exit code 0;
/// 1 if a case has none; 77 without cuDNN or without even the toolkit's stub of libcuda.so.1.
int PrintPrefillEngines();

}  // namespace orrery::profiler
