// Conversions between BF16, FP8 and the 12-bit format, checked on sampled rows against exact arithmetic on
// the inputs.
#include <cmath>

#include "profiler/device/workloads/function_workload.h"
#include "profiler/suite/error_norm.h"
#include "profiler/suite/reference.h"
#include "profiler/suite/scale_layout.h"

namespace orrery::profiler {
namespace {

struct Dimensions {
  explicit Dimensions(const SuiteCase& c)
      : rows(static_cast<int>(std::get<RowsShape>(c.shape).rows)),
        cols(static_cast<int>(std::get<RowsShape>(c.shape).cols)) {}
  int rows, cols;
  std::size_t count() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols); }
  std::size_t width() const { return static_cast<std::size_t>(cols); }
  RowScales scales() const { return RowScales::ForKernels(rows, cols); }
  std::size_t scale_bytes() const { return scales().Count() * sizeof(float); }
};

constexpr std::size_t kIn = 0, kOut = 1, kScales = 2, kMore = 3, kInScales = 3;
using Work = std::unique_ptr<FunctionWorkload>;

Work Make(std::initializer_list<std::size_t> sizes, const WorkloadOptions& options, double tolerance) {
  return std::make_unique<FunctionWorkload>(sizes, options, tolerance);
}

void FillBf16(FunctionWorkload& work, std::size_t buffer, std::uint64_t seed) {
  for (std::size_t i = 0; i < work.sets().size(); ++i) {
    const DeviceBuffer& target = work.sets()[i][buffer];
    FillNormal(target.as<Bf16>(), target.bytes() / 2, seed * 100 + i * 7 + buffer, 1.0f, nullptr);
  }
}

void FillFp8(FunctionWorkload& work, std::size_t buffer, std::uint64_t seed) {
  for (std::size_t i = 0; i < work.sets().size(); ++i) {
    const DeviceBuffer& target = work.sets()[i][buffer];
    FillNormalFp8(target.as<Fp8>(), target.bytes(), seed * 100 + i * 7 + buffer, 64.0f, nullptr);
  }
}

void FillScales(FunctionWorkload& work, std::size_t buffer, std::uint64_t seed) {
  for (std::size_t i = 0; i < work.sets().size(); ++i) {
    const DeviceBuffer& target = work.sets()[i][buffer];
    FillUniform(target.as<float>(), target.bytes() / sizeof(float), seed * 100 + i * 7 + buffer, 0.01f, 0.02f,
                nullptr);
  }
}

// Row of an e4m3 matrix with 1x128 scales.
Doubles ScaledRow(const DeviceBuffer& data, const DeviceBuffer& scales, const RowScales& layout,
                  std::size_t row, cudaStream_t stream) {
  const auto cols = static_cast<std::size_t>(layout.k);
  Doubles values = Fp8ToHost(data, row * cols, cols, stream);
  const Doubles all = FloatsToHost(scales, 0, layout.Count(), stream);
  for (std::size_t c = 0; c < cols; ++c)
    values[c] *= all[layout.Index(static_cast<int>(row), static_cast<int>(c))];
  return values;
}

double Compare(const Doubles& ours, const Doubles& reference, ErrorNorm& error) {
  for (std::size_t i = 0; i < ours.size(); ++i) error.Add(ours[i], reference[i]);
  return error.Relative();
}

bool Unwritten(const DeviceBuffer& fp8, cudaStream_t stream) {
  return CountNotFiniteFp8(fp8.as<Fp8>(), fp8.bytes(), stream) > 0;
}

Work MakeCast(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({2 * d.count(), d.count(), d.scale_bytes()}, options, kFp8Tolerance);
  FillBf16(*work, kIn, options.seed);
  work->OnLaunch([d](const BufferSet& s, cudaStream_t stream) {
    LaunchCast(s[kIn].as<Bf16>(), d.rows, d.cols, s[kOut].as<Fp8>(), s[kScales].as<float>(),
               d.scales().stride, stream);
  });
  work->OnCheck({kOut, kScales}, [d](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[kOut], stream)) return std::nan("");
    for (const std::size_t row : SampleRows(static_cast<std::size_t>(d.rows))) {
      Compare(ScaledRow(s[kOut], s[kScales], d.scales(), row, stream),
              Bf16ToHost(s[kIn], row * d.width(), d.width(), stream), error);
    }
    return error.Relative();
  });
  return work;
}

