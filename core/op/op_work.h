// What a launch computes and moves: the only place that says so. Models, prices, the profiler and its suite
// all ask here, so that a measured row and the op it prices agree.
//
//   GEMM        2 m n k operations a group; every operand read once, the result written once (FP32 sums read
//   too) attention   forward and decode 2 scores (d_qk + d_v), backward 2 scores (3 d_qk + 2 d_v) operations;
//   causal
//               counts the scores up to the diagonal, q^2 / 2 of a square; q, k, v read, o written, and in
//               the backward pass the gradient of each
//   rows        rows x cols x bytes an element of the kind (core/op/op_traits.h), or RowsShape::bytes
//
// Scales of FP8 operands are left out, 1/32 of an activation's bytes.
#pragma once

#include "core/op/op.h"

namespace orrery {

/// Of one launch. Whole numbers; doubles, since a shape may be larger than any memory.
struct Work {
  double flops = 0;  ///< tensor-core operations
  double bytes = 0;  ///< compulsory reads and writes of device memory

  Work& operator+=(const Work& o) {
    flops += o.flops;
    bytes += o.bytes;
    return *this;
  }
  friend Work operator*(Work a, double k) { return {a.flops * k, a.bytes * k}; }
};

Work WorkOf(OpKind kind, const OpShape& shape);
inline Work WorkOf(const Op& op) { return WorkOf(op.kind, op.shape); }

/// Whether WorkOf knows the bytes: not of a rows kind without a formula whose shape does not tell them.
bool TellsBytes(OpKind kind, const OpShape& shape);

/// `shape` with its bytes as given, where it is one of rows; as if none were given where they are the
/// formula's.
OpShape WithBytes(OpKind kind, OpShape shape, Bytes bytes);

/// Scores that attention computes for one head and sequence.
double Scores(const AttentionShape& shape);

/// Bytes of keys and values of one token in BF16: of a latent (IsLatent) once, else of each of kv_heads.
std::int64_t Bf16KvBytes(OpKind kind, const AttentionShape& shape);

}  // namespace orrery
