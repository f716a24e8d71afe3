// Reads a PyTorch-profiler (Kineto) trace, a Chrome trace in JSON, as a stream: memory grows with the GPU
// events, not with the file, so traces of gigabytes can be read.
#pragma once

#include <filesystem>
#include <istream>
#include <string>

#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// InputError with the file and the byte or the event's index for: a file cut off, not JSON, compressed, of
/// another tool, without GPU events, a negative or missing duration, a time that is no number, negative or of
/// another clock than its neighbours'. "-" reads standard input.
Trace ReadKinetoTrace(const std::filesystem::path& file);
Trace ReadKinetoTrace(std::istream& stream, const std::string& name);

}  // namespace orrery::profiler