Work MakeSwiGluCast(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work =
      Make({4 * d.count(), d.count(), d.scale_bytes(), static_cast<std::size_t>(d.rows) * sizeof(float)},
           options, kFp8Tolerance);
  FillBf16(*work, kIn, options.seed);
  FillScales(*work, kMore, options.seed);  // the gate weights
  work->OnLaunch([d](const BufferSet& s, cudaStream_t stream) {
    LaunchSwiGluCast(s[kIn].as<Bf16>(), s[kMore].as<float>(), d.rows, d.cols, s[kOut].as<Fp8>(),
                     s[kScales].as<float>(), d.scales().stride, stream);
  });
  work->OnCheck({kOut, kScales}, [d](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[kOut], stream)) return std::nan("");
    for (const std::size_t row : SampleRows(static_cast<std::size_t>(d.rows))) {
      const Doubles gate_up = Bf16ToHost(s[kIn], row * 2 * d.width(), 2 * d.width(), stream);
      const std::span<const double> both(gate_up);
      const double weight = FloatsToHost(s[kMore], row, 1, stream)[0];
      Compare(ScaledRow(s[kOut], s[kScales], d.scales(), row, stream),
              SwiGluRow(both.first(d.width()), both.last(d.width()), weight), error);
    }
    return error.Relative();
  });
  return work;
}

// Column `col` of the source, and row `col` of the transposed result with its 128x1 scales.
double CompareTransposed(const Dimensions& d, const DeviceBuffer& out, const DeviceBuffer& scales,
                         std::size_t col, const Doubles& reference, ErrorNorm& error, cudaStream_t stream) {
  const auto rows = static_cast<std::size_t>(d.rows);
  Doubles ours = Fp8ToHost(out, col * rows, rows, stream);
  for (std::size_t block = 0; block < rows / kBlockK; ++block) {
    const double scale = FloatsToHost(scales, block * d.width() + col, 1, stream)[0];
    for (std::size_t r = block * kBlockK; r < (block + 1) * kBlockK; ++r) ours[r] *= scale;
  }
  return Compare(ours, reference, error);
}

Work MakeCastTranspose(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({2 * d.count(), d.count(), d.count() / kBlockK * sizeof(float)}, options, kFp8Tolerance);
  FillBf16(*work, kIn, options.seed);
  work->OnLaunch([d](const BufferSet& s, cudaStream_t stream) {
    LaunchCastTranspose(s[kIn].as<Bf16>(), d.rows, d.cols, s[kOut].as<Fp8>(), s[kScales].as<float>(), stream);
  });
  work->OnCheck({kOut, kScales}, [d](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[kOut], stream)) return std::nan("");
    const auto in = Download(s[kIn].as<std::uint16_t>(), d.count(), stream);
    for (const std::size_t col : SampleRows(d.width(), 5)) {
      Doubles reference;
      for (std::size_t r = 0; r < static_cast<std::size_t>(d.rows); ++r)
        reference.push_back(DecodeBf16(in[r * d.width() + col]));
      CompareTransposed(d, s[kOut], s[kScales], col, reference, error, stream);
    }
    return error.Relative();
  });
  return work;
}

Work MakeRequantize(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({d.count(), d.count(), d.count() / kBlockK * sizeof(float), d.scale_bytes()}, options,
                   kFp8Tolerance);
  FillFp8(*work, kIn, options.seed);
  FillScales(*work, kInScales, options.seed);
  std::vector<int> gather(static_cast<std::size_t>(d.rows));
  for (std::size_t r = 0; r < gather.size(); ++r)
    gather[r] = static_cast<int>(r * 7919 % gather.size());  // a prime step
  work->shared().push_back(Upload(gather));
  const int* index = work->shared()[0].as<int>();
  work->OnLaunch([d, index](const BufferSet& s, cudaStream_t stream) {
    LaunchRequantizeGather(s[kIn].as<Fp8>(), s[kInScales].as<float>(), d.scales().stride, index, d.rows,
                           d.cols, s[kOut].as<Fp8>(), s[kScales].as<float>(), stream);
  });
  work->OnCheck({kOut, kScales}, [d, gather](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[kOut], stream)) return std::nan("");
    const auto in = Download(s[kIn].as<Fp8>(), d.count(), stream);
    const Doubles scales = FloatsToHost(s[kInScales], 0, d.scales().Count(), stream);
    for (const std::size_t col : SampleRows(d.width(), 5)) {
      Doubles reference;
      for (const int source : gather) {
        const std::size_t at = static_cast<std::size_t>(source) * d.width() + col;
        reference.push_back(DecodeE4m3(in[at]) * scales[d.scales().Index(source, static_cast<int>(col))]);
      }
      CompareTransposed(d, s[kOut], s[kScales], col, reference, error, stream);
    }
    return error.Relative();
  });
  return work;
}

