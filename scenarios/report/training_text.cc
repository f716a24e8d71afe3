#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "scenarios/report/training_report.h"

namespace orrery::scenarios {
namespace {

std::string Line(const char* what, const std::string& value) {
  return fmt::format("  {:<34} {}\n", what, value);
}

/// Whole number with spaces between groups of three digits.
std::string Grouped(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<std::size_t>(i), 1, ' ');
  return digits;
}

std::string Dollars(double value) {
  if (value >= 1e6) return fmt::format("{:.3f} M$", value * 1e-6);
  return fmt::format("{} $", Grouped(value));
}

/// Said first, because nothing else matters then.
std::string FitWarning(const TrainingResult& r) {
  int over = 0;
  std::int64_t worst = 0;
  for (const PipelineRankReport& rank : r.ranks) {
    if (rank.fits) continue;
    ++over;
    worst = std::max(worst, rank.memory.Total().count - r.device_memory);
  }
  if (over == 0) return "";
  return fmt::format(
      "  DOES NOT FIT: {} of {} pipeline ranks need more memory than the device has, the worst by {:.1f} "
      "GB\n\n",
      over, r.ranks.size(), static_cast<double>(worst) * 1e-9);
}

std::string Plural(std::int64_t n, const char* word) {
  return fmt::format("{} {}{}", Grouped(static_cast<double>(n)), word, n == 1 ? "" : "s");
}

std::string MicroBatchesText(int n) { return fmt::format("{} micro-batch{}", n, n == 1 ? "" : "es"); }

/// "pipeline 16 x data 128, expert 64, dualpipe, fp8-mixed, ZeRO-1; 120 micro-batches of 1 sequence a pipeline".
std::string PlanText(const Scenario& s) {
  const Parallelism& p = s.parallelism;
  std::string text = fmt::format("pipeline {} x data {}", p.pipeline, p.data);
  if (p.tensor > 1) text += fmt::format(" x tensor {}", p.tensor);
  text += fmt::format(", expert {}, {}", p.expert, models::ScheduleKindName(p.schedule));
  if (p.schedule == models::ScheduleKind::kInterleaved1F1B)
    text += fmt::format(" ({} stages a rank)", p.virtual_stages);
  text += fmt::format(", {}, {}", s.fp8 ? "fp8-mixed" : "bf16", p.zero > 0 ? "ZeRO-1" : "no ZeRO");
  return text + fmt::format("; {} of {} a pipeline", MicroBatchesText(s.MicroBatches()),
                            Plural(s.workload.micro_batch, "sequence"));
}

/// `plan`: a line of what was run; "" where it is not at hand.
std::string Headline(const TrainingResult& r, const std::string& plan) {
  std::string text = fmt::format("{}\n{} on {}; {} GPUs, {} simulated{}\n{}\n", r.scenario, r.model,
                                 r.cluster, Grouped(r.gpus), Grouped(r.simulator.gpus_simulated),
                                 r.folded ? " (folded: one a pipeline rank, even loads, blind to imbalance)"
                                          : ", each with its own tokens",
                                 plan.empty() ? plan : plan + "\n");
  text += FitWarning(r);
  std::string step = fmt::format("{:.3f} s", r.step_s);
  if (r.interval.high_s > 0)
    step += fmt::format("   (90 % interval {:.2f} to {:.2f} s)", r.interval.low_s, r.interval.high_s);
  text += Line("optimizer step", step);
  if (r.gpus > 1)
    text +=
        Line("  left out", "GPUs that differ for good, failures: a true step is longer, most on many GPUs");
  text += Line("tokens", fmt::format("{:.2f} B a day, {:.1f} per GPU per second", r.tokens_per_day * 1e-9,
                                     r.tokens_per_second_per_gpu));
  text += Line("achieved", fmt::format("{:.1f} TFLOPS a GPU causal, {:.1f} non-causal", r.tflops_causal,
                                       r.tflops_noncausal));
  text += Line("MFU (BF16 peak)", fmt::format("{:.2f} % causal, {:.2f} % non-causal", 100 * r.mfu_causal,
                                              100 * r.mfu_noncausal));
  text += Line("model",
               fmt::format("{:.1f} B parameters, {:.2f} B active, {:.1f} GFLOP a token",
                           static_cast<double>(r.parameters_total) * 1e-9,
                           static_cast<double>(r.parameters_active) * 1e-9, r.flops_per_token_causal * 1e-9));
  text += Line("a trillion tokens", fmt::format("{} GPU hours, {}", Grouped(r.run.gpu_hours_per_trillion),
                                                Dollars(r.run.dollars_per_trillion)));
  text += Line("the run", fmt::format("{:.2f} T tokens: {:.1f} days, {} GPU hours, {}, {} steps",
                                      r.run.tokens * 1e-12, r.run.days, Grouped(r.run.gpu_hours),
                                      Dollars(r.run.dollars), Grouped(static_cast<double>(r.run.steps))));
  return text;
}

std::string PhaseTable(const TrainingResult& r) {
  const Phases& p = r.phases;
  std::string text = "\nWhere the step goes (pipeline rank 0, seconds)\n";
  const auto row = [&](const char* name, double s) {
    text += fmt::format("  {:<34} {:>8.3f}  {:>5.1f} %\n", name, s, 100 * s / r.step_s);
  };
  row("forward alone (1F)", p.forward);
  row("bubble", p.bubble);
  row("backward for inputs (1B)", p.backward_input);
  row("backward for weights (1W)", p.backward_weight);
  row("forward and backward (1F1B)", p.forward_backward);
  row("optimizer", p.optimizer);
  if (p.rebalancing > 0) row("moving experts to new plans", p.rebalancing);
  double low = p.bubble, high = p.bubble, mean = 0;
  for (const PipelineRankReport& rank : r.ranks) {
    low = std::min(low, rank.bubble_s);
    high = std::max(high, rank.bubble_s);
    mean += rank.bubble_s / static_cast<double>(r.ranks.size());
  }
  text += fmt::format("  bubble over all pipeline ranks: {:.3f} to {:.3f}, mean {:.3f}\n", low, high, mean);
  if (r.chunk_pair_ms > 0)
    text += fmt::format("  one overlapped pair on a middle rank: {:.1f} ms\n", r.chunk_pair_ms);
  return text;
}

std::string KernelTable(const TrainingResult& r) {
  std::string text =
      "\nWhat runs (seconds per GPU and step; compute and exchanges overlap, so the sum exceeds the step;\n"
      "F forward, B backward for inputs, W backward for weights, MTP multi-token prediction)\n";
  for (const OpClassReport& c : r.op_classes) {
    if (c.share >= 0.0005)
      text += fmt::format("  {:<34} {:>8.3f}  {:>5.1f} %\n", c.name, c.seconds, 100 * c.share);
  }
  return text;
}

std::string CostText(const ImbalanceCost& c) {
  std::string text = Line(
      "imbalance costs",
      fmt::format("{:.1f} % of the step: {:.3f} s, {:.1f} tokens per GPU per second, {} a trillion tokens",
                  100 * c.step_share, c.step_s, c.tokens_per_second_per_gpu,
                  Dollars(c.dollars_per_trillion_tokens)));
  if (c.undone_s != 0)
    text +=
        Line("work not done",
             fmt::format("{:.3f} s: evenly loaded, a step takes {:.3f} s with every row, {:.3f} s without "
                         "those dropped",
                         c.undone_s, c.even_s + c.undone_s, c.even_s));
  return text;
}

std::string LoadText(const TrainingResult& r) {
  const ImbalanceReport& i = r.imbalance;
  std::string text = "\nExpert load\n  " + i.source + "\n";
  if (i.leak)
    text += fmt::format(
        "  WARNING: a token's experts depend on later tokens: no causal model can be served so, and training "
        "leaks at\n  least {:.1f} bits a token and layer, {:.0f} over its {} MoE layers (arXiv 2408.15664)\n",
        i.leak->bits_per_token_layer, i.leak->bits_per_token, i.leak->layers);
  text += Line("fullest rank of an exchange", fmt::format("{:+.1f} % rows (mean), ranks spread by {:.1f} %",
                                                          100 * i.hottest_excess, 100 * i.row_deviation));
  if (i.dropped_share > 0)
    text += Line(
        "rows over capacity",
        fmt::format("{:.1f} % of all selections dropped: neither sent nor computed", 100 * i.dropped_share));
  if (r.rebalance.per_step > 0)
    text +=
        Line("moving experts to new plans",
             fmt::format("{:.3f} s a step: {:g} times {:.1f} ms, {:.0f} experts a layer, {:.2f} GB through "
                         "the busiest GPU, unhidden",
                         r.rebalance.Sum(), r.rebalance.per_step, 1e3 * r.rebalance.each_s,
                         r.rebalance.copies_per_layer, 1e-9 * r.rebalance.busiest_bytes));
  return i.cost ? text + CostText(*i.cost) : text;
}

std::string CommunicationText(const TrainingResult& r) {
  const CommunicationReport& c = r.communication;
  std::string text = "\nCommunication and waiting (per GPU and step, mean, seconds)\n";
  text +=
      Line("dispatch and combine",
           c.exchange_s > 0 ? fmt::format("{:.3f}, of which {:.3f} with compute idle ({:.0f} % hidden)",
                                          c.exchange_s, c.exposed_s, 100 * (1 - c.exposed_s / c.exchange_s))
                            : "none");
  text += Line(
      "waiting for the slowest of a group",
      fmt::format("{:.3f} with compute idle ({:.3f} on the exchange stream)", c.straggler_s, c.notify_s));
  text += Line("waiting for the pipeline", fmt::format("{:.3f}", c.pipeline_wait_s));
  text += Line("pipeline messages on the wire", fmt::format("{:.3f}", c.messages_s));
  text +=
      Line("optimizer",
           fmt::format("{:.3f} gradients, {:.3f} parameters, {:.3f} update; {:.3f} beside the last tasks of "
                       "{}",
                       r.optimizer.gradients_s, r.optimizer.parameters_s, r.optimizer.update_s,
                       r.optimizer_hidden_s, r.optimizer.beside_s > 0 ? "all ranks" : "other ranks"));
  text += "  " + r.optimizer.how + "\n";
  return text + LoadText(r);
}

std::string GigaBytes(Bytes b) { return fmt::format("{:.1f}", static_cast<double>(b.count) * 1e-9); }

std::string MemoryTable(const TrainingResult& r) {
  std::string text =
      fmt::format("\nPipeline ranks (memory in GB = 10^9 B at the peak of the step; the device has {:.1f})\n",
                  static_cast<double>(r.device_memory) * 1e-9);
  text +=
      fmt::format("  {:>4} {:>7} {:>7}  {:>7} {:>6} {:>6} {:>6} {:>6} {:>6}  {:>6}  {}\n", "rank", "busy s",
                  "bubble", "weights", "grads", "optim", "activ", "other", "total", "spare", "holds");
  for (const PipelineRankReport& rank : r.ranks) {
    const models::RankMemory& m = rank.memory;
    const Bytes other{m.deferred_weights.count + m.workspace.count + m.logits.count + m.communication.count +
                      m.reserve.count};
    text += fmt::format("  {:>4} {:>7.3f} {:>7.3f}  {:>7} {:>6} {:>6} {:>6} {:>6} {:>6}  {:>6}  {}{}\n",
                        rank.rank, rank.busy_s, rank.bubble_s, GigaBytes(m.weights), GigaBytes(m.gradients),
                        GigaBytes(m.optimizer), GigaBytes(m.activations), GigaBytes(other),
                        GigaBytes(m.Total()), GigaBytes(Bytes{r.device_memory} - m.Total()), rank.holds,
                        rank.fits ? "" : "  DOES NOT FIT");
  }
  return text;
}

std::string AnalysisText(const TrainingResult& r) {
  std::string text;
  if (!r.critical_path.empty()) {
    text += "\nCritical path (the chain of steps that ends last, seconds, without the optimizer)\n";
    for (const CriticalPathShare& s : r.critical_path) {
      if (s.share >= 0.01)
        text += fmt::format("  {:<34} {:>8.3f}  {:>5.1f} %\n", s.name, s.seconds, 100 * s.share);
    }
  }
  if (!r.what_ifs.empty()) {
    text +=
        "\nWhat would help most (step time with one thing made free; simulated with one of the "
        "expert-parallel groups)\n";
    for (const WhatIf& w : r.what_ifs)
      text += fmt::format("  {:<50} {:>8.3f} s  {:>+6.1f} %\n", w.name, w.step_s, -100 * w.gain);
  }
  return text;
}

std::string Certainty(const TrainingResult& r) {
  std::string text = "\nHow sure\n";
  text += Line("kernel and transfer time",
               fmt::format("{:.1f} % measured, {}{:.1f} % scaled, {:.1f} % analytic", 100 * r.measured,
                           r.derived > 0 ? fmt::format("{:.1f} % derived, ", 100 * r.derived) : std::string(),
                           100 * r.scaled, 100 * r.analytic));
  if (r.interval.high_s > 0) {
    text += Line("90 % interval of the step",
                 fmt::format("{:.2f} to {:.2f} s", r.interval.low_s, r.interval.high_s));
    text +=
        Line("  from calibration",
             fmt::format("mean {:+.2f} %, one standard deviation {:.2f} % ({} draws of every price's error)",
                         100 * r.interval.calibration_mean, 100 * r.interval.calibration_sd,
                         r.interval.resamples));
    text += Line("  from chance", fmt::format("one standard deviation {:.2f} % ({} seeds)",
                                              100 * r.interval.seed_sd, r.interval.seeds));
  }
  for (std::size_t i = 0; i < r.calibration.size(); ++i)
    text +=
        fmt::format("  - {}: prices {:.1f} % of the time\n", r.calibration[i], 100 * r.calibration_shares[i]);
  if (!r.fell_back.empty()) text += "  the named calibration does not measure, so scaled or analytic:\n";
  for (const OpClassReport& c : r.fell_back)
    text += fmt::format("    {:<32} {:>8.3f} s {:>6.1f} %\n", c.name, c.seconds, 100 * c.share);
  text += "\nNotes\n";
  for (const std::string& note : r.notes) text += "  - " + note + "\n";
  text += fmt::format("\n{} events, {} steps of {} GPUs in {:.2f} s; {:.0f} MiB at most\n",
                      Grouped(static_cast<double>(r.simulator.events)),
                      Grouped(static_cast<double>(r.simulator.steps)), Grouped(r.simulator.gpus_simulated),
                      r.simulator.wall_s, static_cast<double>(r.simulator.peak_rss_bytes) / 1048576.0);
  return text;
}

std::string Text(const TrainingResult& r, const std::string& plan) {
  return Headline(r, plan) + PhaseTable(r) + KernelTable(r) + CommunicationText(r) + MemoryTable(r) +
         AnalysisText(r) + Certainty(r);
}

}  // namespace

std::string TrainingText(const TrainingResult& r) { return Text(r, ""); }

std::string TrainingText(const Run& run) { return Text(run.result, PlanText(run.model->scenario())); }

}  // namespace orrery::scenarios
