// The suite on this machine's GPU: every case checked, timed, counted; one MeasurementRun.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

struct CampaignOptions {
  std::string suite = "deepseek-v3";
  std::string section;  ///< only cases of this group; "" for all
  std::string filter;   ///< only cases whose label contains this
  int priority = 1;
  int process = 0;
  int samples = 30;
  int warmups = 5;
  std::uint64_t seed = 1;
  bool counters = true;
  std::string command;
};

struct CampaignResult {
  MeasurementRun run;
  std::vector<std::string>
      wrong;  ///< cases whose result missed the reference, with the error; not in the run
  std::vector<std::string> skipped;  ///< cases that cannot run here, with the reason
  std::string fatal;  ///< the device was lost (a kernel trapped); the run holds what came before
  double worst_event_ratio =
      1.0;  ///< of kernels over 100 us: farthest of median event time / median CUPTI time from 1
};

/// The GPU's name. UnavailableError with one line if there is none that the kernels run on (compute
/// capability 9.0).
std::string ProbeDevice();

/// Measures; progress, one line per case, goes to standard error.
CampaignResult RunCampaign(const CampaignOptions& options);

/// Groups of the suite's cases up to `priority`, in their order.
std::vector<std::string> Sections(int priority);

}  // namespace orrery::profiler
