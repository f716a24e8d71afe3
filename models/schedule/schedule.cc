#include "models/schedule/schedule.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/error.h"
#include "models/schedule/rank_program.h"

namespace orrery::models {
namespace {

constexpr std::array<std::pair<ScheduleKind, std::string_view>, 5> kNames = {{
    {ScheduleKind::kDualPipe, "dualpipe"},
    {ScheduleKind::k1F1B, "1f1b"},
    {ScheduleKind::kInterleaved1F1B, "interleaved-1f1b"},
    {ScheduleKind::kZb1p, "zb1p"},
    {ScheduleKind::kDualPipeV, "dualpipev"},
}};

void Require(bool condition, const ScheduleSpec& spec, std::string_view expected, int found) {
  if (!condition)
    throw InputError(fmt::format("schedule {} needs {}, found {}", Name(spec.kind), expected, found));
}

void CheckVirtualStages(const ScheduleSpec& spec) {
  const int chunks = spec.virtual_stages;
  switch (spec.kind) {
    case ScheduleKind::kInterleaved1F1B:
      return Require(chunks >= 2, spec, "at least 2 virtual stages (with 1 it is 1f1b)", chunks);
    case ScheduleKind::kDualPipeV:
      return Require(chunks == 1 || chunks == 2, spec, "2 virtual stages (or 1, the default, for the same)",
                     chunks);
    default:
      return Require(chunks == 1, spec, "1 virtual stage", chunks);
  }
}

void CheckMicroBatches(const ScheduleSpec& spec) {
  const long long ranks = spec.ranks, count = spec.micro_batches;
  const auto twice = [&] {
    return fmt::format("at least 2 micro-batches a rank ({} for {} ranks)", 2 * ranks, ranks);
  };
  switch (spec.kind) {
    case ScheduleKind::kDualPipe:
      Require(count % 2 == 0, spec, "an even number of micro-batches (half run in each direction)",
              spec.micro_batches);
      return Require(count >= 2 * ranks, spec, twice(), spec.micro_batches);
    case ScheduleKind::kDualPipeV:
      return Require(count >= 2 * ranks, spec, twice(), spec.micro_batches);
    case ScheduleKind::kInterleaved1F1B:
      return Require(count % ranks == 0, spec,
                     fmt::format("micro-batches in multiples of the {} ranks", ranks), spec.micro_batches);
    default:
      return;
  }
}

void CheckNumbers(const ScheduleSpec& spec) {
  Require(spec.ranks >= 1, spec, "at least 1 rank", spec.ranks);
  Require(spec.micro_batches >= 1, spec, "at least 1 micro-batch", spec.micro_batches);
  if (spec.kind == ScheduleKind::kDualPipe)
    Require(spec.ranks % 2 == 0, spec, "an even number of ranks", spec.ranks);
  CheckVirtualStages(spec);
  CheckMicroBatches(spec);
}

void CheckSize(const ScheduleSpec& spec) {
  const double chunks = 1.0 * spec.ranks * spec.micro_batches * spec.virtual_stages;
  if (chunks > static_cast<double>(kMaxScheduleChunks)) {
    throw InputError(fmt::format(
        "schedule {} of {} ranks x {} micro-batches x {} virtual stages is too large: at most {} "
        "chunks",
        Name(spec.kind), spec.ranks, spec.micro_batches, spec.virtual_stages, kMaxScheduleChunks));
  }
}

std::vector<Step> StepsOf(const Schedule& schedule, int rank) {
  switch (schedule.spec.kind) {
    case ScheduleKind::kDualPipe:
    case ScheduleKind::kDualPipeV:
      return internal::DualPipeSteps(schedule, rank);
    case ScheduleKind::k1F1B:
      return internal::OneFOneBSteps(schedule, rank);
    case ScheduleKind::kInterleaved1F1B:
      return internal::Interleaved1F1BSteps(schedule, rank);
    case ScheduleKind::kZb1p:
      return internal::Zb1pSteps(schedule, rank);
  }
  ORRERY_CHECK(false, "unknown schedule kind");
}

}  // namespace

int Schedule::RankOf(const ChunkRef& chunk) const {
  ORRERY_CHECK(
      chunk.stage >= 0 && chunk.stage < stages && chunk.direction >= 0 && chunk.direction < directions(),
      Describe(chunk));
  if (chunk.direction == 1) return spec.ranks - 1 - chunk.stage;
  if (spec.kind == ScheduleKind::kDualPipeV) return std::min(chunk.stage, stages - 1 - chunk.stage);
  return chunk.stage % spec.ranks;
}

std::vector<std::pair<int, int>> Schedule::StagesOf(int rank) const {
  ORRERY_CHECK(rank >= 0 && rank < spec.ranks, fmt::format("rank {} of {}", rank, spec.ranks));
  if (spec.kind == ScheduleKind::kDualPipe) return {{rank, 0}, {spec.ranks - 1 - rank, 1}};
  if (spec.kind == ScheduleKind::kDualPipeV) return {{rank, 0}, {stages - 1 - rank, 0}};
  std::vector<std::pair<int, int>> held;
  for (int stage = rank; stage < stages; stage += spec.ranks) held.emplace_back(stage, 0);
  return held;
}

Schedule MakeSchedule(const ScheduleSpec& spec) {
  CheckNumbers(spec);
  Schedule schedule{.spec = spec, .stages = 0, .steps = {}};
  if (spec.kind == ScheduleKind::kDualPipeV) schedule.spec.virtual_stages = 2;
  CheckSize(schedule.spec);
  schedule.stages = spec.ranks * schedule.spec.virtual_stages;
  for (int rank = 0; rank < spec.ranks; ++rank) schedule.steps.push_back(StepsOf(schedule, rank));
  return schedule;
}

std::string_view Name(ScheduleKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  ORRERY_CHECK(false, "unknown schedule kind");
}

std::optional<ScheduleKind> ParseScheduleKind(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

std::vector<std::string> ScheduleKindNames() {
  std::vector<std::string> names;
  for (const auto& [kind, name] : kNames) names.emplace_back(name);
  return names;
}

std::string ScheduleKindName(ScheduleKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return std::string(name);
  }
  ORRERY_CHECK(false, "a schedule without a name");
  return "";
}

std::string Describe(const ChunkRef& chunk) {
  const std::string direction = chunk.direction == 0 ? "" : fmt::format(" (direction {})", chunk.direction);
  return fmt::format("stage {}, micro-batch {}{}", chunk.stage, chunk.micro_batch, direction);
}

std::string Describe(const Step& step) {
  switch (step.kind) {
    case StepKind::kForward:
      return "forward of " + Describe(step.forward);
    case StepKind::kBackward:
      return "backward of " + Describe(step.backward);
    case StepKind::kBackwardInput:
      return "input backward of " + Describe(step.backward);
    case StepKind::kBackwardWeight:
      return "weight backward of " + Describe(step.backward);
    case StepKind::kForwardBackward:
      return "forward of " + Describe(step.forward) + " with backward of " + Describe(step.backward);
  }
  ORRERY_CHECK(false, "unknown step kind");
}

int PeakInFlight(const Schedule& schedule, int rank) {
  int held = 0, peak = 0;
  for (const Step& step : schedule.steps.at(static_cast<std::size_t>(rank))) {
    // An overlapped pair holds both its chunks while it runs: count the forward in before the backward out.
    if (step.kind == StepKind::kForward || step.kind == StepKind::kForwardBackward)
      peak = std::max(peak, ++held);
    if (step.kind != StepKind::kForward && step.kind != StepKind::kBackwardWeight) --held;
  }
  return peak;
}

int PeakPendingWeights(const Schedule& schedule, int rank) {
  int pending = 0, peak = 0;
  for (const Step& step : schedule.steps.at(static_cast<std::size_t>(rank))) {
    if (step.kind == StepKind::kBackwardInput) peak = std::max(peak, ++pending);
    if (step.kind == StepKind::kBackwardWeight) --pending;
  }
  return peak;
}

}  // namespace orrery::models
