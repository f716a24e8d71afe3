// What a reader of a trace should know before believing its figures.
#pragma once

#include <string>
#include <vector>

#include "profiler/trace/trace_report.h"

namespace orrery::profiler {

/// One sentence each, printable: events that are there twice, kernels of unknown names and their share,
/// operations a thousand times slower than their device, steps that miss kernels.
std::vector<std::string> Remarks(const AnalysedTrace& analysed);

}  // namespace orrery::profiler
