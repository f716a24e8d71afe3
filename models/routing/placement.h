// Which GPU holds which expert: contiguous, or planned by EPLB with redundant replicas.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace orrery::models {

/// Physical slots in rank order; rank r holds slots [r * slots / ranks, (r + 1) * slots / ranks).
struct ExpertPlacement {
  std::vector<int> expert_of;  ///< [slots] logical expert
  std::vector<int> replicas;   ///< [experts] slots that hold it, at least 1
};

/// Expert e in slot e.
ExpertPlacement ContiguousPlacement(int experts);

struct EplbShape {
  int slots = 0;   ///< num_replicas: physical slots, at least the experts, divisible by gpus
  int groups = 1;  ///< num_groups of the gate
  int nodes = 1;
  int gpus = 1;
};

/// DeepSeek's expert-parallel load balancer (deepseek-ai/EPLB eplb.py, rebalance_experts): hierarchical when
/// groups divide by nodes, else global. Equal weights keep their order. InputError when counts do not divide.
ExpertPlacement Eplb(std::span<const double> weight, const EplbShape& shape);

/// What a rearrangement moves, counted in experts, [ranks] each. A rank that newly holds an expert copies it
/// from a rank that held it before, one of its own node where there is one. A rank that gives an expert up
/// hands its partial gradients to a rank that goes on holding it. The optimizer state of an expert is kept by
/// its first holder and moves with it.
struct ExpertMoves {
  struct Port {
    std::vector<int> scale_out_sent, scale_out_received, scale_up_sent, scale_up_received;
  };
  Port weights, gradients, state;
  int copies = 0;  ///< experts that ranks newly hold, in all
};
ExpertMoves MovesBetween(const ExpertPlacement& from, const ExpertPlacement& to, int ranks,
                         int ranks_per_node);

/// How the gradients of replicas meet at the end of a step, [ranks] experts each. They go along the chain of
/// ranks that hold the expert, from the last to the first, which keeps the optimizer state. A chain enters a
/// node once. Updated parameters go back the same way. Replicas on one rank meet without traffic.
ExpertMoves::Port ReplicaChains(const ExpertPlacement& placement, int ranks, int ranks_per_node);

/// How experts are placed: by which plan, made when and from what.
struct PlacementOptions {
  bool eplb = false;          ///< else contiguous: expert e on rank e / (experts / ranks)
  int redundant_experts = 0;  ///< physical slots beyond the routed experts, those of shared experts included
  int planned_from = 64;      ///< micro-batches just before a plan, from whose loads it is made
  int replanned_every = 0;    ///< micro-batches; 0: the plan made before the run stays
  int shared_experts =
      0;  ///< shared experts that are placed and replicated like routed ones, every token going to
          ///< each; 0: every rank computes the shared experts of its own tokens
};

/// [ranks] The load of each rank where the replicas of an expert share its load evenly.
std::vector<double> RankLoads(std::span<const double> expert_load, const ExpertPlacement& placement,
                              int ranks);

}  // namespace orrery::models
