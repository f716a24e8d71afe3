// The analytic half of the cost model: what a kernel would take if every SM and the memory ran at their
// data-sheet rates. Knows tiles and waves, so that measured efficiencies carry from one shape to another
// without the quantisation in them.
//
//   GEMM       t = floor + max( waves x steps x step, bytes / HBM rate )
//              waves = ceil(tiles / sms), steps = ceil(k / 128), and one step is the slower of the tensor
//              cores (2 bm bn 128 flops at the SM's share of the peak) and the operand feed ((bm + bn) 128
//              elements); the tile bm x bn is the fastest of those the libraries choose from.
//   attention  t = floor + max( scores x (d_qk + d_v) flops / peak, bytes / HBM rate ), whole 128-row tiles,
//              causal kv blocks as far as the diagonal.
//   rows       t = floor + bytes / HBM rate.
//
// Floors are the device's, a kind of kernel (Device::floors). That of a GEMM or of attention over prompts
// scales with its efficiency like the rest; that of a memory-bound kernel or of decode attention does not,
// since most of the time of a small one is the floor.
//
// More of a device never costs time: every term falls, or stays, with a higher memory rate, peak or number
// of SMs (of the same kind: the peak grows along), and with fewer bytes. Since a measured efficiency is a
// ratio that knows nothing of the device, prices have the same property.
#pragma once

#include "core/base/units.h"
#include "core/op/op.h"
#include "core/op/op_work.h"
#include "hw/device.h"

namespace orrery::hw {

/// Whether decode attention reads another cache than the kernels measured at its shape: other elements than
/// BF16, or a latent without a part for the rotation.
bool IsUnlikeItsShape(const Op& op);
/// Data-sheet operations per second of the type that `kind` computes in. InputError if it is FP8 and the
/// device has none.
double PeakFlops(OpKind kind, const Device& device);

/// The bound of an op: no kernel on `sms` SMs can be faster than max(flops / peak share, bytes / HBM rate),
/// with flops and bytes as of WorkOf. InputError if the op needs FP8 and the device has none.
Time Roofline(const Op& op, const Device& device, int sms);
/// The same in seconds, for ops and devices of any size.
double RooflineSeconds(const Op& op, const Device& device, int sms);

/// No shorter than Roofline, and for absorbed MLA decode no faster than the best kernel known on the device
/// (Device::mla_decode).
double AttainableSeconds(const Op& op, const Device& device, int sms);

/// What an op would take with ideal tiles, and what part of it no efficiency changes.
struct AnalyticTime {
  double fixed = 0;     ///< seconds of launch and drain that no efficiency changes
  double variable = 0;  ///< seconds that grow with the shape; a measured efficiency divides these
  double Seconds(double log_ratio) const;  ///< fixed + variable exp(log_ratio)
  double LogRatio(double seconds) const;   ///< the inverse
};

/// The bound with tiles and waves. Measured efficiencies are relative to this.
AnalyticTime Analytic(const Op& op, const Device& device, int sms);

}  // namespace orrery::hw
