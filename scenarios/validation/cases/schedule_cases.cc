// Published facts of pipeline schedules against ours: counts of a published program, and formulas evaluated.
#include <algorithm>

#include <fmt/format.h>

#include "models/schedule/schedule_timing.h"
#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

std::vector<ValidationCase> ScheduleCases();

namespace {

using models::MakeSchedule;
using models::Schedule;
using models::ScheduleKind;
using models::StepKind;
using models::UniformTimes;

constexpr char kArea[] = "schedules";
constexpr char kTable2[] = "DeepSeek-V3 (arXiv 2412.19437) Table 2";
constexpr int kRanks = 16, kMicroBatches = 120;  // DeepSeek-V3 3.2: PP16; 15360 sequences / 128 pipelines

/// Chunk times with which the formulas are compared: Table 4 of "Insights into DeepSeek-V3" (arXiv
/// 2505.09343), MPFT column, divided by the counts of DualPipe's outermost rank: F = 1.13 s / 23, pair
/// = 13.95 s / 97, W = 0.48 s / 15, input backward = (1.99 s - 8 W) / 23. The formulas hold for any such
/// times; these are the real scale.
UniformTimes Table4Times() {
  const double weight = 0.48 / 15;
  return {.forward = FromSeconds(1.13 / 23),
          .backward_input = FromSeconds((1.99 - 8 * weight) / 23),
          .backward_weight = FromSeconds(weight),
          .overlapped_pair = FromSeconds(13.95 / 97)};
}

double Bubble(ScheduleKind kind, const UniformTimes& times, std::size_t rank) {
  return Seconds(SimulateUniform(MakeSchedule({kind, kRanks, kMicroBatches}), times).ranks[rank].bubble);
}

/// Both sides are exact sums of the same chunk times: only the last picosecond may differ.
ValidationCase BubbleCase(std::string id, std::string what, double formula, double simulated) {
  return {.id = std::move(id),
          .area = kArea,
          .what = std::move(what),
          .published = formula,
          .simulated = simulated,
          .unit = "s",
          .kind = ToleranceKind::kAbsolute,
          .tolerance = 1e-9,
          .role = CaseRole::kFormula,
          .source = kTable2,
          .residual = {}};
}

double FormulaOfDualPipe(const UniformTimes& t) {
  return Seconds((kRanks / 2 - 1) * (t.overlapped_pair + t.backward_input - 2 * t.backward_weight));
}

std::vector<ValidationCase> BubbleCases() {
  const UniformTimes t = Table4Times();
  // Forward as long as the input backward, and nothing gained by overlap: where the DualPipe formula is
  // exact.
  const UniformTimes equal{t.forward, t.forward, t.backward_weight, 2 * t.forward + t.backward_weight};
  std::vector<ValidationCase> cases = {
      BubbleCase("DS-D07", "1F1B bubble (PP-1)(F+B), PP16",
                 Seconds((kRanks - 1) * (t.forward + t.backward_input + t.backward_weight)),
                 Bubble(ScheduleKind::k1F1B, t, 0)),
      BubbleCase("DS-D08", "ZB1P bubble (PP-1)(F+B-2W), PP16",
                 Seconds((kRanks - 1) * (t.forward + t.backward_input - t.backward_weight)),
                 Bubble(ScheduleKind::kZb1p, t, 0)),
      BubbleCase("DS-D09", "DualPipe bubble (PP/2-1)(F&B+B-3W), F = B-W", FormulaOfDualPipe(equal),
                 Bubble(ScheduleKind::kDualPipe, equal, 0)),
      BubbleCase("DS-D09", "DualPipe bubble, chunk times of Table 4, rank 7", FormulaOfDualPipe(t),
                 Bubble(ScheduleKind::kDualPipe, t, kRanks / 2 - 1)),
  };
  cases.back().residual =
      "The formula sums one path for all ranks. Played out, the published instruction lists leave the middle "
      "ranks exactly "
      "one F less than it whenever backwards are the longer path.";
  return cases;
}

std::vector<ValidationCase> ActivationCases() {
  const auto peak_case = [](const char* id, ScheduleKind kind, const char* what, int formula) {
    const Schedule schedule = MakeSchedule({kind, kRanks, kMicroBatches});
    int peak = 0;
    for (int rank = 0; rank < kRanks; ++rank) peak = std::max(peak, PeakInFlight(schedule, rank));
    return ValidationCase{.id = id,
                          .area = kArea,
                          .what = what,
                          .published = static_cast<double>(formula),
                          .simulated = static_cast<double>(peak),
                          .unit = "chunks",
                          .kind = ToleranceKind::kAbsolute,
                          .role = CaseRole::kFormula,
                          .source = kTable2,
                          .residual = {}};
  };
  return {peak_case("DS-D07", ScheduleKind::k1F1B, "1F1B activations PP, PP16", kRanks),
          peak_case("DS-D08", ScheduleKind::kZb1p, "ZB1P activations PP, PP16", kRanks),
          peak_case("DS-D09", ScheduleKind::kDualPipe, "DualPipe activations PP+1, PP16", kRanks + 1)};
}

/// DS-D19 on half-rank `h`. One pair of the middle ranks (h = 7) runs apart: +1 forward, +1 full backward, -1
/// pair.
std::vector<ValidationCase> CountCases(const Schedule& schedule, int h) {
  struct Row {
    StepKind kind;
    const char* what;
    int published;
  };
  const int apart = h == kRanks / 2 - 1 ? 1 : 0;
  const Row rows[] = {{StepKind::kForward, "forwards alone", 23 - h + apart},
                      {StepKind::kForwardBackward, "overlapped pairs", 97 + h - apart},
                      {StepKind::kBackward, "full backwards", 8 + apart},
                      {StepKind::kBackwardInput, "input-only backwards", 15 - h},
                      {StepKind::kBackwardWeight, "weight backwards", 15 - h}};
  const auto& steps = schedule.steps[static_cast<std::size_t>(h)];
  std::vector<ValidationCase> cases;
  for (const Row& row : rows) {
    const auto count =
        std::count_if(steps.begin(), steps.end(), [&](const auto& s) { return s.kind == row.kind; });
    cases.push_back({.id = "DS-D19",
                     .area = kArea,
                     .what = fmt::format("DualPipe {} on rank {}, PP16, M=120", row.what, h),
                     .published = static_cast<double>(row.published),
                     .simulated = static_cast<double>(count),
                     .unit = "chunks",
                     .kind = ToleranceKind::kAbsolute,
                     .source = "deepseek-ai/DualPipe dualpipe.py, counted",
                     .residual = {}});
  }
  return cases;
}

}  // namespace

std::vector<ValidationCase> ScheduleCases() {
  std::vector<ValidationCase> cases = BubbleCases();
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, kRanks, kMicroBatches});
  for (const auto& more :
       {ActivationCases(), CountCases(schedule, 0), CountCases(schedule, 6), CountCases(schedule, 7)}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

}  // namespace orrery::scenarios
