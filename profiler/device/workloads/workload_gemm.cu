// The project's own FP8 GEMM, dense and grouped.
#include <algorithm>
#include <vector>

#include "profiler/device/kernels/grouped_gemm.h"
#include "profiler/device/runtime/check.h"
#include "profiler/device/workloads/workload.h"
#include "profiler/suite/scale_layout.h"

namespace orrery::profiler {
namespace {

// Rounded in BF16 the result is off by 2^-9 / sqrt(3) of its size; the tensor cores' shorter accumulator adds
// to that over a long K without promotion (DeepSeek-V3, section 3.5.2, saw up to 2 %).
constexpr double kTolerance = 5e-3;
constexpr double kToleranceUnpromoted = 5e-2;
constexpr int kSamples = 8192;

struct InputSet {
  DeviceBuffer a, a_scales, b, b_scales, d;
};

class OwnGemm final : public Workload {
 public:
  OwnGemm(const SuiteCase& c, const WorkloadOptions& options)
      : options_(options), shape_(std::get<GemmShape>(c.shape)) {
    masked_ = c.kind == OpKind::kGroupedGemmFp8Masked;
    gemm_.groups = static_cast<int>(shape_.groups);
    gemm_.n = static_cast<int>(shape_.n);
    gemm_.k = static_cast<int>(shape_.k);
    gemm_.sms = c.sms;
    gemm_.promotion = c.variant == "no-promotion" ? Promotion::kNone : Promotion::kEvery128OfK;
    gemm_.multicast = c.variant != "no-multicast";
    LayOutRows(SkewOf(c.variant));
    const std::size_t bytes = Elements(all_rows_, gemm_.k) + Elements(gemm_.groups * gemm_.n, gemm_.k) +
                              2 * Elements(all_rows_, gemm_.n);
    sets_.resize(static_cast<std::size_t>(RotationsFor(bytes, options)));
    for (std::size_t i = 0; i < sets_.size(); ++i) Fill(sets_[i], options.seed * 1000 + i);
    ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
  }

  void Launch(cudaStream_t stream, int rotation) override {
    const InputSet& set = sets_[static_cast<std::size_t>(rotation) % sets_.size()];
    gemm_.a = set.a.as<void>();
    gemm_.a_scales = set.a_scales.as<float>();
    gemm_.b = set.b.as<void>();
    gemm_.b_scales = set.b_scales.as<float>();
    gemm_.d = set.d.as<__nv_bfloat16>();
    LaunchGroupedGemm(gemm_, stream);
  }

  std::optional<double> Check(cudaStream_t stream) override {
    Poison(sets_[0].d, stream);
    Launch(stream, 0);
    GemmCheck check;
    long row = 0;
    for (int g = 0; g < gemm_.groups; ++g) {
      const long first = masked_ ? static_cast<long>(g) * gemm_.rows : row;
      CheckGroup(check, g, first, group_rows_[static_cast<std::size_t>(g)], stream);
      row += group_rows_[static_cast<std::size_t>(g)];
    }
    return check.Error(stream);
  }

  double tolerance() const override {
    return gemm_.promotion == Promotion::kNone ? kToleranceUnpromoted : kTolerance;
  }
  int rotations() const override { return static_cast<int>(sets_.size()); }

 private:
  static std::size_t Elements(long rows, long cols) {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
  }

  void LayOutRows(double skew) {
    const auto groups = static_cast<std::size_t>(shape_.groups);
    if (masked_) {
      const auto each = static_cast<int>(shape_.m / shape_.groups);
      group_rows_.assign(groups, each);
      gemm_.rows = PadTo(each, kTileM);
      all_rows_ = gemm_.rows * gemm_.groups;
      group_data_ = Upload(group_rows_);
      gemm_.masked_rows = group_data_.as<int>();
      return;
    }
    gemm_.rows = all_rows_ = static_cast<int>(shape_.m);
    group_rows_ =
        groups == 1 ? std::vector<std::int32_t>{all_rows_} : SkewedRows(shape_.m, gemm_.groups, skew);
    if (groups == 1) return;
    std::vector<int> group_of_block;
    for (std::size_t g = 0; g < groups; ++g)
      group_of_block.insert(group_of_block.end(), static_cast<std::size_t>(group_rows_[g] / kTileM),
                            static_cast<int>(g));
    group_data_ = Upload(group_of_block);
    gemm_.group_of_row_block = group_data_.as<int>();
  }

