#include "scenarios/step/block_price.h"

#include <array>
#include <cmath>

#include "core/op/op_traits.h"

namespace orrery::scenarios {
namespace {

// How much the same kernel's time varies from run to run on one GPU: relative standard deviation of durations in
// DeepSeek's training trace (deepseek-ai/profile-data train.json, 4 layers), pooled over groups of equal operation,
// shape and state of the communication beside it (all of the kernel or none of it), kernels of 20 us or more.
constexpr double kGemmVariation = 0.024;       // 30 groups, 55 degrees of freedom
constexpr double kAttentionVariation = 0.041;  // 2 groups, 3 degrees of freedom
constexpr double kMemoryVariation =
    0.047;  // casts, copies, RoPE, SwiGLU, saves: 50 groups, 130 degrees of freedom

constexpr std::array<double, 3> kVariation = {kGemmVariation, kAttentionVariation,
                                              kMemoryVariation};  // by ShapeKind

double VariationOf(OpKind kind) { return kVariation[static_cast<std::size_t>(Traits(kind).shape)]; }

}  // namespace

BlockPricer::BlockPricer(const hw::CostModel& cost, int lent_sms, const Conditions& conditions)
    : cost_(cost),
      sms_(cost.device().sms - (conditions.lend_sms ? lent_sms : 0)),
      casts_(conditions.casts),
      launch_gap_(static_cast<double>(cost.launch_gap().count()) * conditions.launch_gaps),
      disturbed_(conditions.lend_sms) {}

StepPrice BlockPricer::Price(const std::vector<models::PlacedOp>& ops, BlockPrice* block) const {
  double alone = 0, contended = 0, variance = 0;
  for (const auto& [op, count, block_of_op] : ops) {  // of a layer each once
    const bool is_cast = Traits(op.kind).is_cast;
    if (is_cast && casts_ == 0) continue;
    const double factor = is_cast ? casts_ : 1;
    const hw::Price price = cost_.PriceOp(op, sms_);
    const double time = static_cast<double>(price.time.count()) * factor;
    alone += time + launch_gap_;
    contended += (disturbed_ ? static_cast<double>(price.beside.count()) * factor : time) + launch_gap_;
    variance += std::pow(VariationOf(op.kind) * time, 2);
    if (block != nullptr) {
      block->kernels.push_back(
          {std::string(Traits(op.kind).report_class), price.provenance, time, price.table});
    }
  }
  if (block != nullptr && !ops.empty()) {
    block->kernels.push_back(
        {"launch gaps", cost_.launch_gap_provenance(), launch_gap_ * static_cast<double>(ops.size())});
  }
  StepPrice step;
  if (block != nullptr) block->variation = alone > 0 ? static_cast<float>(std::sqrt(variance) / alone) : 0;
  step.work = std::llround(alone);
  step.contended = alone > 0 ? static_cast<float>(std::max(0.0, contended / alone - 1)) : 0;
  return step;
}

}  // namespace orrery::scenarios
