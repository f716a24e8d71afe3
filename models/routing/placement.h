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

/// DeepSeek's expert-parallel load balancer (deepseek-ai/EPLB eplb.py, rebalance_experts): hierarchical when groups
/// divide by nodes, else global. Equal weights keep their order. InputError when counts do not divide.
ExpertPlacement Eplb(std::span<const double> weight, const EplbShape& shape);

/// What a rearrangement moves, counted in experts, [ranks] each. An expert that a rank newly holds is copied
/// from one that held it, of its own node where one did; one that a rank gives up hands its partial gradients
/// to a rank that goes on with it; an expert's first holder keeps its optimizer state, which moves with it.
struct ExpertMoves {
  struct Port {
    std::vector<int> scale_out_sent, scale_out_received, scale_up_sent, scale_up_received;
  };
  Port weights, gradients, state;
  int copies = 0;  ///< experts that ranks newly hold, in all
};
ExpertMoves MovesBetween(const ExpertPlacement& from, const ExpertPlacement& to, int ranks,
                         int ranks_per_node);

/// How the gradients of replicas meet at a step's end, [ranks] experts each: along a chain of the ranks that
/// hold one, last to first, to the first, which keeps the optimizer state. A chain enters a node once.
/// Updated parameters go back the same way. Replicas on one rank meet there.
ExpertMoves::Port ReplicaChains(const ExpertPlacement& placement, int ranks, int ranks_per_node);

/// Where a simulation holds experts: when a plan is made and from what.
struct PlacementOptions {
  bool eplb = false;          ///< else contiguous: expert e on rank e / (experts / ranks)
  int redundant_experts = 0;  ///< physical slots beyond the routed experts, those of shared experts included
  int planned_from = 64;      ///< micro-batches before a plan that it is made from
  int replanned_every = 0;    ///< micro-batches; 0: the plan made before the run stays
  int shared_experts = 0;     ///< placed and replicated like routed ones, every token going to each; else 0:
                              ///< every rank computes its own tokens'
};

/// Load of each rank when replicas share their expert's load evenly.
std::vector<double> RankLoads(std::span<const double> expert_load, const ExpertPlacement& placement,
                              int ranks);

}  // namespace orrery::models
