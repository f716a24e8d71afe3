// Gives the kernels of an MLA + MoE training trace their operations and shapes. Inside a phase the order of
// the GEMMs is fixed by the layer's mathematics, so the n-th FP8 GEMM of "attn(F)" is known; rows come from
// launch grids. Names, order and grids are those of DeepSeek's published training profile
// (deepseek-ai/profile-data train.json, 2025-03-21).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/op/op.h"
#include "profiler/trace/analysis.h"
#include "profiler/trace/trace.h"
#include "profiler/trace/traced_op.h"

namespace orrery::profiler {

/// What the shapes are made of. Defaults: DeepSeek-V3 (technical report, arXiv 2412.19437, section 4.2).
struct MlaMoeDimensions {
  std::int64_t hidden = 7168, q_rank = 1536, kv_rank = 512, heads = 128;
  std::int64_t d_nope = 128, d_rope = 64, d_v = 128;
  std::int64_t expert_hidden = 2048, routed_experts = 256;
};

/// One operation in one phase, with a duration per launch. Where `shape` differs from launch to launch (rows
/// per expert do), each group of equal shapes is an entry of its own.
struct RecognisedOp : TracedOp {
  std::string phase;
  NameId kernel = 0;
  /// The shape is a mean the trace does not resolve (rows of one expert) and launches run two at a time: no
  /// price for a table.
  bool approximate = false;
  std::vector<int> layers;  ///< of each duration, from 0
};

/// Token counts of one layer: M rows after expansion to (token, expert) pairs with padding, U tokens
/// received.
struct LayerRows {
  std::int64_t forward_m = 0, forward_u = 0, backward_m = 0, backward_u = 0;
};

struct LayerOps {
  std::int64_t tokens = 0;  ///< per micro-batch on this rank: the rows of the first cast of "attn(F)"
  std::vector<LayerRows> rows;
  std::vector<RecognisedOp> ops;  ///< in order of phase and position
  Flops tensor_flops{};           ///< of everything recognised
  /// Why nothing was recognised: other phases, another number of GEMMs, weights of other sizes. "" if it was.
  std::string not_recognised;
};

LayerOps RecogniseLayers(const Trace& trace, const Attribution& attribution, const TraceSummary& summary,
                         const MlaMoeDimensions& dims = {});

}  // namespace orrery::profiler
