#include "scenarios/studies/routing_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/units.h"
#include "models/routing/sampling/load_table.h"
#include "models/routing/sources/expert_choice.h"

namespace orrery::scenarios {
namespace {

using models::BalanceStats;
using models::ExpertLoads;

constexpr int kMicroBatches = 8;  // sampled for MicroBatchBalance

/// The micro-batches sampled: the first, or where slots are replanned those of a period between two plans
/// made in the run, evenly spread.
int SampledMicroBatch(const models::LoadSource& source, int i) {
  const int every = source.placement().replanned_every;
  if (every == 0) return i;
  return every + (every < kMicroBatches ? i : static_cast<int>(std::int64_t{every} * i / kMicroBatches));
}

double HottestRank(std::span<const double> load, const models::ExpertPlacement& placement, int ranks) {
  return models::Balance(models::RankLoads(load, placement, ranks)).max_vio;
}

/// The relative loads of a source's tables as a heat map.
ExpertLoads LoadsOf(const models::LoadSource& source, int layers, int experts, int top_k) {
  const std::vector<double> share = source.DomainShares();
  const std::size_t domains = share.size(), n = static_cast<std::size_t>(experts);
  ExpertLoads out{source.Describe(), {}, share, experts, 0, {}, true};
  for (std::size_t d = 0; d < domains; ++d) out.domains.push_back(fmt::format("domain {}", d + 1));
  for (int l = 0; l < layers; ++l) {
    auto& layer = out.load.emplace_back(domains);
    const std::vector<float>& slot = source.FindTable(l)->slot;
    for (std::size_t i = 0; i < domains * n; ++i) layer[i / n].push_back(double{slot[i]} * experts / top_k);
  }
  return out;
}

void AddBalance(const ExpertLoads& loads, RoutingReport* report) {
  std::vector<std::vector<BalanceStats>> by_domain(loads.domains.size());
  for (int l = 0; l < loads.layers(); ++l) {
    report->by_layer.push_back(models::Balance(loads.Mix(l)));
    for (std::size_t d = 0; d < by_domain.size(); ++d) {
      by_domain[d].push_back(models::Balance(loads.load[static_cast<std::size_t>(l)][d]));
    }
  }
  for (const auto& stats : by_domain) report->by_domain.push_back(models::MeanStats(stats));
  report->global = models::MeanStats(report->by_layer);
}

double HottestSampledRank(const models::LoadShape& shape, const std::vector<std::int32_t>& rows) {
  std::vector<double> rank(static_cast<std::size_t>(shape.ranks));
  const std::size_t each = rows.size() / rank.size();
  for (std::size_t e = 0; e < rows.size(); ++e) rank[e / each] += rows[e];
  return models::Balance(rank).max_vio;
}

double Excess(const std::vector<std::int32_t>& rows) {
  return models::Balance(models::Relative(std::vector<double>(rows.begin(), rows.end()))).max_vio;
}

/// MaxVio of experts; on planned slots an expert's rows are those of all its slots.
double ExpertMaxVio(const models::LoadSource& source, int layer, int micro_batch,
                    const models::ExchangeLoad& load) {
  if (!source.placement().eplb) return Excess(load.expert_rows);
  const std::vector<int> expert = source.PlacementAt(layer, micro_batch).expert_of;
  std::vector<std::int32_t> rows(static_cast<std::size_t>(source.routed_experts()));
  for (std::size_t s = 0; s < expert.size(); ++s) {
    const auto e = static_cast<std::size_t>(expert[s]);
    if (e < rows.size()) rows[e] += load.expert_rows[s];  // beyond: a shared one, every token's
  }
  return Excess(rows);
}

/// Adds one micro-batch of one layer with weight `w`.
void AddMicroBatch(const models::LoadSource& source, const models::ExchangeLoad& load, double w,
                   MicroBatchBalance* out) {
  const models::LoadShape& shape = source.shape();
  const auto tokens = static_cast<double>(shape.Tokens());
  out->hottest_rank += w * HottestSampledRank(shape, load.expert_rows);
  out->gpus_per_token += w * std::accumulate(load.unique_rows.begin(), load.unique_rows.end(), 0.0) / tokens;
  if (out->hottest_slot) *out->hottest_slot += w * Excess(load.expert_rows);
  if (out->lost) *out->lost += w * static_cast<double>(load.dropped_rows) / (tokens * shape.top_k);
  const std::vector<double> relative =
      models::Relative(std::vector<double>(load.expert_rows.begin(), load.expert_rows.end()));
  for (auto& [factor, dropped] : out->dropped)
    for (double x : relative) dropped += w * std::max(0.0, x - factor) / static_cast<double>(relative.size());
}

MicroBatchBalance SampleMicroBatches(const models::LoadSource& source, int layers,
                                     const RunControl& control) {
  MicroBatchBalance out;
  if (source.shape().capacity_factor > 0) out.lost = 0;
  if (source.placement().eplb) out.hottest_slot = 0;
  for (double factor : {1.0, 1.25, 1.5, 2.0})
    if (!out.lost) out.dropped.emplace_back(factor, 0.0);
  models::ExchangeLoad load;
  const double w = 1.0 / (layers * kMicroBatches);
  for (int i = 0; i < layers * kMicroBatches; ++i) {
    const int layer = i % layers, micro_batch = SampledMicroBatch(source, i / layers);
    control.Check();
    source.Sample(layer, micro_batch, 0, &load);
    AddMicroBatch(source, load, w, &out);
    out.max_vio += w * ExpertMaxVio(source, layer, micro_batch, load);
  }
  if (out.lost && source.SampleTokenByToken(0, 0, 0, &load)) out.lost_weight = load.dropped_weight;
  const std::vector<double> share = source.DomainShares();
  for (int l = 0; l < layers; ++l) {
    const auto& nodes = source.FindTable(l)->nodes_mean;
    for (std::size_t d = 0; d < nodes.size(); ++d)
      out.nodes_per_token += share[d] * double{nodes[d]} / layers;
  }
  return out;
}

models::UpdateRule RuleOf(const models::RoutingSection& section) {
  switch (section.strategy) {
    case models::Strategy::kLossFree:
    case models::Strategy::kLossFreePlus:
      return section.update;
    case models::Strategy::kSequenceLoss:
    case models::Strategy::kBatchLoss:
      return models::UpdateRule::kAuxiliaryLoss;
    default:
      return models::UpdateRule::kNone;
  }
}

/// What experts that choose make of tokens. The source's experts are in expert order.
std::optional<ChoiceBalance> ChoiceOf(const models::LoadSource& source, int layers, int moe_layers) {
  if (source.ExpertsPerToken(0).empty()) return std::nullopt;
  ChoiceBalance out;
  for (int l = 0; l < layers; ++l) {
    const std::vector<double> share = source.ExpertsPerToken(l);
    if (share.size() > out.experts_share.size()) out.experts_share.resize(share.size());
    for (std::size_t j = 0; j < share.size(); ++j) out.experts_share[j] += share[j] / layers;
  }
  double square = 0;
  for (std::size_t j = 0; j < out.experts_share.size(); ++j) {
    out.mean += static_cast<double>(j) * out.experts_share[j];
    square += static_cast<double>(j * j) * out.experts_share[j];
  }
  out.deviation = std::sqrt(std::max(0.0, square - out.mean * out.mean));
  out.leak_bits_per_token_layer = models::ChoiceLeakBits(source.shape().top_k, source.shape().experts);
  out.leak_bits_per_token = out.leak_bits_per_token_layer * moe_layers;
  return out;
}

/// Whether a training run shows how the strategy settles: it needs a router that something balances by its
/// loads.
bool HasTrace(models::Strategy s) {
  return s != models::Strategy::kBalanced && s != models::Strategy::kExpertChoice;
}

models::TrainingOptions TrainingOf(const RoutingRequest& request, const RoutingReport& report) {
  const models::RoutingSection& section = request.section;
  models::TrainingOptions o;
  o.affinity = section.options.affinity;
  o.gate = {report.experts, report.top_k, report.groups, report.top_groups};
  o.rule = RuleOf(section);
  o.rate = section.rate;
  o.rate_until = section.rate_until;
  o.shift_step = section.shift_step, o.shift = section.shift;
  if (models::PullsDomains(section.strategy)) {
    o.pull = models::PullOf(section.options, request.training);
  } else {
    o.feedback = section.options.balance.feedback;
  }
  o.steps = request.steps;
  o.batch_sequences = request.batch_sequences;
  o.documents_per_sequence = (section.options.fewest_documents + section.options.most_documents) / 2.0;
  o.warm_up = std::min(1000, request.steps / 4);
  return o;
}

void AddTraining(const RoutingRequest& request, const RunControl& control, RoutingReport* report) {
  const models::TrainingOptions o = TrainingOf(request, *report);
  if (o.shift_step < 1 << 30 && o.shift_step + models::TrainingTrace::kWindow > o.steps)
    throw InputError(
        fmt::format("routing: a shift at step {} of {} training steps, expected {} or more after it",
                    o.shift_step, o.steps, models::TrainingTrace::kWindow));
  report->engine = models::EngineName(o);
  report->training = models::Train(o, request.seed, 0, control);
  for (int sequences : {1, 4, 16, 64, 256}) {
    report->computation.emplace_back(
        sequences,
        models::ComputationBatchMaxVio(o, *report->training, sequences, 100, request.seed, control));
  }
}

/// The mean of hottest(layer, domain) over layers, and over domains by their share.
template <class Hottest>
double MeanOver(const ExpertLoads& loads, Hottest hottest) {
  double sum = 0;
  for (const auto& layer : loads.load) {
    for (std::size_t d = 0; d < layer.size(); ++d) sum += loads.share[d] * hottest(layer, d);
  }
  return sum / loads.layers();
}

/// An eighth more slots than routed experts, rounded up to whole ranks. Shared experts stand among the
/// redundant ones.
int Slots(const ExpertLoads& loads, int ranks, int shared) {
  const int routed = loads.experts - shared;
  return static_cast<int>(RoundUp(routed + std::max(routed / 8, shared), ranks));
}

RankBalance BalanceAt(const ExpertLoads& loads, int groups, int ranks_per_node, int ranks, int shared,
                      const RunControl& control) {
  const int experts = loads.experts;
  RankBalance out{ranks, Slots(loads, ranks, shared), {}, {}, {}, {}};
  const auto plan = [&](std::span<const double> weight, int slots) {
    control.Check();
    return models::Eplb(weight, PlanShape(slots, groups, ranks, ranks_per_node));
  };
  if (experts % ranks == 0 && shared == 0) {
    const models::ExpertPlacement contiguous = models::ContiguousPlacement(experts);
    out.contiguous =
        MeanOver(loads, [&](const auto& layer, auto d) { return HottestRank(layer[d], contiguous, ranks); });
    out.eplb = MeanOver(loads, [&](const auto& layer, auto d) {
      return HottestRank(layer[d], plan(layer[d], experts), ranks);
    });
  }
  out.redundant = MeanOver(loads, [&](const auto& layer, auto d) {
    return HottestRank(layer[d], plan(layer[d], out.slots), ranks);
  });
  double stale = 0;
  for (int l = 0; l < loads.layers(); ++l) {
    const models::ExpertPlacement planned = plan(loads.Mix(l), out.slots);
    const auto& layer = loads.load[static_cast<std::size_t>(l)];
    for (std::size_t d = 0; d < layer.size(); ++d)
      stale += loads.share[d] * HottestRank(layer[d], planned, ranks);
  }
  out.stale = stale / loads.layers();
  return out;
}

}  // namespace

namespace {

/// The loads with shared experts after the routed ones.
ExpertLoads WithShared(ExpertLoads loads, int shared, double load) {
  for (auto& layer : loads.load) {
    for (auto& domain : layer) {
      domain = models::Relative(domain);
      domain.insert(domain.end(), static_cast<std::size_t>(shared), load);
    }
  }
  loads.experts += shared;
  return loads;
}

}  // namespace

models::EplbShape PlanShape(int slots, int groups, int ranks, int ranks_per_node) {
  const int nodes = ranks / ranks_per_node;
  const bool by_node = ranks % ranks_per_node == 0 && slots % nodes == 0;
  return {slots, groups, by_node ? nodes : 1, ranks};
}

std::vector<RankBalance> RankBalances(const ExpertLoads& routed, int groups, int ranks_per_node,
                                      const std::vector<int>& ranks, int shared_experts, double shared_load,
                                      const RunControl& control) {
  const bool shared = shared_experts > 0;
  const ExpertLoads loads = shared ? WithShared(routed, shared_experts, shared_load) : routed;
  std::vector<RankBalance> out;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const int r = ranks[i];
    control.Tell(static_cast<double>(i) / static_cast<double>(ranks.size()));
    if (r < 1 || r > 65536)
      throw InputError(fmt::format("routing: {} expert-parallel ranks, expected 1 to 65536", r));
    if (r <= 2 * loads.experts)
      out.push_back(BalanceAt(loads, shared ? 1 : groups, ranks_per_node, r, shared_experts, control));
  }
  return out;
}

