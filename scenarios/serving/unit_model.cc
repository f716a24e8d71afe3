#include "scenarios/serving/unit_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/config/key_error.h"
#include "core/engine/stream_engine.h"
#include "core/engine/timeline.h"
#include "models/memory/memory.h"
#include "models/serving/step_program.h"
#include "models/spec/attention_design.h"
#include "scenarios/step/placement.h"

namespace orrery::scenarios {
namespace {

using models::ServedPart;

/// Runs `make`; an InputError in it is about the key that asked for it.
template <class F>
auto AtKey(const std::string& key, F&& make) -> decltype(make()) {
  try {
    return make();
  } catch (const KeyError&) {
    throw;
  } catch (const InputError& e) {
    throw KeyError(key, e.what());
  }
}

std::string KernelsKey(const UnitPlan& unit) {
  return "serving." + std::string(Name(unit.role)) + ".exchange.kernels";
}

std::shared_ptr<const Machine> MachineOf(const ServingScenario& s, const UnitPlan& unit) {
  auto cost = AtKey("calibration", [&] { return hw::CostModel::Load(s.cluster.device, s.calibration); });
  auto normal =
      AtKey(KernelsKey(unit), [&] { return hw::ExchangeModel::Load(s.cluster.device, unit.kernels); });
  return std::make_shared<const Machine>(ClusterOf(s, unit), std::move(cost), std::move(normal));
}

Program ProgramOf(const UnitPlan& unit) {
  return unit.role == UnitRole::kDecode ? models::DecodeProgram(unit.shape)
                                        : models::PrefillProgram(unit.shape);
}

/// Prompts are the same on every rank.
models::UnitBatch EvenOf(const UnitPlan& unit, const models::UnitBatch& batch) {
  return unit.role == UnitRole::kDecode ? models::EvenBatch(batch) : batch;
}

template <class First>
EngineResult Play(const std::vector<Program>& programs, int ranks, ServingPrices& prices, First& observer,
                  const RunControl& control) {
  StreamEngine<ServingPrices, First, models::kServingStreams> engine(programs, ranks, ranks, prices,
                                                                     observer);
  return engine.Run([&control](double share) { control.Tell(share); });
}

/// Adds what a part took to a report's parts; `share`: of it that counts.
class PartSums {
 public:
  PartSums(const UnitOutcome& outcome, const UnitPlan& unit) : outcome_(outcome), unit_(unit) {}

  /// Of the MoE layers of the main model, in seconds of a mean GPU.
  ServingParts Layers() const {
    ServingParts parts;
    for (const ServedPart part : {ServedPart::kAttentionInput, ServedPart::kAttentionCore,
                                  ServedPart::kShared, ServedPart::kExperts}) {
      AddKernels(part, &parts);
    }
    AddExchange(ServedPart::kDispatchSend, ServedPart::kDispatch, ServedPart::kDispatchReceive,
                &parts.dispatch, &parts.dispatch_barrier, &parts);
    AddExchange(ServedPart::kCombineSend, ServedPart::kCombine, ServedPart::kCombineReceive, &parts.combine,
                &parts.combine_barrier, &parts);
    return parts;
  }

  ServingParts Step() const {
    ServingParts parts = Layers();
    parts.dense_layers = Busy(ServedPart::kDenseLayer, false, &parts);
    parts.head = Busy(ServedPart::kHead, false, &parts) + Busy(ServedPart::kEmbedding, false, &parts);
    parts.sampling = Busy(ServedPart::kSampling, false, &parts);
    parts.host = Busy(ServedPart::kHost, false, &parts);
    const bool decode = unit_.role == UnitRole::kDecode;
    for (int p = 0; p < models::kServedParts; ++p) {
      const PartTimes& t = outcome_.observer->At(static_cast<ServedPart>(p), true);
      const bool flight = IsFlight(static_cast<ServedPart>(p));
      if (flight) continue;
      parts.speculation += Mean(t.busy + (decode ? t.waited + t.barrier : 0));
      if (!decode) parts.bubble += Mean(t.waited);
    }
    return parts;
  }

 private:
  static bool IsFlight(ServedPart part) {
    return part == ServedPart::kDispatch || part == ServedPart::kCombine;
  }
  double Mean(double picoseconds) const { return picoseconds * 1e-12 / unit_.ranks; }

  double Busy(ServedPart part, bool in_mtp, ServingParts* parts) const {
    const PartTimes& t = outcome_.observer->At(part, in_mtp);
    parts->bubble += Mean(t.waited);
    return Mean(t.busy);
  }

