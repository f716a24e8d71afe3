// Reads a PyTorch-profiler (Kineto) trace, a Chrome trace in JSON, as a stream: memory grows with the GPU events, not
// with the file, so traces of gigabytes can be read.
#pragma once

#include <filesystem>
#include <istream>
#include <string>

#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// Also of a file packed with gzip, read as it is unpacked.
/// InputError with the file and the byte or the event's index for: a file cut off, damaged, not JSON, of
/// another tool, with two lists of events, without GPU events, a negative or missing duration, a time that is
/// no number, negative or of another clock than its neighbours'. "-" reads standard input.
Trace ReadKinetoTrace(const std::filesystem::path& file);
Trace ReadKinetoTrace(std::istream& stream, const std::string& name);

/// Whether the file starts like a Chrome trace, packed or not. Only a regular file can: a pipe is read once.
bool IsKinetoTrace(const std::filesystem::path& file);

}  // namespace orrery::profiler