RoutingRequest RequestFor(const models::ModelSpec& model, const models::RoutingSection& section) {
  if (!model.moe) throw InputError(fmt::format("routing: model '{}' has no experts", model.name));
  RoutingRequest r;
  r.model_notes = model.notes;
  r.model = model.name, r.moe = *model.moe, r.section = section;
  r.moe_layers = model.MoeLayers() + model.mtp_modules;
  r.training.experts = r.moe.routed_experts, r.training.top_k = r.moe.top_k;
  r.training.groups = r.moe.groups, r.training.top_groups = r.moe.top_groups;
  while (r.training.experts % r.training.ranks != 0) --r.training.ranks;
  if (r.training.ranks % r.training.ranks_per_node != 0)
    r.training.ranks_per_node = std::gcd(r.training.ranks, 8);
  return r;
}

namespace {

/// A report that names the model, strategy and geometry of the request.
RoutingReport Named(const RoutingRequest& request) {
  const models::LoadShape& shape = request.training;
  RoutingReport r;
  r.model = request.model;
  r.strategy = request.section.loads.empty() ? models::StrategyName(request.section.strategy) : "recorded";
  r.left_out = request.left_out, r.model_notes = request.model_notes;
  r.experts = shape.experts, r.top_k = shape.top_k, r.groups = shape.groups, r.top_groups = shape.top_groups;
  r.training_ranks = shape.ranks;
  r.placed_shared_experts = request.section.placement.shared_experts;
  r.moe_layers = request.moe_layers;
  return r;
}

}  // namespace

