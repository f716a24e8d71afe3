#include "scenarios/serving/unit_prices.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>

#include "core/op/op_traits.h"
#include "models/serving/part_ops.h"

namespace orrery::scenarios {
namespace {

using models::ServedPart;

KernelClass ClassOf(const Op& op) {
  const OpTraits& traits = Traits(op.kind);
  if (traits.shape == ShapeKind::kAttention) return KernelClass::kAttentionCore;
  if (traits.shape != ShapeKind::kGemm) return KernelClass::kOther;
  return traits.ragged == Ragged::kNone ? KernelClass::kGemm : KernelClass::kExperts;
}

/// Picoseconds that an op takes at the data sheet's rates, on all SMs.
double BoundOf(const Op& op, const hw::Device& device) {
  const bool fp8 = Traits(op.kind).precision == Precision::kFp8;
  const double peak = fp8 ? device.fp8.value : device.bf16.value;
  const double flops = peak > 0 ? op.flops().count / peak : 0;
  return 1e12 * std::max(flops, static_cast<double>(op.bytes().count) / device.memory_rate.value);
}

bool ByRows(ServedPart part) {
  return part == ServedPart::kExperts || part == ServedPart::kDispatchReceive ||
         part == ServedPart::kCombineSend;
}
bool InLayer(ServedPart part) {
  return (part >= ServedPart::kAttentionInput && part <= ServedPart::kCombineReceive);
}
bool IsFlight(ServedPart part) { return part == ServedPart::kDispatch || part == ServedPart::kCombine; }

/// A block of kernels, priced.
struct Block {
  StepPrice price;
  KernelTimes times;
};

class Pricer {
 public:
  explicit Pricer(const UnitPriceInputs& in)
      : in_(in),
        spec_(in.scenario->model),
        decode_(in.unit->role == UnitRole::kDecode),
        sms_(in.cost->device().sms - (in.conditions.lend_sms ? in.unit->lent_sms : 0)),
        gap_(static_cast<double>(
                 in.cost->launch_gap(decode_ ? hw::Launching::kGraph : hw::Launching::kStream).count()) *
             in.conditions.launch_gaps) {}

  Block Kernels(ServedPart part, const models::Batch& batch, const models::RoutedRows& routed) const {
    models::LayerShape shape;
    shape.batch = batch;
    shape.batch.routed = routed;
    shape.shard = ShardOf(*in_.unit);
    const bool end = part == ServedPart::kEmbedding || part >= ServedPart::kMtpInput;
    return PriceAll(models::PartOps(spec_, part, in_.unit->pass(), shape), end ? in_.conditions.ends : 1);
  }

  /// Picoseconds from posting to having received, by what a rank sends or receives.
  double SplitAlone(ServedPart part, const UnitLoad& load, bool received) const {
    hw::SplitLoad bytes;
    bytes.kind = part == ServedPart::kDispatch ? hw::ExchangeKind::kDispatch : hw::ExchangeKind::kCombine;
    bytes.nodes = static_cast<int>(CeilDiv(in_.unit->ranks, in_.scenario->cluster.devices_per_node));
    const auto pair = static_cast<double>(PairBytes(bytes.kind));
    const auto of = [pair](double pairs) { return Bytes{std::llround(pairs * pair)}; };
    bytes.scale_out_sent = of(load.out_sent);
    bytes.scale_out_received = of(load.out_received);
    bytes.scale_up_sent = of(load.up_sent);
    bytes.scale_up_received = of(load.up_received);
    if (bytes.kind == hw::ExchangeKind::kCombine) {  // the same pairs the other way
      std::swap(bytes.scale_out_sent, bytes.scale_out_received);
      std::swap(bytes.scale_up_sent, bytes.scale_up_received);
    }
    return static_cast<double>(in_.split->Alone(bytes, received).count()) * in_.conditions.transfers *
           in_.conditions.exchanges;
  }

