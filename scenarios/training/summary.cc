#include "scenarios/training/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "models/layers/flops.h"
#include "models/layers/optimizer_ops.h"
#include "models/routing/sources/expert_choice.h"
#include "models/routing/sources/synthetic_loads.h"
#include "models/spec/parameters.h"
#include "scenarios/training/memory_plan.h"

namespace orrery::scenarios {
namespace {

using models::StepKind;

constexpr double kPico = 1e-12;

/// Seconds in tasks of each kind, mean over the GPUs of a pipeline rank.
std::array<double, 5> MeanTasks(const TrainingOutcome& o, int rank) {
  std::array<double, 5> mean{};
  for (int c = 0; c < o.columns; ++c) {
    const TaskTimes& tasks = o.observer->Tasks(rank * o.columns + c);
    for (std::size_t k = 0; k < mean.size(); ++k)
      mean[k] += static_cast<double>(tasks.by_kind[k]) * kPico / o.columns;
  }
  return mean;
}

double At(const std::array<double, 5>& tasks, StepKind kind) { return tasks[static_cast<std::size_t>(kind)]; }

double Sum(const std::array<double, 5>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return sum;
}

/// What is left of the step of a pipeline rank that is busy for `busy_s`, beside its own optimizer step.
/// Where nothing is left, the sums differ by their rounding, which may be negative.
double BubbleOf(const TrainingOutcome& o, int rank, double busy_s) {
  const double left = o.end.end_s - busy_s - o.optimizers[static_cast<std::size_t>(rank)].AfterTasks();
  return std::abs(left) < 1e-9 * o.end.end_s ? 0 : left;
}

std::vector<PipelineRankReport> RanksOf(const TrainingModel& model, const TrainingOutcome& o) {
  const Scenario& s = model.scenario();
  const auto memory = MemoryOfRanks(s, model.schedule(), model.stages(), o.loads->mean());
  std::vector<PipelineRankReport> ranks;
  for (int rank = 0; rank < s.parallelism.pipeline; ++rank) {
    PipelineRankReport report;
    report.rank = rank;
    report.holds = model.Holds(rank);
    report.busy_s = Sum(MeanTasks(o, rank));
    report.optimizer_s = o.optimizers[static_cast<std::size_t>(rank)].AfterTasks();
    report.bubble_s = BubbleOf(o, rank, report.busy_s);
    for (int c = 0; c < o.columns; ++c) {
      const Idle& idle = o.observer->IdleOf(rank * o.columns + c);
      report.compute_idle_s += static_cast<double>(idle.straggler + idle.exchange) * kPico / o.columns;
    }
    std::vector<int> held;
    for (const auto& stage : model.schedule().StagesOf(rank)) held.push_back(stage.first);
    report.parameters =
        models::UniqueParametersPerRank(s.RankModel(), model.stages(), held, s.Holding()).Total();
    report.memory = memory[static_cast<std::size_t>(rank)];
    report.fits = report.memory.Fits(s.cluster.device.memory);
    ranks.push_back(std::move(report));
  }
  return ranks;
}

/// Seconds of a class of kernels, and by what prices rest on.
struct ClassSeconds {
  double all = 0;
  std::array<double, hw::kProvenances> by{};
  void Add(double seconds, hw::Provenance provenance) {
    all += seconds;
    by[static_cast<std::size_t>(provenance)] += seconds;
  }
};

std::vector<OpClassReport> ByTime(const std::map<std::string, ClassSeconds>& classes, double total) {
  std::vector<OpClassReport> reports;
  for (const auto& [name, s] : classes)
    reports.push_back({name, s.all, total > 0 ? s.all / total : 0, s.by[0], s.by[1], s.by[2], s.by[3]});
  std::stable_sort(reports.begin(), reports.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return reports;
}

/// Times of kernels by class and by provenance. A part's time is split over its kernels as at the mean load.
void Kernels(const TrainingOutcome& o, TrainingResult* result) {
  std::map<std::string, ClassSeconds> classes, others;
  double total = 0, provenance[hw::kProvenances] = {};
  for (std::uint32_t key = 0; key < models::kPriceKeys; ++key) {
    const auto kernels = o.prices->Kernels(key);
    double weight = 0;
    for (const KernelShare& k : kernels) weight += k.picoseconds;
    if (weight <= 0) continue;
    const double seconds = static_cast<double>(o.observer->WorkOf(key)) * kPico / o.gpus;
    for (const KernelShare& k : kernels) {
      const double share = seconds * k.picoseconds / weight;
      classes[k.op_class].Add(share, k.provenance);
      if (!hw::IsOwn(k.provenance)) others[k.op_class].Add(share, k.provenance);
      provenance[static_cast<std::size_t>(k.provenance)] += share;
      if (k.table >= 0) result->calibration_shares[static_cast<std::size_t>(k.table)] += share;
      if (models::IsExchange(static_cast<models::Part>(key % models::kParts)))
        result->calibration_shares.back() += share;
      total += share;
    }
  }
  result->op_classes = ByTime(classes, total);
  result->fell_back = ByTime(others, total);
  if (total <= 0) return;
  for (double& share : result->calibration_shares) share /= total;
  const auto share = [&](hw::Provenance p) { return provenance[static_cast<std::size_t>(p)] / total; };
  result->measured = share(hw::Provenance::kMeasured);
  result->derived = share(hw::Provenance::kDerived);
  result->scaled = share(hw::Provenance::kScaled);
  result->analytic = share(hw::Provenance::kAnalytic);
}

CommunicationReport CommunicationOf(const TrainingOutcome& o) {
  CommunicationReport c;
  for (int rank = 0; rank < o.gpus; ++rank) {
    const Idle& idle = o.observer->IdleOf(rank);
    c.exposed_s += static_cast<double>(idle.exchange) * kPico / o.gpus;
    c.straggler_s += static_cast<double>(idle.straggler) * kPico / o.gpus;
    c.pipeline_wait_s += static_cast<double>(idle.message) * kPico / o.gpus;
    c.exchange_s += static_cast<double>(o.observer->ExchangeTime(rank)) * kPico / o.gpus;
  }
  c.notify_s = static_cast<double>(o.observer->notify()) * kPico / o.gpus;
  c.messages_s = static_cast<double>(o.observer->WorkOf(models::kSendPrice)) * kPico / o.gpus;
  return c;
}

void Rates(const Scenario& s, TrainingResult* r) {
  r->tokens_per_step = static_cast<double>(s.TokensPerStep());
  r->tokens_per_day = r->tokens_per_step * 86400 / r->step_s;
  r->tokens_per_second_per_gpu = r->tokens_per_step / r->step_s / r->gpus;
  r->flops_per_token_causal =
      models::TrainingFlopsPerToken(s.model, s.workload.sequence_length, true).total().count;
  r->flops_per_token_noncausal =
      models::TrainingFlopsPerToken(s.model, s.workload.sequence_length, false).total().count;
  r->tflops_causal = r->flops_per_token_causal * r->tokens_per_second_per_gpu * 1e-12;
  r->tflops_noncausal = r->flops_per_token_noncausal * r->tokens_per_second_per_gpu * 1e-12;
  r->mfu_causal = r->tflops_causal * 1e12 / s.cluster.device.bf16.value;
  r->mfu_noncausal = r->tflops_noncausal * 1e12 / s.cluster.device.bf16.value;
  const models::ParameterCount p = models::CountParameters(s.model);
  r->parameters_total = p.total;
  r->parameters_active = p.activated;
  r->parameters_mtp = p.mtp;
}

int PairsOf(const TrainingModel& model, int rank) {
  int pairs = 0;
  for (StepKind kind : model.programs().task_kinds[static_cast<std::size_t>(rank)])
    pairs += kind == StepKind::kForwardBackward;
  return pairs;
}

/// Mean overlapped pair of the pipeline rank in the middle; 0 for schedules without pairs.
double PairMs(const TrainingModel& model, const TrainingOutcome& o) {
  const int middle = model.scenario().parallelism.pipeline / 2;
  const int pairs = PairsOf(model, middle);
  return pairs > 0 ? At(MeanTasks(o, middle), StepKind::kForwardBackward) / pairs * 1e3 : 0;
}

/// Beside the answer in short, here with why. 8 %: mean spread within a system, "Not All GPUs Are Created
/// Equal" (arXiv 2208.11035, abstract), five systems of V100, RTX 5000 and MI60.
constexpr const char* kLastingDifferences =
    "left out: GPUs that differ for good (silicon, clocks, place in the airflow). No spread within a "
    "training cluster of this device is published; among equal GPUs of older supercomputers it was 8 % on "
    "average (arXiv 2208.11035). A step waits for its slowest GPUs, so the true one is longer, and more so "
    "on more GPUs";

std::vector<std::string> NotesOf(const TrainingModel& model, const TrainingResult& r) {
  const Scenario& s = model.scenario();
  std::vector<std::string> notes;
  for (const std::string& note : s.model.notes) notes.push_back("model: " + note);
  const models::LocalParameters largest =
      models::UniqueParametersPerRank(s.RankModel(), model.stages(), {0}, s.Holding());
  const double ema_s = 2.0 * static_cast<double>(largest.Total()) / s.cluster.device.host.value;
  notes.push_back(fmt::format(
      "moving average (EMA) of the parameters copied to the host beside the step: {:.2f} s of PCIe, hidden{}",
      ema_s, ema_s < r.step_s ? "" : " only in part"));
  notes.push_back(
      "days and dollars are throughput times tokens: no failures, restarts, evaluation or checkpoints");
  if (s.workload.run_tokens <= 0)
    notes.push_back("workload.run_tokens is not given: the run is taken to be of a trillion tokens");
  const std::string& price_source = s.cluster.device.price_source;
  notes.push_back(fmt::format("price: {} dollars per GPU hour ({})", s.cluster.device.dollars_per_hour,
                              price_source.empty() ? "no source given" : price_source));
  double busy = 0;
  const PipelineRankReport* busiest = &r.ranks.front();
  for (const PipelineRankReport& rank : r.ranks) {
    busy += rank.busy_s / static_cast<double>(r.ranks.size());
    if (rank.busy_s > busiest->busy_s) busiest = &rank;
  }
  if (busiest->busy_s > 1.15 * busy) {
    notes.push_back(fmt::format(
        "the stages are uneven: pipeline rank {} is busy {:.2f} times the mean and holds the others up; see "
        "parallelism.layers_per_stage",
        busiest->rank, busiest->busy_s / busy));
  }
  if (model.exchange_stretch() > 1.005 || model.message_stretch() > 1.005) {
    notes.push_back(fmt::format(
        "the fabric stretches exchanges by {:.2f} and pipeline messages by {:.2f}: flows share its cables",
        model.exchange_stretch(), model.message_stretch()));
  }
  if (s.communication.sms == 0)
    notes.push_back(fmt::format("no experts are exchanged: kernels have all {} SMs", s.cluster.device.sms));
  if (s.workload.sequence_length > s.model.max_positions && s.model.max_positions > 0)
    notes.push_back(
        fmt::format("sequences of {} tokens: beyond the {} positions of pre-training, after RoPE scaling",
                    s.workload.sequence_length, s.model.max_positions));
  if (s.Gpus() > 1) notes.push_back(kLastingDifferences);
  return notes;
}

std::optional<ChoiceLeak> LeakOf(const TrainingModel& model) {
  const Scenario& s = model.scenario();
  if (!s.model.moe || s.routing.strategy != models::Strategy::kExpertChoice) return std::nullopt;
  const double bits = models::ChoiceLeakBits(s.model.moe->top_k, s.model.moe->routed_experts);
  return ChoiceLeak{bits, bits * model.MoeLayers(), model.MoeLayers()};
}

ImbalanceReport ImbalanceOf(const TrainingModel& model, const TrainingOutcome& o) {
  ImbalanceReport i;
  i.source = model.LoadDescription();
  i.hottest_excess = o.hottest_excess;
  i.row_deviation = o.row_deviation;
  i.dropped_share = o.dropped_share;
  i.leak = LeakOf(model);
  return i;
}

}  // namespace

/// Steps and time of the run: the batch grows linearly with the tokens seen until `over`. A smaller batch means
/// fewer micro-batches in the same schedule; its step is that of the full batch less the pairs it does not run.
RunReport RunUnder(const TrainingResult& r, const Scenario& s, const RunTerms& terms) {
  RunReport run;
  const double tokens_per_step = r.tokens_per_step;
  const double price = terms.dollars_per_gpu_hour.value_or(s.cluster.device.dollars_per_hour);
  run.tokens = terms.tokens.value_or(s.workload.run_tokens > 0 ? s.workload.run_tokens : 1e12);
  double seconds = 0, tokens = 0;
  while (tokens < run.tokens) {
    double batch = static_cast<double>(s.workload.global_batch);
    if (s.workload.ramp && tokens < s.workload.ramp->over_tokens) {
      const double from = static_cast<double>(s.workload.ramp->from_sequences);
      const double unit = static_cast<double>(s.parallelism.data * s.workload.micro_batch);
      batch = from + (batch - from) * tokens / s.workload.ramp->over_tokens;
      batch = std::max(unit, std::floor(batch / unit) * unit);
    }
    const double missing = (static_cast<double>(s.workload.global_batch) - batch) /
                           static_cast<double>(s.parallelism.data * s.workload.micro_batch);
    const double step_s = r.step_s - missing * r.micro_batch_s;
    const double step_tokens = batch * static_cast<double>(s.workload.sequence_length);
    if (missing == 0) {  // the rest of the run is all alike
      const double steps = std::ceil((run.tokens - tokens) / tokens_per_step);
      run.steps += static_cast<std::int64_t>(steps);
      seconds += (run.tokens - tokens) / tokens_per_step * step_s;
      break;
    }
    ++run.steps;
    seconds += step_s;
    tokens += step_tokens;
  }
  run.days = seconds / 86400;
  run.gpu_hours = seconds / 3600 * r.gpus;
  run.dollars = run.gpu_hours * price;
  run.gpu_hours_per_trillion = 1e12 / tokens_per_step * r.step_s / 3600 * r.gpus;
  run.dollars_per_trillion = run.gpu_hours_per_trillion * price;
  return run;
}

Phases PhasesOf(const TrainingOutcome& o) {
  const std::array<double, 5> tasks = MeanTasks(o, 0);
  Phases p;
  p.forward = At(tasks, StepKind::kForward);
  // A backward that does its weights at once is booked whole under the input backward: our reading of the published
  // table (docs/training.md).
  p.backward_input = At(tasks, StepKind::kBackward) + At(tasks, StepKind::kBackwardInput);
  p.backward_weight = At(tasks, StepKind::kBackwardWeight);
  p.forward_backward = At(tasks, StepKind::kForwardBackward);
  p.optimizer = o.optimizers.front().AfterTasks();
  p.rebalancing = o.rebalance.Sum();
  p.bubble = BubbleOf(o, 0, Sum(tasks));
  return p;
}

TrainingResult Summarise(const TrainingModel& model, const TrainingOutcome& outcome, bool folded) {
  const Scenario& scenario = model.scenario();
  TrainingResult r;
  r.scenario = scenario.name;
  r.file = scenario.file;
  r.hash = scenario.hash;
  r.calibration = model.cost().sources();
  r.calibration.push_back("exchanges: " + model.exchange().source());
  r.calibration_shares.assign(r.calibration.size(), 0);
  r.model = scenario.model.name;
  r.cluster = scenario.cluster.Title();
  r.gpus = scenario.Gpus();
  r.folded = folded;
  r.step_s = outcome.step_s;
  r.simulator = {outcome.events, outcome.steps, 0, 0, outcome.gpus};
  r.phases = PhasesOf(outcome);
  r.chunk_pair_ms = PairMs(model, outcome);
  Rates(scenario, &r);
  r.ranks = RanksOf(model, outcome);
  r.fits =
      std::all_of(r.ranks.begin(), r.ranks.end(), [](const PipelineRankReport& rank) { return rank.fits; });
  r.device_memory = scenario.cluster.device.memory.count;
  Kernels(outcome, &r);
  if (scenario.calibration.name == "auto") r.fell_back.clear();
  r.communication = CommunicationOf(outcome);
  r.optimizer = Slowest(outcome.optimizers);
  r.optimizer_hidden_s =
      static_cast<double>(outcome.pipeline) * kPico + r.optimizer.Sum() - outcome.end.end_s;
  r.rebalance = outcome.rebalance;
  r.imbalance = ImbalanceOf(model, outcome);
  r.micro_batch_s = r.phases.forward_backward > 0
                        ? r.chunk_pair_ms * 1e-3
                        : static_cast<double>(outcome.pipeline) * kPico / scenario.MicroBatches();
  r.run = RunUnder(r, scenario, {});
  r.notes = NotesOf(model, r);
  return r;
}

}  // namespace orrery::scenarios