/// How much of a report's time its parts take, about: drawing loads is most of it, where no step is
/// simulated.
constexpr double kLoadsDone = 0.4, kRanksDone = 0.5, kSampledDone = 0.6, kTrainingDone = 0.8;

RoutingReport MakeRoutingReport(const RoutingRequest& request, const RunControl& control) {
  if (request.layers < 1)
    throw InputError(fmt::format("routing: {} layers, expected at least 1", request.layers));
  RoutingReport report = Named(request);
  const models::LoadShape& shape = request.training;
  const bool recorded = !request.section.loads.empty();
  int layers = std::min(request.layers, request.moe_layers), made = layers;
  if (recorded) {
    control.Tell(0, "reading loads");
    report.loads = models::ReadExpertLoads(request.section.loads, shape.experts, request.section.dense_layers,
                                           control.Part(0, 0));
    report.recorded_layers = report.loads.layers();
    // A short file's layers are all made anyway, so that the source knows where they start over.
    if (report.recorded_layers <= layers) made = request.moe_layers;
    layers = std::min(layers, report.recorded_layers);
    report.loads.load.resize(static_cast<std::size_t>(layers));
  }
  control.Tell(0, "drawing loads");
  const std::unique_ptr<models::LoadSource> source =
      models::MakeTableLoads(request.section, shape, request.step_time ? request.moe_layers : made,
                             request.seed, control.Part(0, kLoadsDone));
  control.Tell(kLoadsDone, "placing experts");
  report.source = source->Describe();
  if (!recorded) report.loads = LoadsOf(source->logical(), layers, shape.experts, shape.top_k);
  AddBalance(report.loads, &report);
  if (source->NotConverged() > 0) report.not_converged = source->NotConverged();
  report.ranks = RankBalances(report.loads, shape.groups, shape.ranks_per_node, request.ranks,
                              report.placed_shared_experts, double{1} * shape.experts / shape.top_k,
                              control.Part(kLoadsDone, kRanksDone));
  control.Tell(kRanksDone, "sampling micro-batches");
  report.micro_batch = SampleMicroBatches(*source, layers, control);
  control.Tell(kSampledDone, "training the router");
  if (request.section.shift_step < 1 << 30) report.shift_step = request.section.shift_step;
  const bool chooses = shape.top_k < shape.experts;  // else every token takes every expert
  if (!recorded && chooses && HasTrace(request.section.strategy) && request.steps > 0)
    AddTraining(request, control.Part(kSampledDone, kTrainingDone), &report);
  report.choice = ChoiceOf(source->logical(), layers, request.moe_layers);
  control.Tell(kTrainingDone, "simulating a step");
  if (request.step_time) report.step = request.step_time(*source, control.Part(kTrainingDone, 1));
  control.Tell(1);
  return report;
}

}  // namespace orrery::scenarios
