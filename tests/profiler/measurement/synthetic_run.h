// Synthetic measurement runs with the noise real ones have: processes that differ, launches with a floor and
// a tail, outliers, a drift while the device warms up. For tests of the comparison and its false-alarm rate.
#pragma once

#include <cmath>
#include <string>

#include "core/base/random.h"
#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

struct Noise {
  double between_processes = 0.01;  ///< sigma of the logarithm
  double within = 0.01;             ///< sigma of the logarithm
  double outlier_share = 0.02;      ///< launches that take 1.3 times as long
  double drift = 0.01;              ///< first to last launch of a process
  double shared = 0;                ///< sigma of the logarithm of what all cases of a process have in common
  double uneven = 0;  ///< sigma of the logarithm of between_processes over the cases, the same in every run
};

inline KernelSample SyntheticSample(int index, double us, int process, int launches, const Noise& noise,
                                    RandomStream& random) {
  KernelSample s;
  s.kernel = "orrery::gemm_fp8";
  s.library = "orrery";
  s.op_label = "case " + std::to_string(index);
  s.kind = OpKind::kGemmFp8;
  s.shape = GemmShape{4096, 1536 + index, 7168, 1};
  s.sms = 132;
  s.process = process;
  s.flops = {1e11};
  s.bytes = {50'000'000};
  s.reference_error = 1e-3;
  RandomStream of_case(1, "noise of a case", {static_cast<std::uint64_t>(index)});
  const double between = noise.between_processes * std::exp(noise.uneven * of_case.Normal());
  const double factor = std::exp(between * random.Normal());
  for (int i = 0; i < launches; ++i) {
    double t = us * factor * std::exp(noise.within * std::abs(random.Normal()));
    if (random.Uniform() < noise.outlier_share) t *= 1.3;
    s.durations_us.push_back(t * (1 + noise.drift * i / launches));
  }
  return s;
}

/// `cases` kernels of 20 us to 2 ms, each slower by `factor`.
inline MeasurementRun SyntheticRun(std::uint64_t seed, int cases, int processes, int launches,
                                   const Noise& noise, double factor = 1) {
  MeasurementRun run;
  run.suite = "synthetic";
  run.command = "none";
  run.date_utc = "2026-01-31T12:00:00Z";
  run.device = {"NVIDIA Test", "9.0", 132, {80'000'000'000}};
  run.driver = "580.00";
  run.cuda_runtime = "13.0";
  run.cupti = "130001";
  run.libraries = {{"cublasLt", "13.1.0.3"}};
  RandomStream random(seed, "synthetic run");
  for (int process = 0; process < processes; ++process) {
    RandomStream of_process(seed, "process", {static_cast<std::uint64_t>(process)});
    const double shared = std::exp(noise.shared * of_process.Normal());
    for (int i = 0; i < cases; ++i) {
      const double us = 20.0 * std::pow(100.0, static_cast<double>(i) / cases) * factor * shared;
      run.samples.push_back(SyntheticSample(i, us, process, launches, noise, random));
    }
  }
  return run;
}

}  // namespace orrery::profiler
