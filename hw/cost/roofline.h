// The analytic half of the cost model: what a kernel would take if every SM and the memory ran at their data-sheet rates.
// Knows tiles and waves, so that measured efficiencies carry from one shape to another without the quantisation in them.
//
//   GEMM       t = floor + max( waves x steps x step, bytes / HBM rate )
//              waves = ceil(tiles / sms), steps = ceil(k / 128), and one step is the slower of the tensor cores
//              (2 bm bn 128 flops at the SM's share of the peak) and the operand feed ((bm + bn) 128 elements);
//              the tile bm x bn is the fastest of those the libraries choose from.
//   attention  t = floor + max( scores x (d_qk + d_v) flops / peak, bytes / HBM rate ), whole 128-row tiles, causal
//              kv blocks as far as the diagonal.
//   rows       t = floor + bytes / HBM rate.
#pragma once

#include "core/op.h"
#include "core/units.h"
#include "hw/device.h"

namespace orrery::hw {

/// The bound of an op: no kernel on `sms` SMs can be faster than max(flops / peak share, bytes / HBM rate), with
/// flops and bytes counted from the shape (Op::bytes for memory-bound kinds).
/// InputError if the op needs FP8 and the device has none.
Time Roofline(const Op& op, const Device& device, int sms);

/// The same with tiles, waves and the fixed floor of a launched kernel, in seconds: always at least Roofline. This is what measured
/// efficiencies are relative to.
double AnalyticSeconds(const Op& op, const Device& device, int sms);

/// Time of the smallest kernels: start of the grid and drain, 2 us (median of the trace's elementwise kernels over
/// 4096 x 256 is 3 us, their least 1 us; deepseek-ai/profile-data).
inline constexpr double kKernelFloorSeconds = 2e-6;

}  // namespace orrery::hw
