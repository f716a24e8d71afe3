#include "profiler/suite/cost.h"

#include <stdexcept>
#include <string>

#include "core/op/op_work.h"

namespace orrery::profiler {
namespace {

constexpr double kMostBytes = 4.6e18;  // 2^62, about

}  // namespace

std::optional<LaunchCost> FindCost(OpKind kind, const OpShape& shape) {
  const Work work = WorkOf(kind, shape);
  if (!TellsBytes(kind, shape) || work.bytes > kMostBytes) return std::nullopt;
  return LaunchCost{work.flops, static_cast<std::int64_t>(work.bytes)};
}

LaunchCost CostOf(OpKind kind, const OpShape& shape) {
  if (const auto cost = FindCost(kind, shape)) return *cost;
  throw std::invalid_argument("no cost by formula of " + std::string(Name(kind)) +
                              ": the suite has no such kernel, or the shape is beyond any memory");
}

}  // namespace orrery::profiler
