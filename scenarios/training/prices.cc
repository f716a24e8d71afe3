#include "scenarios/training/prices.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"
#include "models/layers/end_ops.h"
#include "scenarios/training/memory_plan.h"

namespace orrery::scenarios {
namespace {

using models::Part;
using models::UnitKind;

constexpr int kRowGridPoints = 96;

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

/// `price` with its times multiplied.
void Scale(double factor, BlockPrice* price) {
  price->constant.work = std::llround(static_cast<double>(price->constant.work) * factor);
  for (double& work : price->work_by_rows) work *= factor;
  for (KernelShare& kernel : price->kernels) kernel.picoseconds *= factor;
}

template <class F>
void ForEachPart(const models::ModelSpec& model, const F& visit) {
  for (int k = 0; k < models::kUnitKinds; ++k) {
    for (int p = 0; p < models::kParts; ++p) {
      const auto kind = static_cast<UnitKind>(k);
      const auto part = static_cast<Part>(p);
      if (!models::HasPart(kind, part)) continue;
      if (!model.moe && models::HasExperts(kind)) continue;
      if (model.mixers.empty() && models::BlocksOf(kind).mixer != models::kOwnMixer) continue;
      visit(kind, part);
    }
  }
}

UnitKind KindOf(std::uint32_t key) { return static_cast<UnitKind>(key / models::kParts); }

/// The kernels of a model's blocks.
class UnitOps {
 public:
  explicit UnitOps(const UnitPriceKey& key) : key_(key) {}
  std::vector<models::PlacedOp> Of(UnitKind kind, Part part, std::int64_t rows, int idle = 0) const {
    return models::IsExchange(part) ? BeforeExchange(part) : OpsOf(kind, part, RowsAt(rows, idle));
  }

 private:
  std::vector<models::PlacedOp> BeforeExchange(Part part) const;
  models::RoutedRows RowsAt(std::int64_t rows, int idle) const;
  std::vector<models::PlacedOp> OpsOf(UnitKind kind, Part part, models::RoutedRows rows) const;

  const UnitPriceKey& key_;
};

/// Prices every block of a model once.
class UnitPricer {
 public:
  UnitPricer(const UnitPriceKey& key, const hw::CostModel& cost)
      : key_(key), ops_(key), pricer_(cost, key.lent_sms, key.conditions) {}

  UnitPrices Price() {
    prices_.launch_gap = pricer_.launch_gap();
    ForEachPart(key_.model, [&](UnitKind kind, Part part) {
      if (models::IsExchange(part)) {
        PriceExchange(kind, part);
      } else {
        PriceCompute(kind, part);
      }
    });
    return std::move(prices_);
  }

 private:
  void PriceCompute(UnitKind kind, Part part);
  void PriceExchange(UnitKind kind, Part part);

