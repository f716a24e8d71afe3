// What a training simulation says: one plain structure, read by every writer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/memory/memory.h"

namespace orrery::scenarios {

/// Seconds of an optimizer step as booked on pipeline rank 0 (mean of its ranks), the way DeepSeek reports it
/// (Insights, arXiv 2505.09343, Table 4).
struct Phases {
  double forward = 0, bubble = 0, backward_input = 0, backward_weight = 0, forward_backward = 0,
         optimizer = 0, rebalancing = 0;
  double Sum() const {
    return forward + bubble + backward_input + backward_weight + forward_backward + optimizer + rebalancing;
  }
};

/// One pipeline rank, mean over its GPUs. Seconds.
struct PipelineRankReport {
  int rank = 0;
  std::string holds;            ///< "embedding, 3 dense, 1 MoE | 1 MoE, MTP, head"
  double busy_s = 0;            ///< tasks
  double compute_idle_s = 0;    ///< inside tasks: exposed exchanges and stragglers
  double optimizer_s = 0;       ///< its own collectives and update
  double bubble_s = 0;          ///< the rest of the step
  std::int64_t parameters = 0;  ///< distinct, on one GPU
  models::RankMemory memory;
  bool fits = true;
};

struct OpClassReport {
  std::string name;
  double seconds = 0;  ///< per GPU and step, mean
  double share = 0;    ///< of all kernel time
  /// Its seconds by what prices rest on.
  double measured_s = 0, derived_s = 0, scaled_s = 0, analytic_s = 0;
};

struct CommunicationReport {
  double exchange_s = 0;       ///< per GPU and step: dispatch and combine payload
  double exposed_s = 0;        ///< of it, while compute stood still
  double straggler_s = 0;      ///< compute stood still because another rank of the exchange was late
  double notify_s = 0;         ///< exchange stream waiting for peers, hidden or not
  double pipeline_wait_s = 0;  ///< compute stood still for a pipeline neighbour
  double messages_s = 0;       ///< pipeline sends on the wire
};

/// What the end of a step costs a pipeline rank that waits for nobody.
struct OptimizerReport {
  double gradients_s = 0, parameters_s = 0, update_s = 0;
  double norm_s = 0;    ///< all-reduce of the gradients' norm over all GPUs
  double beside_s = 0;  ///< of gradients_s, beside the rank's own tasks
  std::string how;
  double Sum() const { return gradients_s + norm_s + update_s + parameters_s; }
  double AfterTasks() const { return Sum() - beside_s; }
};

/// A step against one with even loads. What a capacity drops is work that is not done, and no gain of
/// balance: `even_s` is the step with as many rows as are computed, evenly spread; with all rows it takes
/// `undone_s` more.
struct ImbalanceCost {
  double even_s = 0;
  double undone_s = 0;
  double step_share = 0;                   ///< (step - even_s) / step
  double step_s = 0;                       ///< step - even_s
  double tokens_per_second_per_gpu = 0;    ///< even loads would add
  double dollars_per_trillion_tokens = 0;  ///< even loads would save
};

/// What experts that choose their tokens tell of later ones, at least (arXiv 2408.15664).
struct ChoiceLeak {
  double bits_per_token_layer = 0, bits_per_token = 0;
  int layers = 0;
};

struct ImbalanceReport {
  std::string source;                 ///< LoadSource::Describe
  double hottest_excess = 0;          ///< mean over exchanges
  double row_deviation = 0;           ///< of a rank's rows, over their mean
  double dropped_share = 0;           ///< of all selections: over a capacity, neither sent nor computed
  std::optional<ImbalanceCost> cost;  ///< absent where it was not asked for, or loads are even anyway
  std::optional<ChoiceLeak> leak;     ///< of expert choice
};

/// Experts moved to new plans, where the placement is planned anew.
struct RebalanceReport {
  double per_step = 0;          ///< rearrangements a step; below 1 where a plan outlives a step
  double copies_per_layer = 0;  ///< experts that ranks newly hold, a layer and rearrangement, mean
  double busiest_bytes = 0;     ///< through the busiest GPU, one way, at one rearrangement
  double each_s = 0;            ///< of one rearrangement, on the slowest pipeline rank
  double Sum() const { return per_step * each_s; }  ///< seconds a step
};

/// One resource made free. Measured on one exchange group a pipeline rank.
struct WhatIf {
  std::string name;
  double step_s = 0;
  double gain = 0;  ///< share of the step saved
};

struct CriticalPathShare {
  std::string name;
  double seconds = 0;
  double share = 0;
};

struct Interval {
  double low_s = 0, high_s = 0;  ///< central 90 %
  double calibration_mean = 0;   ///< relative: prices from a data sheet are known to be too low
  double calibration_sd = 0;     ///< relative, from prices drawn anew
  double seed_sd = 0;            ///< relative, between seeds
  int resamples = 0, seeds = 0;
};

struct SimulatorReport {
  std::uint64_t events = 0, steps = 0;
  double wall_s = 0;  ///< of the simulation itself: loads, prices, engine
  std::int64_t peak_rss_bytes = 0;
  int gpus_simulated = 0;
};

struct RunReport {
  double tokens = 0, days = 0, gpu_hours = 0, dollars = 0;
  std::int64_t steps = 0;
  double gpu_hours_per_trillion = 0, dollars_per_trillion = 0;  ///< at the full batch
};

struct TrainingResult {
  std::string scenario, file, hash;
  std::vector<std::string> calibration;    ///< kernel tables, then the exchanges
  std::vector<double> calibration_shares;  ///< of kernel and transfer time that each of these priced
  std::string model, cluster;              ///< in words
  int gpus = 0;
  bool folded = false;
  bool fits = true;  ///< every pipeline rank within the device's memory
  double step_s = 0;
  double chunk_pair_ms = 0;  ///< mean overlapped pair on a middle pipeline rank
  double micro_batch_s = 0;  ///< that a micro-batch more or less makes a step longer or shorter
  Phases phases;
  double tokens_per_step = 0, tokens_per_day = 0, tokens_per_second_per_gpu = 0;
  double flops_per_token_causal = 0, flops_per_token_noncausal = 0;
  double tflops_causal = 0, tflops_noncausal = 0, mfu_causal = 0, mfu_noncausal = 0;
  std::int64_t parameters_total = 0, parameters_active = 0, parameters_mtp = 0;
  std::vector<PipelineRankReport> ranks;
  std::int64_t device_memory = 0;
  std::vector<OpClassReport> op_classes;
  CommunicationReport communication;
  OptimizerReport optimizer;      ///< of the pipeline rank with most of it
  double optimizer_hidden_s = 0;  ///< of it, beside the last tasks of other ranks or of its own
  ImbalanceReport imbalance;
  RebalanceReport rebalance;
  std::vector<CriticalPathShare> critical_path;
  std::vector<WhatIf> what_ifs;
  double measured = 0, derived = 0, scaled = 0, analytic = 0;  ///< shares of kernel and transfer time
  /// Only where the scenario names a calibration: what its rows did not price, most time first; seconds and
  /// share of all kernel and transfer time.
  std::vector<OpClassReport> fell_back;
  Interval interval;
  RunReport run;
  SimulatorReport simulator;
  std::vector<std::string> notes;  ///< what no table covers, what was assumed
};

}  // namespace orrery::scenarios