  RowScales ScalesOfA() const { return RowScales::ForKernels(masked_ ? gemm_.rows : all_rows_, gemm_.k); }
  BlockScales ScalesOfB() const { return BlockScales::ForKernels(gemm_.n, gemm_.k); }

  void Fill(InputSet& set, std::uint64_t seed) {
    const std::size_t a_scales = ScalesOfA().Count() * (masked_ ? static_cast<std::size_t>(gemm_.groups) : 1);
    const std::size_t b_scales = ScalesOfB().Count() * static_cast<std::size_t>(gemm_.groups);
    set.a = DeviceBuffer(Elements(all_rows_, gemm_.k));
    set.b = DeviceBuffer(Elements(static_cast<long>(gemm_.groups) * gemm_.n, gemm_.k));
    set.d = DeviceBuffer(2 * Elements(all_rows_, gemm_.n));
    set.a_scales = DeviceBuffer(a_scales * sizeof(float));
    set.b_scales = DeviceBuffer(b_scales * sizeof(float));
    // Without promotion there is one scale per tensor, so all are equal; and both variants then compute the
    // same.
    const bool uniform = gemm_.promotion == Promotion::kNone;
    FillNormalFp8(set.a.as<std::uint8_t>(), set.a.bytes(), seed, 64.0f, nullptr);
    FillNormalFp8(set.b.as<std::uint8_t>(), set.b.bytes(), seed + 100, 64.0f, nullptr);
    FillUniform(set.a_scales.as<float>(), a_scales, seed + 200, 0.01f, uniform ? 0.01f : 0.02f, nullptr);
    FillUniform(set.b_scales.as<float>(), b_scales, seed + 300, 0.001f, uniform ? 0.001f : 0.002f, nullptr);
  }

  void CheckGroup(GemmCheck& check, int group, long first_row, int rows, cudaStream_t stream) const {
    const InputSet& set = sets_[0];
    const RowScales a_scales = ScalesOfA();
    const BlockScales b_scales = ScalesOfB();
    const long a_scale_offset =
        masked_ ? static_cast<long>(group) * static_cast<long>(a_scales.Count()) : first_row;
    const CheckOperand a{set.a.as<std::uint8_t>() + first_row * gemm_.k,
                         true,
                         gemm_.k,
                         set.a_scales.as<float>() + a_scale_offset,
                         1,
                         1,
                         a_scales.stride};
    const CheckOperand b{
        set.b.as<std::uint8_t>() + static_cast<long>(group) * gemm_.n * gemm_.k,
        true,
        gemm_.k,
        set.b_scales.as<float>() + static_cast<long>(group) * static_cast<long>(b_scales.Count()),
        kBlockK,
        b_scales.stride,
        1};
    const CheckResult d{set.d.as<__nv_bfloat16>() + first_row * gemm_.n, false, gemm_.n};
    check.Add(a, b, d, rows, gemm_.n, gemm_.k, std::max(256, kSamples / gemm_.groups),
              options_.seed + static_cast<std::uint64_t>(group), stream);
  }

  WorkloadOptions options_;
  GemmShape shape_;
  bool masked_ = false;
  int all_rows_ = 0;
  GroupedGemm gemm_;
  std::vector<std::int32_t> group_rows_;
  DeviceBuffer group_data_;
  std::vector<InputSet> sets_;
};

}  // namespace

std::unique_ptr<Workload> MakeGemmWorkload(const SuiteCase& suite_case, const WorkloadOptions& options) {
  return std::make_unique<OwnGemm>(suite_case, options);
}

}  // namespace orrery::profiler
