#include "scenarios/training/prices.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/op/op_traits.h"
#include "models/layers/end_ops.h"
#include "scenarios/training/memory_plan.h"

namespace orrery::scenarios {
namespace {

using models::Part;
using models::UnitKind;

constexpr int kRowGridPoints = 96;

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

bool IsEnd(UnitKind kind) {
  return kind == UnitKind::kEmbedding || kind == UnitKind::kHead || kind == UnitKind::kMtpLayer;
}

/// What an exchanging part is to the models and to the network.
struct ExchangePart {
  Part part;
  models::Exchange exchange;
  hw::ExchangeKind kind;
};
constexpr std::array<ExchangePart, 4> kExchangeParts = {{
    {Part::kDispatch, models::Exchange::kDispatchForward, hw::ExchangeKind::kDispatch},
    {Part::kCombine, models::Exchange::kCombineForward, hw::ExchangeKind::kCombine},
    {Part::kCombineBackward, models::Exchange::kCombineBackward, hw::ExchangeKind::kDispatchCached},
    {Part::kDispatchBackward, models::Exchange::kDispatchBackward, hw::ExchangeKind::kCombineBackward},
}};

const ExchangePart& ExchangeOf(Part part) {
  const auto found = std::find_if(kExchangeParts.begin(), kExchangeParts.end(),
                                  [part](const ExchangePart& e) { return e.part == part; });
  ORRERY_CHECK(found != kExchangeParts.end(), "no exchange");
  return *found;
}

models::Pass PassOf(Part part) {
  switch (part) {
    case Part::kMlpBackward:
    case Part::kAttentionBackward:
      return models::Pass::kInputGradient;
    case Part::kMlpWeight:
    case Part::kAttentionWeight:
      return models::Pass::kWeightGradient;
    default:
      return models::Pass::kForward;
  }
}

/// Grid points of whole tiles for every expert, as the loads are: between them a GEMM's time is a staircase.
std::int64_t RowGridStep(std::int64_t max_rows, const models::LayerShape& shape) {
  const std::int64_t tiles = shape.row_alignment * std::max(1, shape.shard.local_experts);
  return std::max(tiles, RoundUp(CeilDiv(max_rows, kRowGridPoints - 1), tiles));
}

[[noreturn]] void ThrowEndlessExchange(Part part, double seconds) {
  throw InputError(
      "exchange " + std::string(Name(part)) + " would take " +
      std::to_string(static_cast<std::int64_t>(seconds / 86400)) +
      " days or more, longer than can be simulated; expected other rates of the device's scale-up "
      "and scale-out links");
}

}  // namespace

TrainingPrices::TrainingPrices(const PriceInputs& inputs, const StepLoads& loads, int group)
    : in_(inputs), loads_(loads), group_(group), model_(inputs.scenario->RankModel()) {
  const Scenario& s = *in_.scenario;
  launch_gap_ = in_.free == Free::kLaunchGaps ? 0 : static_cast<double>(in_.cost->launch_gap().count());
  shape_ = RankShape(s);
  if (in_.free == Free::kRecompute) {
    models::MemorySavings& savings = shape_.savings;
    savings.recompute_norms = savings.recompute_up_projections = savings.recompute_swiglu = false;
  }
  rows_step_ = RowGridStep(loads.max_rows(), shape_);
  if (s.model.moe) {
    for (std::size_t k = 0; k < pair_bytes_.size(); ++k)
      pair_bytes_[k] =
          hw::NormalPairBytes(static_cast<hw::ExchangeKind>(k), s.model.hidden, s.model.moe->top_k, s.fp8);
  }
  RandomStream random(in_.seed, "normals");
  for (float& z : normals_) z = static_cast<float>(random.Normal());
  for (int k = 0; k < models::kUnitKinds; ++k) {
    for (int p = 0; p < models::kParts; ++p) {
      const auto kind = static_cast<UnitKind>(k);
      const auto part = static_cast<Part>(p);
      if (!models::HasPart(kind, part)) continue;
      if (!s.model.moe && (kind == UnitKind::kMoeLayer || kind == UnitKind::kMtpLayer)) continue;
      if (models::IsExchange(part)) {
        PriceExchange(kind, part);
      } else {
        PriceCompute(kind, part);
      }
    }
  }
  parts_[models::kSendPrice].constant = {in_.free == Free::kMessages ? 0 : in_.message_work, 0, 1.0F};
}

/// `rows` are padded already; `idle` experts have none of them.
models::RoutedRows TrainingPrices::RowsAt(std::int64_t rows, int idle) const {
  models::RoutedRows routed;
  const RankLoad mean = loads_.mean();
  routed.expert_rows = models::EvenTiles(rows, shape_.shard.local_experts, idle, shape_.row_alignment);
  const double unique_per_row = mean.rows > 0 ? static_cast<double>(mean.unique) / mean.rows : 1;
  routed.unique_rows = static_cast<std::int32_t>(std::lround(static_cast<double>(rows) * unique_per_row));
  return routed;
}

std::vector<models::PlacedOp> TrainingPrices::OpsOf(UnitKind kind, Part part, models::RoutedRows rows) const {
  const models::ModelSpec& model = model_;
  models::LayerShape shape = shape_;
  shape.batch.routed = std::move(rows);
  const auto layer = [&](models::LayerKind layer_kind) {
    // The compute parts come first, in the order of kTrainingPhases.
    return models::PhaseOps(model, {layer_kind}, models::kTrainingPhases[static_cast<std::size_t>(part)],
                            shape);
  };
  switch (kind) {
    case UnitKind::kEmbedding:
      return models::EmbeddingOps(model, PassOf(part), shape);
    case UnitKind::kHead:
      return models::HeadOps(model, PassOf(part), shape, {});
    case UnitKind::kDenseLayer:
      return layer(models::LayerKind::kDense);
    case UnitKind::kMoeLayer:
      return layer(models::LayerKind::kMoe);
    case UnitKind::kMtpLayer:
      break;
  }
  // The projection comes before the layer forwards, after it backwards; its weights with those of the
  // attention.
  std::vector<models::PlacedOp> ops = layer(models::LayerKind::kMoe);
  if (part == Part::kAttentionForward || part == Part::kAttentionBackward || part == Part::kAttentionWeight) {
    std::vector<models::PlacedOp> projection = models::MtpProjectionOps(model, PassOf(part), shape);
    ops.insert(part == Part::kAttentionForward ? ops.begin() : ops.end(), projection.begin(),
               projection.end());
  }
  return ops;
}

StepPrice TrainingPrices::PriceOps(const std::vector<models::PlacedOp>& ops,
                                   std::vector<KernelShare>* kernels, float* variation) const {
  const hw::Device& device = in_.scenario->cluster.device;
  const bool all_sms = in_.free == Free::kCommunicationSms;
  const int sms = device.sms - (all_sms ? 0 : in_.scenario->communication.sms);
  double alone = 0, beside = 0, variance = 0;
  for (const auto& [op, count, block] : ops) {  // of a layer each once
    if (in_.free == Free::kCasts && Traits(op.kind).is_cast) continue;
    const hw::Price price = in_.cost->PriceOp(op, sms);
    const auto time = static_cast<double>(price.time.count());
    alone += time + launch_gap_;
    beside += (all_sms ? time : static_cast<double>(price.beside.count())) + launch_gap_;
    variance += std::pow(VariationOf(op.kind) * time, 2);
    if (kernels != nullptr)
      kernels->push_back({std::string(Traits(op.kind).report_class), price.provenance, time, price.table});
  }
  if (kernels != nullptr && !ops.empty()) {
    kernels->push_back(
        {"launch gaps", in_.cost->launch_gap_provenance(), launch_gap_ * static_cast<double>(ops.size())});
  }
  StepPrice step;
  if (variation != nullptr) *variation = alone > 0 ? static_cast<float>(std::sqrt(variance) / alone) : 0;
  step.work = std::llround(alone);
  step.beside = alone > 0 ? static_cast<float>(std::max(0.0, beside / alone - 1)) : 0;
  return step;
}

void TrainingPrices::PriceCompute(UnitKind kind, Part part) {
  PartPrice& price = parts_[models::PriceKey(kind, part)];
  if (in_.free == Free::kEnds && IsEnd(kind)) return;
  price.constant =
      PriceOps(OpsOf(kind, part, RowsAt(loads_.mean().rows, 0)), &price.kernels, &price.variation);
  if (!in_.vary || in_.free == Free::kVariation) price.variation = 0;
  const bool routed = in_.scenario->model.moe &&
                      (kind == UnitKind::kMoeLayer || kind == UnitKind::kMtpLayer) &&
                      (part == Part::kMlpForward || part == Part::kMlpBackward || part == Part::kMlpWeight);
  if (!routed) return;
  // A rank all of whose experts idle has no rows either: the second grid stops at one expert with rows.
  for (const int idle : {0, std::min(loads_.max_idle_experts(), shape_.shard.local_experts - 1)}) {
    if (idle == 0 && !price.work_by_rows.empty()) break;
    for (int i = 0; i < kRowGridPoints; ++i) {
      const StepPrice at = PriceOps(OpsOf(kind, part, RowsAt(i * rows_step_, idle)), nullptr, nullptr);
      price.work_by_rows.push_back(static_cast<double>(at.work));
      price.beside_by_rows.push_back(at.beside);
    }
  }
}

StepPrice TrainingPrices::ByRows(const PartPrice& part, const RankLoad& load) const {
  const double at = static_cast<double>(load.rows) / static_cast<double>(rows_step_);
  const std::size_t i = std::min(static_cast<std::size_t>(at), std::size_t{kRowGridPoints} - 2);
  const double between = at - static_cast<double>(i);
  const auto grid = [&](std::size_t k) {
    return part.work_by_rows[k] + between * (part.work_by_rows[k + 1] - part.work_by_rows[k]);
  };
  double work = grid(i);
  if (load.idle_experts > 0 && part.work_by_rows.size() > kRowGridPoints) {
    const int most = std::min(loads_.max_idle_experts(), shape_.shard.local_experts - 1);
    work += (grid(kRowGridPoints + i) - work) * std::min(1.0, static_cast<double>(load.idle_experts) / most);
  }
  return {static_cast<std::int64_t>(work + 0.5), part.beside_by_rows[i], 0};
}

void TrainingPrices::PriceExchange(UnitKind kind, Part part) {
  const std::uint32_t key = models::PriceKey(kind, part);
  is_exchange_[key] = true;
  PartPrice& price = parts_[key];
  if (in_.free == Free::kExchanges || (in_.free == Free::kEnds && IsEnd(kind))) return;
  // What runs on the exchange's stream before its payload. A rank that holds all experts asks nobody where
  // its tokens go; the cast before a backward is of its own kernels and stays.
  const bool nobody = in_.scenario->parallelism.expert == 1 && part == Part::kDispatch;
  const StepPrice before =
      nobody ? StepPrice{}
             : PriceOps(models::ExchangeOps(in_.scenario->model, ExchangeOf(part).exchange, shape_), nullptr,
                        nullptr);
  price.constant.work = before.work;
  const StepPrice mean = Exchange(key, loads_.mean());
  // A dispatch is measured in FP8; in BF16 its bytes go through at the same rates.
  const bool measured_bytes = in_.scenario->fp8 || !hw::IsDispatch(ExchangeOf(part).kind);
  const hw::Provenance provenance =
      measured_bytes ? in_.exchange->beside_provenance()
                     : std::max(in_.exchange->beside_provenance(), hw::Provenance::kScaled);
  price.kernels = {{"exchange " + std::string(Name(part)), provenance, static_cast<double>(mean.work)}};
}

StepPrice TrainingPrices::Exchange(std::uint32_t key, const RankLoad& load) const {
  const auto unit = static_cast<UnitKind>(key / models::kParts);
  if (in_.free == Free::kExchanges || (in_.free == Free::kEnds && IsEnd(unit))) return {};
  const auto part = static_cast<Part>(key % models::kParts);
  const hw::ExchangeKind kind = ExchangeOf(part).kind;
  const hw::PairBytes& bytes = pair_bytes_[static_cast<std::size_t>(kind)];
  const Bytes out = bytes.wire * load.scale_out;
  const Bytes up = bytes.wire * load.scale_up;
  const hw::ExchangePrice price = in_.exchange->Price(kind, {out, out, up, up});
  const double factor = in_.exchange_stretch * in_.exchange_factor;
  const double alone = static_cast<double>(price.alone.count()) * factor;
  const double beside = static_cast<double>(price.beside_compute.count()) * factor;
  if (!(beside < kLongestSeconds * 1e12)) ThrowEndlessExchange(part, beside * 1e-12);
  StepPrice step;
  step.work = std::llround(alone) + parts_[key].constant.work;
  step.beside = step.work > 0 ? static_cast<float>((beside - alone) / static_cast<double>(step.work)) : 0;
  step.port = static_cast<float>(price.scale_out_share);
  return step;
}

}  // namespace orrery::scenarios
