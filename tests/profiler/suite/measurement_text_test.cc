// The device half's own writer of measurement files, read back by the host half's strict reader.
#include "profiler/suite/measurement_text.h"

#include <gtest/gtest.h>

#include "profiler/suite/sample.h"

namespace orrery::profiler {
namespace {

MeasurementRun RunOfWholeSuite() {
  MeasurementRun run;
  run.suite = "deepseek-v3";
  run.command = "orrery-device run \"quoted\" \\ and\ttabbed";
  run.date_utc = "2026-01-31T12:00:00Z";
  run.device = {"NVIDIA H100 80GB HBM3", "9.0", 132, {85520809984}};
  run.driver = "580.95.05";
  run.cuda_runtime = "13.0";
  run.cupti = "130001";
  run.libraries["cublasLt"] = "13.1.0";
  run.clocks = {1755, 2619, 1980, 2619, "none", 512.5};
  for (const SuiteCase& c : DeepSeekV3Suite()) {
    KernelSample s = SampleOf(c);
    s.kernel = "kernel";
    s.process = 2;
    s.reference_error = 1.25e-3;
    s.durations_us = {1.5, 100.0, 0.1};
    s.counters.dram_read_bytes = 1e9;
    run.samples.push_back(s);
  }
  run.launch_gaps = {{"stream", 2, {1.25, 1.5}}, {"graph", 2, {0.75}}};
  return run;
}

TEST(MeasurementText, IsReadBackAsWhatWasWritten) {
  const MeasurementRun run = RunOfWholeSuite();
  const MeasurementRun back = ParseMeasurement(MeasurementText(run), "run.json");
  EXPECT_EQ(MeasurementJson(back), MeasurementJson(run));
  ASSERT_EQ(back.samples.size(), run.samples.size());
  EXPECT_EQ(back.command, run.command);
  EXPECT_EQ(back.samples.back().durations_us, run.samples.back().durations_us);
}

TEST(MeasurementText, StaysUnderEightMebibytesForACampaignOfThreeProcesses) {
  MeasurementRun run = RunOfWholeSuite();
  for (KernelSample& s : run.samples) {
    s.durations_us.assign(30, 1234.5678901234567);
    s.kernel.assign(300, 'k');
  }
  EXPECT_LT(3 * MeasurementText(run).size(), std::size_t{8} << 20);
}

}  // namespace
}  // namespace orrery::profiler
