// What a user reads of a trace: text and JSON from plain results.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiler/measurement/measurement.h"
#include "profiler/trace/analysis.h"
#include "profiler/trace/layers.h"
#include "profiler/trace/shaped_ops.h"
#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// A trace and all that was found in it.
struct AnalysedTrace {
  Trace trace;
  Attribution attribution;
  TraceSummary summary;
  LayerOps layers;
  ShapedOps shaped;
};
/// Operations of layers are those that `matcher` tells; without one none is recognised by its phase.
AnalysedTrace Analyse(Trace trace, const LaunchMatcher& matcher = {});

/// Totals, phases per layer, overlap, launch gaps, operations with shapes, and the `top` kernels by time.
std::string TraceText(const AnalysedTrace& analysed, int top = 20);
/// Several processes of one program, or GPUs of one trace: a line for each, then where the time went in all
/// of them by class and by kernel.
std::string ProcessesText(const std::vector<AnalysedTrace>& processes, int top = 20);
std::string TraceJson(const AnalysedTrace& analysed);
/// {"processes": [...]} of TraceJson.
std::string ProcessesJson(const std::vector<AnalysedTrace>& processes);

/// The recognised operations and those whose shape the program gave, as a measurement, for a calibration
/// table. SMs the GEMMs could use are found from their grids where they are persistent, else they are the
/// GPU's: as the trace says, of the device of its name, or `sms_otherwise`. Launches of zero duration are
/// left out: they are no times. InputError if no operation was recognised, none has a time or the SMs are not
/// known.
MeasurementRun TraceMeasurement(const AnalysedTrace& analysed, int sms_otherwise = 0);
/// How many launches TraceMeasurement leaves out.
std::int64_t ZeroDurations(const AnalysedTrace& analysed);

}  // namespace orrery::profiler