  const UnitPriceKey& key_;
  UnitOps ops_;
  BlockPricer pricer_;
  UnitPrices prices_;
};

/// A rank that holds all experts asks nobody where its tokens go; the cast before a backward is of its own
/// kernels and stays.
std::vector<models::PlacedOp> UnitOps::BeforeExchange(Part part) const {
  if (key_.exchanges_alone && part == Part::kDispatch) return {};
  return models::ExchangeOps(key_.model, ExchangeOf(part).exchange, key_.shape);
}

/// `rows` are padded already; `idle` experts have none of them.
models::RoutedRows UnitOps::RowsAt(std::int64_t rows, int idle) const {
  models::RoutedRows routed;
  const RankLoad mean = key_.mean;
  routed.expert_rows =
      models::EvenTiles(rows, key_.shape.shard.local_experts, idle, key_.shape.row_alignment);
  const double unique_per_row = mean.rows > 0 ? static_cast<double>(mean.unique) / mean.rows : 1;
  routed.unique_rows = static_cast<std::int32_t>(std::lround(static_cast<double>(rows) * unique_per_row));
  return routed;
}

std::vector<models::PlacedOp> UnitOps::OpsOf(UnitKind kind, Part part, models::RoutedRows rows) const {
  const models::ModelSpec& model = key_.rank_model;
  models::LayerShape shape = key_.shape;
  shape.batch.routed = std::move(rows);
  const auto layer = [&](const models::LayerBlocks& blocks) {
    // The compute parts come first, in the order of kTrainingPhases.
    return models::PhaseOps(model, models::RefOf(blocks),
                            models::kTrainingPhases[static_cast<std::size_t>(part)], shape);
  };
  switch (kind) {
    case UnitKind::kEmbedding:
      return models::EmbeddingOps(model, PassOf(part), shape);
    case UnitKind::kHead:
      return models::HeadOps(model, PassOf(part), shape, {});
    case UnitKind::kDenseLayer:
    case UnitKind::kMoeLayer:
    case UnitKind::kOtherDenseLayer:
    case UnitKind::kOtherMoeLayer:
      return layer(models::BlocksOf(kind));
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

void UnitPricer::PriceCompute(UnitKind kind, Part part) {
  BlockPrice& price = prices_.blocks[models::PriceKey(kind, part)];
  const double factor = IsEnd(kind) ? key_.conditions.ends : 1;
  if (factor == 0) return;
  price.constant = pricer_.Price(ops_.Of(kind, part, key_.mean.rows), &price);
  const bool routed = key_.model.moe && models::HasExperts(kind) &&
                      (part == Part::kMlpForward || part == Part::kMlpBackward || part == Part::kMlpWeight);
  price.first_point = static_cast<std::size_t>(key_.first_point);
  price.points = static_cast<std::size_t>(key_.points);
  // A rank all of whose experts idle has no rows either: the second grid stops at one expert with rows.
  price.idle_experts = routed ? std::min(key_.idle_experts, key_.shape.shard.local_experts - 1) : 0;
  for (const int idle : {0, price.idle_experts}) {
    if (!routed || (idle == 0 && !price.work_by_rows.empty())) break;
    for (int i = key_.first_point; i < key_.first_point + key_.points; ++i) {
      const StepPrice at = pricer_.Price(ops_.Of(kind, part, i * key_.rows_step, idle));
      price.work_by_rows.push_back(static_cast<double>(at.work));
      price.contended_by_rows.push_back(at.contended);
    }
  }
  if (factor != 1) Scale(factor, &price);
}

void UnitPricer::PriceExchange(UnitKind kind, Part part) {
  prices_.blocks[models::PriceKey(kind, part)].constant.work = pricer_.Price(ops_.Of(kind, part, 0)).work;
}

}  // namespace

UnitPrices PriceUnits(const UnitPriceKey& key, const hw::CostModel& cost) {
  return UnitPricer(key, cost).Price();
}

std::vector<models::PlacedOp> OpsOfBlock(const UnitPriceKey& key, UnitKind unit, Part part,
                                         std::int64_t rows) {
  return UnitOps(key).Of(unit, part, rows);
}

TrainingPrices::TrainingPrices(const PriceInputs& inputs, const StepLoads& loads, int group)
    : in_(inputs), loads_(loads), group_(group), even_(loads.even()) {
  const Scenario& s = *in_.scenario;
  const UnitPriceKey key = UnitKey();
  rows_step_ = key.rows_step;
  const auto make = [&] { return PriceUnits(key, *in_.cost); };
  units_ =
      in_.memo != nullptr ? in_.memo->Get<UnitPrices>(key, make) : std::make_shared<const UnitPrices>(make());
  blocks_ = &units_->blocks;
  if (s.model.moe) {
    for (std::size_t k = 0; k < pair_bytes_.size(); ++k)
      pair_bytes_[k] =
          hw::NormalPairBytes(static_cast<hw::ExchangeKind>(k), s.model.hidden, s.model.moe->top_k, s.fp8);
  }
  if (in_.conditions.Varies()) {
    RandomStream random(in_.seed, "normals");
    for (float& z : normals_) z = static_cast<float>(random.Normal());
  }
  ForEachPart(s.model, [&](UnitKind kind, Part part) {
    const std::uint32_t k = models::PriceKey(kind, part);
    const BlockPrice& block = (*blocks_)[k];
    is_exchange_[k] = models::IsExchange(part);
    by_rows_[k] = !block.work_by_rows.empty();
    variation_[k] = in_.conditions.Varies() ? block.variation : 0;
    at_even_load_[k] = is_exchange_[k] ? Exchange(k, loads.mean())
                       : by_rows_[k]   ? block.At(loads.mean().rows, loads.mean().idle_experts, rows_step_)
                                       : block.constant;
  });
  const double factor = in_.conditions.transfers * in_.conditions.messages;
  at_even_load_[models::kSendPrice] = {std::llround(static_cast<double>(in_.message_work) * factor), 0, 1.0F};
}

UnitPriceKey TrainingPrices::UnitKey() const {
  const Scenario& s = *in_.scenario;
  UnitPriceKey key;
  key.model = s.model;
  key.rank_model = s.RankModel();
  key.shape = RankShape(s);
  if (!in_.conditions.recompute) {
    models::MemorySavings& savings = key.shape.savings;
    savings.recompute_norms = savings.recompute_up_projections = savings.recompute_swiglu = false;
  }
  key.rows_step = RowGridStep(loads_.max_rows(), key.shape);
  key.points = kRowGridPoints;
  key.idle_experts = loads_.max_idle_experts();
  if (even_) {
    key.points = 2;
    key.first_point = std::min(static_cast<int>(loads_.mean().rows / key.rows_step), kRowGridPoints - 2);
  }
  key.lent_sms = s.communication.sms;
  key.exchanges_alone = s.parallelism.expert == 1;
  key.mean = {loads_.mean().rows, loads_.mean().unique};
  key.conditions.casts = in_.conditions.casts;
  key.conditions.launch_gaps = in_.conditions.launch_gaps;
  key.conditions.ends = in_.conditions.ends;
  key.conditions.lend_sms = in_.conditions.lend_sms;
  return key;
}

/// An exchange that takes no time at all.
bool TrainingPrices::IsFree(std::uint32_t key) const {
  return in_.conditions.exchanges == 0 || (in_.conditions.ends == 0 && IsEnd(KindOf(key)));
}

std::vector<KernelShare> TrainingPrices::Kernels(std::uint32_t key) const {
  if (!is_exchange_[key]) return (*blocks_)[key].kernels;
  if (IsFree(key)) return {};
  const auto part = static_cast<Part>(key % models::kParts);
  // A dispatch is measured in FP8; in BF16 its bytes go through at the same rates.
  const bool measured_bytes = in_.scenario->fp8 || !hw::IsDispatch(ExchangeOf(part).kind);
  const hw::Provenance provenance =
      measured_bytes ? in_.exchange->beside_provenance()
                     : std::max(in_.exchange->beside_provenance(), hw::Provenance::kScaled);
  const StepPrice mean = Exchange(key, loads_.mean());
  return {{"exchange " + std::string(Name(part)), provenance, static_cast<double>(mean.work)}};
}

StepPrice TrainingPrices::Exchange(std::uint32_t key, const RankLoad& load) const {
  if (IsFree(key)) return {};
  const auto part = static_cast<Part>(key % models::kParts);
  const hw::ExchangeKind kind = ExchangeOf(part).kind;
  const hw::PairBytes& bytes = pair_bytes_[static_cast<std::size_t>(kind)];
  const Bytes out = bytes.wire * load.scale_out;
  const Bytes up = bytes.wire * load.scale_up;
  const hw::ExchangePrice price = in_.exchange->Price(kind, {out, out, up, up});
  const double factor = in_.exchange_stretch * in_.conditions.transfers;
  const double alone = static_cast<double>(price.alone.count()) * factor;
  const double contended = static_cast<double>(price.beside_compute.count()) * factor;
  if (!(contended < kLongestSeconds * 1e12)) ThrowEndlessExchange(part, contended * 1e-12);
  StepPrice step;
  step.work = std::llround(alone) + (*blocks_)[key].constant.work;
  step.contended =
      step.work > 0 ? static_cast<float>((contended - alone) / static_cast<double>(step.work)) : 0;
  step.port = static_cast<float>(price.scale_out_share);
  const double share = in_.conditions.exchanges * (IsEnd(KindOf(key)) ? in_.conditions.ends : 1);
  if (share != 1) step.work = std::llround(static_cast<double>(step.work) * share);
  return step;
}

}  // namespace orrery::scenarios