  /// The payload of a normal exchange.
  StepPrice Normal(ServedPart part, const UnitLoad& load) const {
    const bool dispatch = part == ServedPart::kDispatch;
    const hw::ExchangeKind kind = dispatch ? hw::ExchangeKind::kDispatch : hw::ExchangeKind::kCombine;
    const hw::PairBytes pair = hw::NormalPairBytes(kind, spec_.hidden, spec_.moe->top_k, in_.scenario->fp8);
    const auto of = [&pair](double pairs) {
      return Bytes{std::llround(pairs * static_cast<double>(pair.wire.count))};
    };
    const hw::ExchangePrice price = in_.normal->Price(
        kind, {of(load.out_sent), of(load.out_received), of(load.up_sent), of(load.up_received)});
    const double factor = in_.exchange_stretch * in_.conditions.transfers * in_.conditions.exchanges;
    StepPrice step;
    step.work = std::llround(static_cast<double>(price.alone.count()) * factor);
    if (price.alone.count() > 0 && in_.conditions.lend_sms) {
      const double ratio =
          static_cast<double>(price.beside_compute.count()) / static_cast<double>(price.alone.count());
      step.contended = static_cast<float>(std::max(0.0, ratio - 1));
    }
    step.port = static_cast<float>(price.scale_out_share);
    return step;
  }

 private:
  std::int64_t PairBytes(hw::ExchangeKind kind) const {
    const bool fp8 = in_.scenario->fp8 && hw::IsDispatch(kind);
    return fp8 ? hw::LowLatencyPairBytes(kind, spec_.hidden).count : std::int64_t{2} * spec_.hidden;
  }

  Block PriceAll(const std::vector<models::PlacedOp>& ops, double factor) const {
    Block block;
    double alone = 0, contended = 0;
    for (const auto& [op, count, block_of_op] : ops) {
      const bool is_cast = Traits(op.kind).is_cast;
      if (is_cast && in_.conditions.casts == 0) continue;
      const double times = static_cast<double>(count) * factor * (is_cast ? in_.conditions.casts : 1);
      const hw::Price price = in_.cost->PriceOp(op, sms_);
      const double time = static_cast<double>(price.time.count()) * times;
      const double beside = static_cast<double>(price.beside.count()) * times;
      const double gaps = gap_ * static_cast<double>(count) * factor;
      alone += time + gaps;
      contended += (in_.unit->lent_sms > 0 && in_.conditions.lend_sms ? beside : time) + gaps;
      block.times.of_class[static_cast<std::size_t>(ClassOf(op))] += time;
      block.times.of_class[static_cast<std::size_t>(KernelClass::kGaps)] += gaps;
      block.times.of_provenance[static_cast<std::size_t>(price.provenance)] += time;
      block.times.bound += BoundOf(op, in_.cost->device()) * times;
    }
    block.times.of_provenance[static_cast<std::size_t>(in_.cost->launch_gap_provenance())] +=
        block.times.of_class[static_cast<std::size_t>(KernelClass::kGaps)];
    block.price.work = std::llround(alone);
    block.price.contended = alone > 0 ? static_cast<float>(std::max(0.0, contended / alone - 1)) : 0;
    return block;
  }

  const UnitPriceInputs& in_;
  const models::ModelSpec& spec_;
  bool decode_;
  int sms_;
  double gap_;
};

/// Blocks priced before: most ranks are given what another was given.
class Known {
 public:
  explicit Known(const Pricer& pricer) : pricer_(pricer) {}
  const Block& Of(ServedPart part, const models::Batch& batch, const models::RoutedRows& routed) {
    std::string key(1, static_cast<char>(part));
    const auto add = [&key](std::int64_t value) {
      char bytes[sizeof value];
      std::memcpy(bytes, &value, sizeof value);
      key.append(bytes, sizeof value);
    };
    const bool by_rows = ByRows(part);
    if (!by_rows) {
      for (const models::SequenceSpan& s : batch.sequences) add(s.count), add(s.tokens), add(s.cached);
    } else {
      for (const std::int64_t rows : routed.expert_rows) add(rows);
      add(routed.unique_rows);
    }
    const auto known = blocks_.find(key);
    if (known != blocks_.end()) return known->second;
    return blocks_.emplace(std::move(key), pricer_.Kernels(part, batch, routed)).first->second;
  }