  void AddKernels(ServedPart part, ServingParts* parts) const {
    const double busy = Busy(part, false, parts);
    const KernelTimes& times = outcome_.prices->Kernels(part);
    const double total = times.Total();
    if (total == 0) return;
    const auto of = [&](KernelClass c) { return busy * times.of_class[static_cast<std::size_t>(c)] / total; };
    parts->attention_core += of(KernelClass::kAttentionCore);
    parts->gemm += of(KernelClass::kGemm);
    parts->experts += of(KernelClass::kExperts);
    parts->other_kernels += of(KernelClass::kOther);
    parts->gaps += of(KernelClass::kGaps);
  }

  void AddExchange(ServedPart send, ServedPart flight, ServedPart receive, double* time, double* barrier,
                   ServingParts* parts) const {
    if (unit_.role == UnitRole::kPrefill) {
      const PartTimes& t = outcome_.observer->At(flight, false);
      *time += Mean(t.busy);
      *barrier += Mean(t.barrier);
      parts->exchange_idle += Mean(t.waited);
      return;
    }
    *time += Busy(send, false, parts);
    const PartTimes& t = outcome_.observer->At(receive, false);
    *time += Mean(t.busy + t.waited);
    *barrier += Mean(t.barrier);
  }

  const UnitOutcome& outcome_;
  const UnitPlan& unit_;
};

ServingParts Over(ServingParts p, double count) {
  for (double* part : {&p.attention_core, &p.gemm, &p.experts, &p.other_kernels, &p.gaps, &p.dispatch,
                       &p.dispatch_barrier, &p.combine, &p.combine_barrier, &p.bubble, &p.exchange_idle}) {
    *part /= count;
  }
  return p;
}

models::UnitMemory MemoryOf(const ServingScenario& s, const UnitPlan& unit, const models::UnitBatch& batch) {
  models::UnitMemory memory;
  memory.weights = models::UnitWeights(s.model, unit.layout);
  std::int64_t most = 0, tokens = 0;
  for (const auto& rank : batch) {
    std::int64_t of_rank = models::CachedTokens(rank);
    for (const models::Batch& b : rank) {
      of_rank += b.tokens();
      tokens = std::max(tokens, b.tokens());
    }
    most = std::max(most, of_rank);
  }
  const auto design = models::MakeDesign(models::OwnDesign(s.model.attention), s.model.attention);
  memory.cache = models::CacheBytesPerToken(s.model, design, s.cache, unit.layout.with_mtp) * most;
  models::LayerShape shape;
  shape.batch = batch.front().front();
  shape.shard = ShardOf(unit);
  if (s.model.moe) {
    const std::int64_t rows = tokens * s.model.moe->top_k / shape.shard.local_experts;
    shape.batch.routed.expert_rows.assign(static_cast<std::size_t>(shape.shard.local_experts), rows);
    shape.batch.routed.unique_rows = std::max<std::int64_t>(1, tokens);
  }
  const auto kind = s.model.moe ? models::LayerKind::kMoe : models::LayerKind::kDense;
  memory.workspace = models::ForwardWorkspace(s.model, kind, shape);
  if (unit.shape.exchanges) {
    memory.exchange = unit.role == UnitRole::kDecode
                          ? models::LowLatencyBuffers(s.model, unit.slots, tokens)
                          : models::ExpertExchangeBuffers(s.model, unit.ranks, unit.lent_sms);
  }
  memory.reserve = models::kFrameworkReserve;
  return memory;
}

double CacheMaxOverMean(const models::UnitBatch& batch) {
  std::int64_t most = 0, all = 0;
  for (const auto& rank : batch) {
    const std::int64_t cached = models::CachedTokens(rank);
    most = std::max(most, cached);
    all += cached;
  }
  return all > 0 ? static_cast<double>(most) * static_cast<double>(batch.size()) / static_cast<double>(all)
                 : 1;
}

}  // namespace

UnitModel::UnitModel(ServingScenario scenario, UnitPlan unit, const RunControl& control)
    : scenario_(std::move(scenario)),
      unit_(std::move(unit)),
      machine_(MachineOf(scenario_, unit_)),
      program_(ProgramOf(unit_)),
      batch_(BatchOf(scenario_, unit_)),
      even_batch_(EvenOf(unit_, batch_)),
      loads_(scenario_, unit_, batch_, scenario_.even_experts, control.Part(0, 0.9)),
      even_loads_(scenario_, unit_, even_batch_, true, control.Part(0.9, 1)) {
  if (unit_.role == UnitRole::kDecode) {
    split_ = AtKey(KernelsKey(unit_),
                   [&] { return hw::SplitExchange::Load(scenario_.cluster.device, unit_.kernels); });
  }
}

UnitOutcome UnitModel::Simulate(const Conditions& conditions, const Inputs& inputs,
                                const RunControl& control) const {
  const UnitPriceInputs in = InputsOf(machine_->cost, conditions);
  const bool even_caches = inputs.even_caches || conditions.EvenLoads();
  const bool even_experts = inputs.even_experts || conditions.EvenLoads();
  UnitOutcome outcome;
  outcome.prices = std::make_unique<ServingPrices>(in, even_caches ? even_batch_ : batch_,
                                                   even_experts ? even_loads_ : loads_);
  const ServedPart mark = unit_.role == UnitRole::kDecode && unit_.shape.exchanges
                              ? ServedPart::kDispatchSend
                              : ServedPart::kAttentionInput;
  outcome.observer = std::make_unique<UnitObserver>(unit_.ranks, unit_.shape, mark);
  const std::vector<Program> programs{program_};
  EngineResult result;
  if (inputs.timeline) {
    TimelineRecorder recorder(unit_.ranks, models::kServingStreams);
    BothObservers both(recorder, *outcome.observer);
    result = Play(programs, unit_.ranks, *outcome.prices, both, control);
    outcome.timeline = recorder.Take();
  } else {
    result = Play(programs, unit_.ranks, *outcome.prices, *outcome.observer, control);
  }
  outcome.step_s = static_cast<double>(result.end) * 1e-12;
  outcome.events = result.events;
  outcome.steps = result.steps;
  outcome.gpus = unit_.ranks;
  return outcome;
}

UnitPriceInputs UnitModel::InputsOf(const hw::CostModel& cost, const Conditions& conditions) const {
  UnitPriceInputs in;
  in.scenario = &scenario_;
  in.unit = &unit_;
  in.cost = &cost;
  in.normal = &machine_->exchange;
  in.split = split_ ? &*split_ : nullptr;
  in.conditions = conditions;
  if (unit_.role == UnitRole::kPrefill && unit_.shape.exchanges) {
    const int gpus = machine_->cluster.devices();
    in.exchange_stretch = PlaceOn(*machine_, {1, gpus, unit_.ranks, 1})->exchange_stretch;
  }
  return in;
}

double UnitModel::FoldedStep(const hw::CostModel& cost, const Conditions& conditions) const {
  UnitPriceInputs in = InputsOf(cost, conditions);
  in.ranks = 1;
  ServingPrices prices(in, even_batch_, even_loads_);
  NullObserver observer;
  const std::vector<Program> programs{program_};
  return static_cast<double>(Play(programs, 1, prices, observer, RunControl()).end) * 1e-12;
}

hw::Range90 UnitModel::Uncertainty(const RunControl& control) const {
  constexpr std::size_t kDraws = 64;
  const hw::PriceErrors errors = machine_->cost.Errors();
  const double deviation = !unit_.shape.exchanges ? 0
                           : split_               ? split_->Deviation()
                                                  : machine_->exchange.Deviation();
  const double base = FoldedStep(machine_->cost, {});
  std::vector<double> logs(kDraws);
  ParallelParts parts(control, kDraws);
  ParallelFor(kDraws, [&](std::size_t i) {
    RandomStream random(scenario_.seed, "resample", {i});
    const hw::CostModel drawn = machine_->cost.Perturbed(errors.Draw(&random));
    Conditions conditions;
    conditions.transfers = std::exp(deviation * random.Normal());
    logs[i] = std::log(FoldedStep(drawn, conditions) / base);
    parts.Done();
  });
  double mean = 0, squares = 0;
  for (const double log : logs) mean += log / kDraws;
  for (const double log : logs) squares += (log - mean) * (log - mean);
  return hw::LogNormal90(mean, std::sqrt(squares / (kDraws - 1)));
}

StepOutcome UnitModel::Step(const Conditions& conditions, const RunControl& control) const {
  return Simulate(conditions, {}, control);
}

double UnitModel::StepSeconds(bool even_caches, bool even_experts, const RunControl& control) const {
  return Simulate({}, {.even_caches = even_caches, .even_experts = even_experts}, control).step_s;
}

UnitResult UnitModel::Summarise(const UnitOutcome& outcome, const RunControl& control) const {
  UnitResult r;
  r.role = unit_.role;
  r.gpus = unit_.ranks;
  r.nodes = static_cast<int>(CeilDiv(unit_.ranks, scenario_.cluster.devices_per_node));
  r.slots_per_gpu = unit_.slots / unit_.ranks;
  for (const models::Batch& b : batch_.front()) {
    r.positions_per_gpu += b.tokens();
    r.requests_per_gpu += b.count();
  }
  r.step_s = outcome.step_s;
  const PartSums sums(outcome, unit_);
  r.parts = sums.Step();
  const int layers = unit_.shape.moe_layers;
  if (layers > 0) r.layer = Over(sums.Layers(), layers);
  const auto& starts = outcome.observer->layer_starts();
  if (layers > 2) {
    r.layer_s = (starts.back() - starts[1]) * 1e-12 / unit_.ranks / (layers - 2);
  } else if (layers > 0) {
    r.layer_s = r.layer.Compute() + r.layer.dispatch + r.layer.combine;
  }
  KernelTimes all;
  const auto add = [&](ServedPart part, double times) {
    all.Add(outcome.prices->Kernels(part), times * unit_.shape.micro_batches);
  };
  const models::StepShape& shape = unit_.shape;
  for (const ServedPart part :
       {ServedPart::kAttentionInput, ServedPart::kAttentionCore, ServedPart::kShared, ServedPart::kExperts}) {
    add(part, shape.moe_layers > 0 ? shape.KeyedLayers() : 0);
  }
  add(ServedPart::kDenseLayer, shape.dense_layers + (shape.moe_layers == 0 ? shape.mtp_modules : 0));
  add(ServedPart::kEmbedding, 1);
  add(ServedPart::kMtpInput, shape.mtp_modules);
  const double ends = unit_.role == UnitRole::kDecode ? 1 + shape.mtp_modules : 1;
  add(ServedPart::kHead, ends);
  add(ServedPart::kSampling, ends);
  r.bound_s = all.bound * 1e-12;
  for (std::size_t p = 0; p < r.provenance_shares.size(); ++p)
    r.provenance_shares[p] = all.of_provenance[p] / all.Total();
  r.imbalance.even = r.step_s;
  r.cache_max_over_mean = CacheMaxOverMean(batch_);
  r.experts_hottest_over_mean = loads_.hottest_over_mean();
  const bool caches_differ = batch_ != even_batch_, experts_differ = !loads_.even();
  if (caches_differ || experts_differ) {
    r.imbalance.even = StepSeconds(true, true, control);
    if (caches_differ) r.imbalance.cache = StepSeconds(false, true, control) - r.imbalance.even;
    if (experts_differ) r.imbalance.experts = StepSeconds(true, false, control) - r.imbalance.even;
    r.imbalance.waiting = r.step_s - r.imbalance.even - r.imbalance.cache - r.imbalance.experts;
  }
  const bool decode = unit_.role == UnitRole::kDecode;
  const double per_request = decode ? scenario_.speculation.TokensPerStep() : 0;
  r.tokens_per_step = decode ? static_cast<double>(r.requests_per_gpu) * per_request
                             : static_cast<double>(r.positions_per_gpu);
  r.tokens_per_s_per_gpu = r.tokens_per_step / r.step_s;
  r.tokens_per_s_per_node = r.tokens_per_s_per_gpu * scenario_.cluster.devices_per_node;
  r.request_tokens_per_s = per_request / r.step_s;
  r.memory = MemoryOf(scenario_, unit_, batch_);
  const auto design =
      models::MakeDesign(models::OwnDesign(scenario_.model.attention), scenario_.model.attention);
  r.cache_bytes_per_token =
      models::CacheBytesPerToken(scenario_.model, design, scenario_.cache, unit_.layout.with_mtp).count;
  r.device_memory = scenario_.cluster.device.memory.count;
  r.fits = r.memory.Fits(scenario_.cluster.device.memory);
  r.calibration = machine_->cost.sources();
  if (unit_.shape.exchanges) r.calibration.push_back(split_ ? split_->source() : machine_->exchange.source());
  r.factors_90 = Uncertainty(control);
  r.events = outcome.events;
  r.steps = outcome.steps;
  return r;
}

}  // namespace orrery::scenarios
