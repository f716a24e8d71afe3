// GEMMs of cuBLASLt: FP8 with block scaling, BF16, and grouped weight gradients as one call per expert.
#ifndef ORRERY_NO_CUBLASLT
#include <vector>

#include "profiler/device/runtime/check.h"
#include "profiler/device/workloads/lt_gemm.h"
#include "profiler/device/workloads/workload.h"
#include "profiler/suite/scale_layout.h"

namespace orrery::profiler {
namespace {

constexpr double kTolerance = 5e-3;      // BF16 rounding of the result, see workload_gemm.cu
constexpr double kToleranceFast = 5e-2;  // the shorter accumulator over all of K
constexpr int kSamples = 8192;

struct InputSet {
  DeviceBuffer a, a_scales, b, b_scales, d;
};

LtShape ShapeOf(const SuiteCase& c) {
  const auto& s = std::get<GemmShape>(c.shape);
  LtShape shape;
  shape.m = static_cast<int>(s.m);
  shape.n = static_cast<int>(s.n);
  shape.k = static_cast<int>(s.k);
  shape.fp8 = c.kind != OpKind::kGemmBf16;
  shape.weight_gradient = c.kind == OpKind::kGemmFp8Wgrad || c.kind == OpKind::kGroupedGemmFp8Wgrad;
  if (c.kind == OpKind::kGemmBf16) shape.batch = static_cast<int>(s.groups);
  if (c.kind == OpKind::kGroupedGemmFp8Wgrad) shape.k = static_cast<int>(s.k / s.groups);
  shape.fp32_out = c.label == "gate logits";
  shape.fast_accumulate = c.variant == "fast-accumulate";
  shape.sms = c.sms == kAllSms ? 0 : c.sms;
  return shape;
}

class LibraryGemm final : public Workload {
 public:
  LibraryGemm(const SuiteCase& c, const WorkloadOptions& options)
      : options_(options),
        shape_(ShapeOf(c)),
        calls_(c.kind == OpKind::kGroupedGemmFp8Wgrad ? static_cast<int>(std::get<GemmShape>(c.shape).groups)
                                                      : 1),
        gemm_(shape_),
        workspace_(kLtWorkspaceBytes) {
    const std::size_t bytes = ABytes() * Count() + BBytes() * Count() + DBytes() * Count();
    sets_.resize(static_cast<std::size_t>(RotationsFor(bytes, options)));
    for (std::size_t i = 0; i < sets_.size(); ++i) Fill(sets_[i], options.seed * 1000 + i);
    ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
    Stream stream;
    gemm_.Choose(PointersOf(sets_[0], 0), workspace_.as<void>(), workspace_.bytes(), stream.get());
  }

  void Launch(cudaStream_t stream, int rotation) override {
    const InputSet& set = sets_[static_cast<std::size_t>(rotation) % sets_.size()];
    for (int call = 0; call < calls_; ++call)
      gemm_.Launch(PointersOf(set, call), workspace_.as<void>(), workspace_.bytes(), stream);
  }

  std::optional<double> Check(cudaStream_t stream) override {
    if (shape_.weight_gradient) {  // accumulates, so from zero
      ORRERY_CUDA_CHECK(cudaMemsetAsync(sets_[0].d.as<void>(), 0, sets_[0].d.bytes(), stream));
    } else {
      Poison(sets_[0].d, stream);
    }
    Launch(stream, 0);
    GemmCheck check;
    const int parts = calls_ * shape_.batch;
    for (int part = 0; part < parts; ++part) {
      check.Add(OperandA(part), OperandB(part), ResultOf(part), shape_.m, shape_.n, shape_.k,
                kSamples / parts, options_.seed + static_cast<std::uint64_t>(part), stream);
    }
    return check.Error(stream);
  }

  double tolerance() const override { return shape_.fast_accumulate ? kToleranceFast : kTolerance; }
  int rotations() const override { return static_cast<int>(sets_.size()); }