 private:
  const Pricer& pricer_;
  std::unordered_map<std::string, Block> blocks_;
};

}  // namespace

double KernelTimes::Total() const {
  double total = 0;
  for (const double time : of_class) total += time;
  return total;
}

void KernelTimes::Add(const KernelTimes& other, double times) {
  for (std::size_t i = 0; i < of_class.size(); ++i) of_class[i] += times * other.of_class[i];
  for (std::size_t i = 0; i < of_provenance.size(); ++i) of_provenance[i] += times * other.of_provenance[i];
  bound += times * other.bound;
}

ServingPrices::ServingPrices(const UnitPriceInputs& in, const models::UnitBatch& batch,
                             const UnitLoads& loads)
    : instances_(static_cast<std::size_t>(std::max(1, in.unit->shape.KeyedLayers())) * 2),
      ranks_(static_cast<std::size_t>(in.ranks > 0 ? in.ranks : in.unit->ranks)) {
  prices_.resize(models::kServedParts * instances_ * ranks_);
  const Pricer pricer(in);
  Known known(pricer);
  const models::StepShape& shape = in.unit->shape;
  const int ranks = static_cast<int>(ranks_);
  const bool decode = in.unit->role == UnitRole::kDecode;
  const int layers = static_cast<int>(instances_ / 2);
  const bool has_experts = in.scenario->model.moe.has_value();
  for (int p = 0; p < models::kServedParts; ++p) {
    const auto part = static_cast<ServedPart>(p);
    KernelTimes& mean = kernels_[static_cast<std::size_t>(p)];
    if (InLayer(part) && !has_experts) continue;
    if (part == ServedPart::kDenseLayer && shape.dense_layers == 0) continue;
    if (part == ServedPart::kMtpInput && shape.mtp_modules == 0) continue;
    for (int layer = 0; layer < layers; ++layer) {
      for (int m = 0; m < shape.micro_batches; ++m) {
        for (int rank = 0; rank < ranks; ++rank) {
          StepPrice& price =
              prices_[IndexOf(static_cast<std::uint32_t>(p), models::StepInstance(layer, m), rank)];
          const models::Batch& of_rank = batch[static_cast<std::size_t>(rank)][static_cast<std::size_t>(m)];
          const UnitLoad& load = loads.At(layer, m, rank);
          if (part == ServedPart::kHost) {
            price.work = in.scenario->host.count();
          } else if (!IsFlight(part)) {
            const Block& block = known.Of(part, of_rank, load.routed);
            price = block.price;
            mean.Add(block.times);
          } else if (shape.exchanges && !decode) {
            price = pricer.Normal(part, load);
          }
        }
      }
    }
    const double count = static_cast<double>(layers) * shape.micro_batches * ranks;
    KernelTimes whole = mean;
    mean = {};
    mean.Add(whole, 1 / count);
  }
  if (!decode || !shape.exchanges) return;
  // The split: what is measured runs from posting to having received, so that the two kernels come off the flight. A rank
  // that receives more than it sends waits for the rest as it receives.
  constexpr std::array kSplits = {
      std::array{ServedPart::kDispatchSend, ServedPart::kDispatch, ServedPart::kDispatchReceive},
      std::array{ServedPart::kCombineSend, ServedPart::kCombine, ServedPart::kCombineReceive}};
  for (const auto& [send, flight, receive] : kSplits) {
    for (int layer = 0; layer < layers; ++layer) {
      for (int m = 0; m < shape.micro_batches; ++m) {
        for (int rank = 0; rank < ranks; ++rank) {
          const auto at = [&](ServedPart part) -> StepPrice& {
            return prices_[IndexOf(static_cast<std::uint32_t>(part), models::StepInstance(layer, m), rank)];
          };
          const UnitLoad& load = loads.At(layer, m, rank);
          for (const ServedPart kernel : {send, receive})
            at(kernel).work = std::llround(static_cast<double>(at(kernel).work) * in.conditions.exchanges);
          const auto sent = std::llround(pricer.SplitAlone(flight, load, false));
          const auto received = std::llround(pricer.SplitAlone(flight, load, true));
          at(flight).work = std::max<std::int64_t>(0, sent - at(send).work - at(receive).work);
          at(receive).work += std::max<std::int64_t>(0, received - sent);
        }
      }
    }
  }
}

}  // namespace orrery::scenarios
