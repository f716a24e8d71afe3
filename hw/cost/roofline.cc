#include "hw/cost/roofline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/op/op_traits.h"

namespace orrery::hw {
namespace {

constexpr double kFp8Bytes = 1, kBf16Bytes = 2;
constexpr std::int64_t kStepK = 128;  // elements of k a tile consumes between barriers: the FP8 scale block

double D(std::int64_t v) { return static_cast<double>(v); }

// ------------------------------------------------------------------------------------------------- GEMM

/// A GEMM as a launch sees it: `problems` equal problems of `rows` x n, each with `steps` k steps.
struct GemmGrid {
  std::int64_t problems, rows, n;
  double steps;                              ///< of k; the mean of the problems where they differ
  bool fixed_tile;                           ///< grouped contiguous kernels take 128-row tiles only
  bool uneven;                               ///< `rows` is a mean: problems have more and fewer
  std::int64_t tiles_64 = 0, tiles_128 = 0;  ///< row tiles of all problems where the rows of each are known
};

/// Tiles of bm rows over all problems. Uneven ones of which only the total is known are drawn as the masked tables
/// were, 0.7 to 1.3 of the mean (InferSim kernel_benchmark), here at the four octiles of that range.
double RowTiles(const GemmGrid& grid, std::int64_t bm) {
  if (grid.tiles_128 > 0) return D(bm == 64 ? grid.tiles_64 : grid.tiles_128);
  if (!grid.uneven) return D(grid.problems * CeilDiv(grid.rows, bm));
  double tiles = 0;
  for (const double share : {0.775, 0.925, 1.075, 1.225})
    tiles += std::ceil(share * D(grid.rows) / D(bm)) / 4;
  return D(grid.problems) * tiles;
}

GemmGrid Grid(OpKind kind, const GemmShape& s) {
  const double steps = D(CeilDiv(s.k, kStepK));
  switch (Traits(kind).ragged) {
    case Ragged::kM:
      return {1, s.m, s.n, steps, true, false, s.tiles_64, s.tiles_128};
    case Ragged::kMaskedM: {
      const std::int64_t active = std::max<std::int64_t>(1, std::min(s.groups, s.m));
      return {active, CeilDiv(s.m, active), s.n, steps, false, s.groups > 1, s.tiles_64, s.tiles_128};
    }
    case Ragged::kK: {
      const double mean =
          s.tiles_128 > 0 ? D(s.tiles_128) / D(s.groups) : D(CeilDiv(CeilDiv(s.k, s.groups), kStepK));
      return {s.groups, s.m, s.n, mean, false, false};
    }
    case Ragged::kNone:
      break;
  }
  return {s.groups, s.m, s.n, steps, false, false, s.tiles_64, s.tiles_128};
}

/// Seconds of the tensor-core part with the best tile: 64 or 128 rows by up to 128 columns, unaligned widths
/// such as 112 among them (deepseek-ai/DeepGEMM README, "Unaligned block sizes").
double GemmTileSeconds(OpKind kind, const GemmGrid& grid, const Device& device, int sms) {
  const double sm_peak = PeakFlops(kind, device) / device.sms;
  const double element = IsFp8(kind) ? kFp8Bytes : kBf16Bytes;
  double best = std::numeric_limits<double>::infinity();
  for (const std::int64_t bm : {64, 128}) {
    if (grid.fixed_tile && bm != 128) continue;
    const double row_tiles = RowTiles(grid, bm);
    for (const std::int64_t bn : {16, 32, 48, 64, 96, 112, 128}) {
      const double waves = std::ceil(row_tiles * D(CeilDiv(grid.n, bn)) / sms);
      const double math = 2 * D(bm * bn * kStepK) / sm_peak;
      const double feed = D((bm + bn) * kStepK) * element / device.operand_feed.value;
      best = std::min(best, waves * grid.steps * std::max(math, feed));
    }
  }
  return best;
}

// -------------------------------------------------------------------------------------------- attention

/// Share of the computed tiles that counts: queries in tiles of 128, causal tiles whole as far as the
/// diagonal.
double TileWaste(const AttentionShape& s) {
  constexpr double kTile =
      128;  // FlashAttention-3 tile at d_qk 192 (trace: Flash_fwd_kernel_traits<192, 128, 128>)
  if (s.q_len == 1) return 1;
  const double q = D(s.q_len), padded = D(RoundUp(s.q_len, 128));
  if (!s.causal) return padded / q;
  return (padded * (D(s.kv_len) - q / 2) + padded * kTile / 2) / Scores(s);
}

double DecodeSeconds(const Op& op, const Device& device, int sms) {
  const Work work = WorkOf(op);
  const bool latent = IsLatent(std::get<AttentionShape>(op.shape));
  const ReachedShare share = latent ? device.mla_decode : ReachedShare{};
  const double peak = share.bf16 * device.bf16.value * sms / device.sms;
  return std::max(work.flops / peak, work.bytes / (share.memory_rate * device.memory_rate.value));
}

double AttentionSeconds(OpKind kind, const AttentionShape& s, const Device& device, int sms) {
  const Work work = WorkOf(kind, s);
  const double peak = device.bf16.value * sms / device.sms;
  const double tiles = D(s.batch * s.heads * CeilDiv(s.q_len, 128));
  const double occupancy = std::min(1.0, tiles / sms);
  return std::max(work.flops * TileWaste(s) / (peak * occupancy), work.bytes / device.memory_rate.value);
}

/// Weight gradients of experts are grouped too, but no table has small ones.
double GemmFloor(OpKind kind, const Device& device) {
  const Ragged ragged = Traits(kind).ragged;
  return ragged == Ragged::kM || ragged == Ragged::kMaskedM ? device.floors.grouped : device.floors.gemm;
}

/// That of a prompt's forward is measured, no small backward is.
double PromptFloor(OpKind kind, const Device& device) {
  return kind == OpKind::kAttentionForward ? device.floors.prompts : device.floors.gemm;
}

double MemoryRate(OpKind kind, const Device& device) {
  return Traits(kind).bound == Bound::kHostLink ? device.host.value : device.memory_rate.value;
}

}  // namespace

double PeakFlops(OpKind kind, const Device& device) {
  if (!IsFp8(kind)) return device.bf16.value;
  if (device.fp8.value > 0) return device.fp8.value;
  throw InputError("device '" + device.name + "' has no FP8, which " + std::string(Name(kind)) +
                   " needs; choose a BF16 precision");
}

bool IsUnlikeItsShape(const Op& op) {
  const auto* s = std::get_if<AttentionShape>(&op.shape);
  if (op.kind != OpKind::kAttentionDecode || s == nullptr) return false;
  return s->latent || (s->kv_bytes != 0 && s->kv_bytes != Bf16KvBytes(op.kind, *s));
}

double RooflineSeconds(const Op& op, const Device& device, int sms) {
  const Work work = WorkOf(op);
  const double compute = work.flops > 0 ? work.flops / (PeakFlops(op.kind, device) * sms / device.sms) : 0;
  return std::max(compute, work.bytes / MemoryRate(op.kind, device));
}

Time Roofline(const Op& op, const Device& device, int sms) {
  return FromSeconds(RooflineSeconds(op, device, sms));
}

double AttainableSeconds(const Op& op, const Device& device, int sms) {
  constexpr double kRounding = 1e-12;  // never faster for having been rounded to a picosecond
  if (op.kind != OpKind::kAttentionDecode) return RooflineSeconds(op, device, sms);
  return DecodeSeconds(op, device, sms) + kRounding;
}

double AnalyticTime::Seconds(double log_ratio) const { return fixed + variable * std::exp(log_ratio); }

double AnalyticTime::LogRatio(double seconds) const {
  constexpr double kLeast = 1e-9;  // a kernel measured at or under the floor
  return std::log(std::max(seconds - fixed, kLeast) / variable);
}

AnalyticTime Analytic(const Op& op, const Device& device, int sms) {
  const Work work = WorkOf(op);
  if (const auto* gemm = std::get_if<GemmShape>(&op.shape)) {
    const double tiles = GemmTileSeconds(op.kind, Grid(op.kind, *gemm), device, sms);
    return {0, GemmFloor(op.kind, device) + std::max(tiles, work.bytes / device.memory_rate.value)};
  }
  if (const auto* attention = std::get_if<AttentionShape>(&op.shape)) {
    if (op.kind == OpKind::kAttentionDecode) return {device.floors.decode, DecodeSeconds(op, device, sms)};
    return {0, PromptFloor(op.kind, device) + AttentionSeconds(op.kind, *attention, device, sms)};
  }
  return {device.floors.memory_bound, std::max(work.bytes, 1.0) / MemoryRate(op.kind, device)};
}

}  // namespace orrery::hw
