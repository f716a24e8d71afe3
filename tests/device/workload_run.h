// A case of the suite at a size the emulator can run, through the same workload and check as on a device.
#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/workloads/workload.h"
#include "tests/device/emulator/global_memory.h"
#include "tests/device/emulator/machine.h"

namespace orrery::profiler {

struct TimingCase {
  emulator::Timing timing;
  std::uint64_t seed;
  const char* name;
};

inline constexpr TimingCase kTimings[] = {{emulator::Timing::kEager, 1, "Eager"},
                                          {emulator::Timing::kLate, 2, "Late"},
                                          {emulator::Timing::kShuffled, 3, "Shuffled"}};

/// Sets the emulator's timing for a scope.
class TimingScope {
 public:
  explicit TimingScope(const TimingCase& timing) : before_(emulator::settings()) {
    emulator::settings().timing = timing.timing;
    emulator::settings().seed = timing.seed;
  }
  ~TimingScope() { emulator::settings() = before_; }
  TimingScope(const TimingScope&) = delete;
  TimingScope& operator=(const TimingScope&) = delete;

 private:
  emulator::Settings before_;
};

inline SuiteCase CaseOf(OpKind kind, OpShape shape, std::string variant = "", int sms = 4,
                        std::string label = "") {
  SuiteCase c;
  c.kind = kind;
  c.shape = shape;
  c.library = "orrery";
  c.variant = std::move(variant);
  c.sms = sms;
  c.label = std::move(label);
  return c;
}

/// The workload's own check passes within its own tolerance, under every timing of the emulator.
inline void ExpectCheckPasses(const SuiteCase& c) {
  const WorkloadOptions options{7, 0, std::size_t{1} << 40};
  for (const TimingCase& timing : kTimings) {
    const TimingScope scope(timing);
    const auto work = MakeOwnWorkload(c, options);
    const Stream stream;
    const std::optional<double> error = work->Check(stream.get());
    ASSERT_TRUE(error.has_value());
    EXPECT_LE(*error, work->tolerance()) << timing.name;
    EXPECT_FALSE(std::isnan(*error)) << timing.name << ": something was left unwritten";
  }
  EXPECT_EQ(emulator::Allocations(), 0u);
}

}  // namespace orrery::profiler