Work MakeTranspose(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  const int groups = c.label == "expert weight transpose" ? 4 : 1;
  const int rows = d.rows / groups;
  Work work = Make({d.count(), d.count()}, options, kExact);
  FillFp8(*work, kIn, options.seed);
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchTransposeFp8(s[kIn].as<Fp8>(), groups, rows, d.cols, s[kOut].as<Fp8>(), stream);
  });
  work->OnCheck({kOut}, [=](const BufferSet& s, cudaStream_t stream) {
    const auto in = Download(s[kIn].as<Fp8>(), d.count(), stream);
    const auto out = Download(s[kOut].as<Fp8>(), d.count(), stream);
    const std::size_t group_size = d.count() / static_cast<std::size_t>(groups);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < d.count(); i += 97) {  // a prime step: every row and column is met
      const std::size_t within = i % group_size;
      const std::size_t row = within / d.width();
      const std::size_t col = within % d.width();
      wrong += in[i] != out[i - within + col * static_cast<std::size_t>(rows) + row] ? 1 : 0;
    }
    return static_cast<double>(wrong);
  });
  return work;
}

Work MakeDequantize(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({d.count(), 2 * d.count(), d.scale_bytes()}, options, kBf16Tolerance);
  FillFp8(*work, kIn, options.seed);
  FillScales(*work, kScales, options.seed);
  work->OnLaunch([d](const BufferSet& s, cudaStream_t stream) {
    LaunchDequantize(s[kIn].as<Fp8>(), s[kScales].as<float>(), d.scales().stride, d.rows, d.cols,
                     s[kOut].as<Bf16>(), stream);
  });
  work->OnCheck({kOut}, [d](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (CountNotFinite(s[kOut].as<Bf16>(), d.count(), stream) > 0) return std::nan("");
    for (const std::size_t row : SampleRows(static_cast<std::size_t>(d.rows))) {
      Compare(Bf16ToHost(s[kOut], row * d.width(), d.width(), stream),
              ScaledRow(s[kIn], s[kScales], d.scales(), row, stream), error);
    }
    return error.Relative();
  });
  return work;
}

// Saved and restored, whichever of the two is timed.
Work MakeE5M6(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  const auto count = static_cast<long>(d.count());
  Work work = Make({2 * d.count(), d.count() / 8 * 12, d.count() / 128 * sizeof(float), 2 * d.count()},
                   options, kE5M6Tolerance);
  FillBf16(*work, kIn, options.seed);
  const auto save = [count](const BufferSet& s, cudaStream_t stream) {
    LaunchSaveE5M6(s[kIn].as<Bf16>(), count, s[kOut].as<std::uint32_t>(), s[kScales].as<float>(), stream);
  };
  const auto restore = [count](const BufferSet& s, cudaStream_t stream) {
    LaunchRestoreE5M6(s[kOut].as<std::uint32_t>(), s[kScales].as<float>(), count, s[kMore].as<Bf16>(),
                      stream);
  };
  for (const BufferSet& set : work->sets()) save(set, nullptr);
  const bool saving = c.kind == OpKind::kSaveE5M6;
  if (saving) {
    work->OnLaunch(save);
  } else {
    work->OnLaunch(restore);
  }
  work->OnCheck(saving ? std::vector<std::size_t>{kOut, kScales, kMore} : std::vector<std::size_t>{kMore},
                [=](const BufferSet& s, cudaStream_t stream) {
                  restore(s, stream);
                  ErrorNorm error;
                  if (CountNotFinite(s[kMore].as<Bf16>(), d.count(), stream) > 0) return std::nan("");
                  for (const std::size_t row : SampleRows(static_cast<std::size_t>(d.rows))) {
                    Compare(Bf16ToHost(s[kMore], row * d.width(), d.width(), stream),
                            Bf16ToHost(s[kIn], row * d.width(), d.width(), stream), error);
                  }
                  return error.Relative();
                });
  return work;
}

Work MakeByKind(const SuiteCase& c, const WorkloadOptions& options) {
  switch (c.kind) {
    case OpKind::kCastFp8:
      return MakeCast(c, options);
    case OpKind::kSwiGluCast:
      return MakeSwiGluCast(c, options);
    case OpKind::kCastTransposeFp8:
      return MakeCastTranspose(c, options);
    case OpKind::kRequantizeGather:
      return MakeRequantize(c, options);
    case OpKind::kTransposeFp8:
      return MakeTranspose(c, options);
    case OpKind::kDequantize:
      return MakeDequantize(c, options);
    default:
      return MakeE5M6(c, options);
  }
}

}  // namespace

std::unique_ptr<Workload> MakeConversionWorkload(const SuiteCase& suite_case,
                                                 const WorkloadOptions& options) {
  Work work = MakeByKind(suite_case, options);
  ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
  return work;
}

}  // namespace orrery::profiler