 private:
  // Of one matrix; a set holds Count() of each.
  std::size_t Width() const { return shape_.fp8 ? 1 : 2; }
  std::size_t Count() const { return static_cast<std::size_t>(calls_ * shape_.batch); }
  std::size_t ABytes() const {
    return Width() * static_cast<std::size_t>(shape_.m) * static_cast<std::size_t>(shape_.k);
  }
  std::size_t BBytes() const {
    return Width() * static_cast<std::size_t>(shape_.n) * static_cast<std::size_t>(shape_.k);
  }
  bool Fp32() const { return shape_.weight_gradient || shape_.fp32_out; }
  std::size_t DBytes() const {
    return (Fp32() ? 4u : 2u) * static_cast<std::size_t>(shape_.m) * static_cast<std::size_t>(shape_.n);
  }
  RowScales AScales() const { return RowScales::ForCublas(shape_.m, shape_.k); }
  std::size_t BScaleCount() const {
    return shape_.weight_gradient ? RowScales::ForCublas(shape_.n, shape_.k).Count()
                                  : BlockScales::ForCublas(shape_.n, shape_.k).Count();
  }

  void Fill(InputSet& set, std::uint64_t seed) {
    set.a = DeviceBuffer(ABytes() * Count());
    set.b = DeviceBuffer(BBytes() * Count());
    set.d = DeviceBuffer(DBytes() * Count());
    ORRERY_CUDA_CHECK(cudaMemset(set.d.as<void>(), 0, set.d.bytes()));
    if (!shape_.fp8) {
      FillNormal(set.a.as<__nv_bfloat16>(), set.a.bytes() / 2, seed, 1.0f, nullptr);
      FillNormal(set.b.as<__nv_bfloat16>(), set.b.bytes() / 2, seed + 100, 0.02f, nullptr);
      return;
    }
    set.a_scales = DeviceBuffer(AScales().Count() * Count() * sizeof(float));
    set.b_scales = DeviceBuffer(BScaleCount() * Count() * sizeof(float));
    FillNormalFp8(set.a.as<std::uint8_t>(), set.a.bytes(), seed, 64.0f, nullptr);
    FillNormalFp8(set.b.as<std::uint8_t>(), set.b.bytes(), seed + 100, 64.0f, nullptr);
    // Fast accumulation takes one scale per tensor: all are equal.
    const float spread = shape_.fast_accumulate ? 1.0f : 2.0f;
    FillUniform(set.a_scales.as<float>(), set.a_scales.bytes() / sizeof(float), seed + 200, 0.01f,
                spread * 0.01f, nullptr);
    FillUniform(set.b_scales.as<float>(), set.b_scales.bytes() / sizeof(float), seed + 300, 0.001f,
                spread * 0.001f, nullptr);
  }

  LtPointers PointersOf(const InputSet& set, int call) const {
    const auto i = static_cast<std::size_t>(call);
    LtPointers p;
    p.a = set.a.as<char>() + i * ABytes();
    p.b = set.b.as<char>() + i * BBytes();
    p.d = set.d.as<char>() + i * DBytes();
    if (shape_.fp8)
      p.a_scales = set.a_scales.as<float>() + i * AScales().Count(),
      p.b_scales = set.b_scales.as<float>() + i * BScaleCount();
    return p;
  }

  CheckOperand OperandA(int part) const {
    const LtPointers p = PointersOf(sets_[0], part);
    return {p.a, shape_.fp8, shape_.k, p.a_scales, 1, 1, AScales().stride};
  }
  CheckOperand OperandB(int part) const {
    const LtPointers p = PointersOf(sets_[0], part);
    if (shape_.weight_gradient)
      return {p.b, true, shape_.k, p.b_scales, 1, 1, RowScales::ForCublas(shape_.n, shape_.k).stride};
    return {p.b, shape_.fp8, shape_.k, p.b_scales, kBlockK, BlockScales::ForCublas(shape_.n, shape_.k).stride,
            1};
  }
  CheckResult ResultOf(int part) const { return {PointersOf(sets_[0], part).d, Fp32(), shape_.n}; }

  WorkloadOptions options_;
  LtShape shape_;
  int calls_;
  LtGemm gemm_;
  DeviceBuffer workspace_;
  std::vector<InputSet> sets_;
};

}  // namespace

std::unique_ptr<Workload> MakeLibraryWorkload(const SuiteCase& suite_case, const WorkloadOptions& options) {
  return std::make_unique<LibraryGemm>(suite_case, options);
}

}  // namespace orrery::profiler

#endif  // ORRERY_NO_CUBLASLT
