// The remaining memory-bound kernels: norms, SwiGLU, rotary, moves of rows, the gate, the optimizer, the
// loss, copies.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "profiler/device/workloads/function_workload.h"
#include "profiler/suite/error_norm.h"
#include "profiler/suite/reference.h"

namespace orrery::profiler {
namespace {

using Work = std::unique_ptr<FunctionWorkload>;
constexpr float kEpsilon = 1e-6f;

struct Dimensions {
  explicit Dimensions(const SuiteCase& c)
      : rows(static_cast<int>(std::get<RowsShape>(c.shape).rows)),
        cols(static_cast<int>(std::get<RowsShape>(c.shape).cols)) {}
  int rows, cols;
  std::size_t height() const { return static_cast<std::size_t>(rows); }
  std::size_t width() const { return static_cast<std::size_t>(cols); }
  std::size_t count() const { return height() * width(); }
};

Work Make(std::initializer_list<std::size_t> sizes, const WorkloadOptions& options, double tolerance) {
  return std::make_unique<FunctionWorkload>(sizes, options, tolerance);
}

void Fill(FunctionWorkload& work, std::initializer_list<std::size_t> buffers, std::uint64_t seed) {
  for (std::size_t i = 0; i < work.sets().size(); ++i) {
    for (const std::size_t b : buffers) {
      const DeviceBuffer& target = work.sets()[i][b];
      FillNormal(target.as<Bf16>(), target.bytes() / 2, seed * 100 + i * 11 + b, 1.0f, nullptr);
    }
  }
}

void FillFloats(FunctionWorkload& work, std::initializer_list<std::size_t> buffers, std::uint64_t seed,
                float scale) {
  for (std::size_t i = 0; i < work.sets().size(); ++i) {
    for (const std::size_t b : buffers) {
      const DeviceBuffer& target = work.sets()[i][b];
      FillNormal(target.as<float>(), target.bytes() / sizeof(float), seed * 100 + i * 11 + b, scale, nullptr);
    }
  }
}

// A normal bf16 vector common to all sets.
const Bf16* SharedVector(FunctionWorkload& work, std::size_t count, std::uint64_t seed) {
  work.shared().emplace_back(2 * count);
  FillNormal(work.shared().back().as<Bf16>(), count, seed + 77 * work.shared().size(), 1.0f, nullptr);
  return work.shared().back().as<Bf16>();
}

void AddAll(ErrorNorm& error, const Doubles& ours, const Doubles& reference) {
  for (std::size_t i = 0; i < ours.size(); ++i) error.Add(ours[i], reference[i]);
}

double NaN() { return std::nan(""); }
bool Unwritten(const DeviceBuffer& b, std::size_t count, cudaStream_t stream) {
  return CountNotFinite(b.as<Bf16>(), count, stream) > 0;
}
Doubles RowOf(const DeviceBuffer& b, std::size_t row, const Dimensions& d, cudaStream_t stream) {
  return Bf16ToHost(b, row * d.width(), d.width(), stream);
}

Work MakeRmsNorm(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  const bool residual = c.variant == "residual";
  const std::size_t extra = residual ? 2 * d.count() : 0;
  Work work =
      Make({2 * d.count(), 2 * d.count(), extra, extra}, options, kBf16Tolerance);  // x, y, residual, sum
  Fill(*work, {0, 2}, options.seed);
  SharedVector(*work, d.width(), options.seed);
  const auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchRmsNorm(s[0].as<Bf16>(), s[2].as<Bf16>(), shared[0].as<Bf16>(), d.rows, d.cols, kEpsilon,
                  s[1].as<Bf16>(), s[3].as<Bf16>(), nullptr, stream);
  });
  work->OnCheck(residual ? std::vector<std::size_t>{1, 3} : std::vector<std::size_t>{1},
                [=, &shared](const BufferSet& s, cudaStream_t stream) {
                  ErrorNorm error;
                  const Doubles gain = Bf16ToHost(shared[0], 0, d.width(), stream);
                  if (Unwritten(s[1], d.count(), stream) || (residual && Unwritten(s[3], d.count(), stream)))
                    return NaN();
                  for (const std::size_t row : SampleRows(d.height())) {
                    Doubles x = RowOf(s[0], row, d, stream);
                    if (residual) {
                      const Doubles r = RowOf(s[2], row, d, stream);
                      for (std::size_t i = 0; i < x.size(); ++i) x[i] += r[i];
                      AddAll(error, RowOf(s[3], row, d, stream), x);
                    }
                    AddAll(error, RowOf(s[1], row, d, stream), RmsNormRow(x, gain, kEpsilon));
                  }
                  return error.Relative();
                });
  return work;
}

Work MakeLayerNorm(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({2 * d.count(), 2 * d.count()}, options, kBf16Tolerance);
  Fill(*work, {0}, options.seed);
  SharedVector(*work, d.width(), options.seed);
  SharedVector(*work, d.width(), options.seed);
  const auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchLayerNorm(s[0].as<Bf16>(), shared[0].as<Bf16>(), shared[1].as<Bf16>(), d.rows, d.cols, kEpsilon,
                    s[1].as<Bf16>(), stream);
  });
  work->OnCheck({1}, [=, &shared](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[1], d.count(), stream)) return NaN();
    const Doubles gain = Bf16ToHost(shared[0], 0, d.width(), stream);
    const Doubles bias = Bf16ToHost(shared[1], 0, d.width(), stream);
    for (const std::size_t row : SampleRows(d.height())) {
      AddAll(error, RowOf(s[1], row, d, stream),
             LayerNormRow(RowOf(s[0], row, d, stream), gain, bias, kEpsilon));
    }
    return error.Relative();
  });
  return work;
}

// Sampled columns of the gain's gradient, sums over all rows. Buffers as in MakeRmsNormBackward.
double GainGradientError(const BufferSet& s, const DeviceBuffer& d_gain, const Dimensions& d,
                         cudaStream_t stream) {
  const auto x = Download(s[0].as<std::uint16_t>(), d.count(), stream);
  const auto d_y = Download(s[1].as<std::uint16_t>(), d.count(), stream);
  const Doubles rstd = FloatsToHost(s[3], 0, d.height(), stream);
  const Doubles ours = FloatsToHost(d_gain, 0, d.width(), stream);
  ErrorNorm error;
  for (const std::size_t col : SampleRows(d.width())) {
    double sum = 0;
    for (std::size_t row = 0; row < d.height(); ++row) {
      const std::size_t at = row * d.width() + col;
      sum += DecodeBf16(x[at]) * rstd[row] * DecodeBf16(d_y[at]);
    }
    error.Add(ours[col], sum);
  }
  return error.Relative();
}

Work MakeRmsNormBackward(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  const int blocks = 2 * c.sms;
  Work work = Make({2 * d.count(), 2 * d.count(), 2 * d.count(), d.height() * 4}, options,
                   kBf16Tolerance);  // x, dy, dx, rstd
  Fill(*work, {0, 1, 2}, options.seed);
  const Bf16* gain = SharedVector(*work, d.width(), options.seed);
  work->shared().emplace_back(static_cast<std::size_t>(blocks) * d.width() * 4);
  work->shared().emplace_back(d.width() * 4);
  Poison(work->shared().back(), nullptr);
  const auto& shared = work->shared();
  for (const BufferSet& s : work->sets()) {  // the forward pass leaves rstd
    LaunchRmsNorm(s[0].as<Bf16>(), nullptr, gain, d.rows, d.cols, kEpsilon, s[2].as<Bf16>(), nullptr,
                  s[3].as<float>(), nullptr);
  }
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchRmsNormBackward(s[0].as<Bf16>(), shared[0].as<Bf16>(), s[3].as<float>(), s[1].as<Bf16>(), d.rows,
                          d.cols, blocks, s[2].as<Bf16>(), shared[1].as<float>(), shared[2].as<float>(),
                          stream);
  });
  work->OnCheck({2}, [=, &shared](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[2], d.count(), stream)) return NaN();
    const Doubles gains = Bf16ToHost(shared[0], 0, d.width(), stream);
    for (const std::size_t row : SampleRows(d.height())) {
      AddAll(error, RowOf(s[2], row, d, stream),
             RmsNormBackwardRow(RowOf(s[0], row, d, stream), gains, RowOf(s[1], row, d, stream), kEpsilon));
    }
    return error.Relative() + GainGradientError(s, shared[2], d, stream);
  });
  return work;
}

Work MakeSwiGlu(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({4 * d.count(), 2 * d.count()}, options, kBf16Tolerance);
  Fill(*work, {0}, options.seed);
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchSwiGlu(s[0].as<Bf16>(), d.rows, d.cols, s[1].as<Bf16>(), stream);
  });
  work->OnCheck({1}, [=](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[1], d.count(), stream)) return NaN();
    for (const std::size_t row : SampleRows(d.height())) {
      const Doubles both = Bf16ToHost(s[0], row * 2 * d.width(), 2 * d.width(), stream);
      AddAll(error, RowOf(s[1], row, d, stream),
             SwiGluRow(std::span(both).first(d.width()), std::span(both).last(d.width()), 1.0));
    }
    return error.Relative();
  });
  return work;
}

Work MakeSwiGluBackward(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);  // gate_up, d_out, out, d_gate_up, weight, d_weight
  Work work =
      Make({4 * d.count(), 2 * d.count(), 2 * d.count(), 4 * d.count(), d.height() * 4, d.height() * 4},
           options, kBf16Tolerance);
  Fill(*work, {0, 1}, options.seed);
  FillFloats(*work, {4}, options.seed, 0.3f);
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchSwiGluBackward(s[0].as<Bf16>(), s[4].as<float>(), s[1].as<Bf16>(), d.rows, d.cols, s[2].as<Bf16>(),
                         s[3].as<Bf16>(), s[5].as<float>(), stream);
  });
  work->OnCheck({2, 3, 5}, [=](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    ErrorNorm weights;  // sums over a row: of another size than its elements
    if (Unwritten(s[2], d.count(), stream) || Unwritten(s[3], 2 * d.count(), stream) ||
        CountNotFinite(s[5].as<float>(), d.height(), stream) > 0)
      return NaN();
    for (const std::size_t row : SampleRows(d.height())) {
      const Doubles both = Bf16ToHost(s[0], row * 2 * d.width(), 2 * d.width(), stream);
      const auto gate = std::span(both).first(d.width());
      const auto up = std::span(both).last(d.width());
      const double weight = FloatsToHost(s[4], row, 1, stream)[0];
      SwiGluGradient g = SwiGluBackwardRow(gate, up, weight, RowOf(s[1], row, d, stream));
      AddAll(error, RowOf(s[2], row, d, stream), SwiGluRow(gate, up, weight));
      g.d_gate.insert(g.d_gate.end(), g.d_up.begin(), g.d_up.end());
      AddAll(error, Bf16ToHost(s[3], row * 2 * d.width(), 2 * d.width(), stream), g.d_gate);
      weights.Add(FloatsToHost(s[5], row, 1, stream)[0], g.d_weight);
    }
    return error.Relative() + weights.Relative();
  });
  return work;
}

Work MakeRope(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  constexpr int kHeads = 128;
  constexpr std::size_t kWidth = 192;
  const std::size_t q_count = d.height() * kHeads * kWidth;
  Work work = Make({2 * q_count}, options, kBf16Tolerance);
  Fill(*work, {0}, options.seed);
  std::vector<float2> angles;
  for (int t = 0; t < d.rows; ++t) {
    for (int i = 0; i < 32; ++i) {
      const double angle = t * std::pow(10000.0, -i / 32.0);  // rope_theta of DeepSeek-V3's config.json
      angles.push_back(make_float2(static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))));
    }
  }
  work->shared().push_back(Upload(angles));
  const auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchRope(s[0].as<Bf16>(), d.rows, kHeads, kWidth, shared[0].as<float2>(), stream);
  });
  const std::uint64_t seed = options.seed;
  work->OnCheck(
      {}, [=, &shared](const BufferSet& s,
                       cudaStream_t stream) {  // in place: rotated once more than a fresh copy of the input
        FillNormal(s[0].as<Bf16>(), q_count, seed + 1, 1.0f, stream);
        const auto rows = SampleRows(d.height() * kHeads);
        std::vector<Doubles> before;
        for (const std::size_t row : rows) before.push_back(Bf16ToHost(s[0], row * kWidth, kWidth, stream));
        LaunchRope(s[0].as<Bf16>(), d.rows, kHeads, kWidth, shared[0].as<float2>(), stream);
        ErrorNorm error;
        for (std::size_t i = 0; i < rows.size(); ++i) {
          for (std::size_t p = 0; p < 32; ++p) {
            const float2 a = angles[rows[i] / kHeads * 32 + p];
            const double x = before[i][128 + 2 * p];
            const double y = before[i][129 + 2 * p];
            before[i][128 + 2 * p] = x * a.x - y * a.y;
            before[i][129 + 2 * p] = x * a.y + y * a.x;
          }
          AddAll(error, Bf16ToHost(s[0], rows[i] * kWidth, kWidth, stream), before[i]);
        }
        return error.Relative();
      });
  return work;
}

Work MakeAssemble(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  constexpr std::size_t kHeads = 128;
  const std::size_t heads = d.height() * kHeads;
  Work work = Make({2 * heads * 256, 2 * d.height() * 64, 2 * heads * 192, 2 * heads * 128}, options,
                   kExact);  // kv, k_rope, k, v
  Fill(*work, {0, 1}, options.seed);
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchAssembleKv(s[0].as<Bf16>(), s[1].as<Bf16>(), d.rows, kHeads, s[2].as<Bf16>(), s[3].as<Bf16>(),
                     stream);
  });
  work->OnCheck({2, 3}, [=](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[2], heads * 192, stream) || Unwritten(s[3], heads * 128, stream)) return NaN();
    for (const std::size_t head : SampleRows(heads)) {
      Doubles k = Bf16ToHost(s[0], head * 256, 256, stream);
      const Doubles v(k.begin() + 128, k.end());
      const Doubles rope = Bf16ToHost(s[1], head / kHeads * 64, 64, stream);
      k.resize(128);
      k.insert(k.end(), rope.begin(), rope.end());
      AddAll(error, Bf16ToHost(s[2], head * 192, 192, stream), k);
      AddAll(error, Bf16ToHost(s[3], head * 128, 128, stream), v);
    }
    return error.Relative();
  });
  return work;
}

Work MakeResidualAdd(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({2 * d.count(), 2 * d.count(), 2 * d.count()}, options, kBf16Tolerance);
  Fill(*work, {0, 1}, options.seed);
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchResidualAdd(s[0].as<Bf16>(), s[1].as<Bf16>(), static_cast<long>(d.count()), s[2].as<Bf16>(),
                      stream);
  });
  work->OnCheck({2}, [=](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    if (Unwritten(s[2], d.count(), stream)) return NaN();
    for (const std::size_t row : SampleRows(d.height())) {
      Doubles sum = RowOf(s[0], row, d, stream);
      const Doubles other = RowOf(s[1], row, d, stream);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
      AddAll(error, RowOf(s[2], row, d, stream), sum);
    }
    return error.Relative();
  });
  return work;
}

// Unique rows of the published trace's micro-batch; the first rows have one expert more.
constexpr int kUnique = 30500;

Work MakePermute(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  const int row_scales = d.cols / 128;
  const std::size_t scale_row = static_cast<std::size_t>(row_scales) * 4;
  Work work =
      Make({kUnique * d.width(), kUnique * scale_row, d.count(), d.height() * scale_row}, options, kExact);
  for (std::size_t i = 0; i < work->sets().size(); ++i)
    FillNormalFp8(work->sets()[i][0].as<Fp8>(), kUnique * d.width(), options.seed + i, 64.0f, nullptr);
  FillFloats(*work, {1}, options.seed, 1.0f);
  std::vector<int> index(d.height());
  for (std::size_t r = 0; r < index.size(); ++r) index[r] = static_cast<int>(r * 7919 % kUnique);
  work->shared().push_back(Upload(index));
  const auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchPermute(s[0].as<Fp8>(), s[1].as<float>(), shared[0].as<int>(), d.rows, d.cols, row_scales,
                  s[2].as<Fp8>(), s[3].as<float>(), stream);
  });
  work->OnCheck({2, 3}, [=](const BufferSet& s, cudaStream_t stream) {
    if (CountNotFiniteFp8(s[2].as<Fp8>(), d.count(), stream) > 0) return NaN();
    ErrorNorm error;
    const auto scales = static_cast<std::size_t>(row_scales);
    for (const std::size_t row : SampleRows(d.height())) {
      const auto source = static_cast<std::size_t>(index[row]);
      AddAll(error, Fp8ToHost(s[2], row * d.width(), d.width(), stream),
             Fp8ToHost(s[0], source * d.width(), d.width(), stream));
      AddAll(error, FloatsToHost(s[3], row * scales, scales, stream),
             FloatsToHost(s[1], source * scales, scales, stream));
    }
    return error.Relative();
  });
  return work;
}

Work MakeUnpermute(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({2 * d.count(), 2 * kUnique * d.width()}, options, kBf16Tolerance);
  Fill(*work, {0}, options.seed);
  std::vector<int> list(d.height());
  std::vector<int> begin(kUnique + 1);
  for (std::size_t r = 0; r < list.size(); ++r) list[r] = static_cast<int>(r * 7919 % list.size());
  for (int u = 0; u <= kUnique; ++u) begin[static_cast<std::size_t>(u)] = u + std::min(u, d.rows - kUnique);
  work->shared().push_back(Upload(begin));
  work->shared().push_back(Upload(list));
  const auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchUnpermute(s[0].as<Bf16>(), shared[0].as<int>(), shared[1].as<int>(), kUnique, d.cols,
                    s[1].as<Bf16>(), stream);
  });
  work->OnCheck({1}, [=](const BufferSet& s, cudaStream_t stream) {
    if (Unwritten(s[1], kUnique * d.width(), stream)) return NaN();
    ErrorNorm error;
    for (const std::size_t row : SampleRows(kUnique)) {
      Doubles sum(d.width(), 0.0);
      for (int i = begin[row]; i < begin[row + 1]; ++i) {
        const Doubles part =
            RowOf(s[0], static_cast<std::size_t>(list[static_cast<std::size_t>(i)]), d, stream);
        for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += part[j];
      }
      AddAll(error, RowOf(s[1], row, d, stream), sum);
    }
    return error.Relative();
  });
  return work;
}

Work MakeEmbedding(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  constexpr std::size_t kVocabulary = 129280;
  Work work = Make({2 * kVocabulary * d.width(), 2 * d.count()}, options, kExact);
  Fill(*work, {0}, options.seed);
  std::vector<int> tokens(d.height());
  for (std::size_t r = 0; r < tokens.size(); ++r) tokens[r] = static_cast<int>(r * 104729 % kVocabulary);
  work->shared().push_back(Upload(tokens));
  const auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchEmbedding(s[0].as<Bf16>(), shared[0].as<int>(), d.rows, d.cols, s[1].as<Bf16>(), stream);
  });
  work->OnCheck({1}, [=](const BufferSet& s, cudaStream_t stream) {
    if (Unwritten(s[1], d.count(), stream)) return NaN();
    ErrorNorm error;
    for (const std::size_t row : SampleRows(d.height()))
      AddAll(error, RowOf(s[1], row, d, stream),
             RowOf(s[0], static_cast<std::size_t>(tokens[row]), d, stream));
    return error.Relative();
  });
  return work;
}

Work MakeCrossEntropy(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  Work work = Make({2 * d.count(), d.height() * 4}, options, kBf16Tolerance);
  Fill(*work, {0}, options.seed);
  std::vector<int> targets(d.height());
  for (std::size_t r = 0; r < targets.size(); ++r) targets[r] = static_cast<int>(r * 104729 % d.width());
  work->shared().push_back(Upload(targets));
  const auto& shared = work->shared();
  const auto launch = [=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchCrossEntropy(s[0].as<Bf16>(), shared[0].as<int>(), d.rows, d.cols, s[1].as<float>(), stream);
  };
  work->OnLaunch(launch);
  const std::uint64_t seed = options.seed;
  work->OnCheck({1},
                [=](const BufferSet& s, cudaStream_t stream) {  // in place, hence once more on fresh logits
                  FillNormal(s[0].as<Bf16>(), d.count(), seed + 1, 1.0f, stream);
                  const auto rows = SampleRows(d.height(), 5);
                  std::vector<Doubles> logits;
                  for (const std::size_t row : rows) logits.push_back(RowOf(s[0], row, d, stream));
                  launch(s, stream);
                  ErrorNorm gradient;
                  ErrorNorm loss;
                  for (std::size_t i = 0; i < rows.size(); ++i) {
                    const CrossEntropyRow reference = CrossEntropy(logits[i], targets[rows[i]], d.rows);
                    AddAll(gradient, RowOf(s[0], rows[i], d, stream), reference.gradient);
                    loss.Add(FloatsToHost(s[1], rows[i], 1, stream)[0], reference.loss);
                  }
                  return gradient.Relative() + loss.Relative();
                });
  return work;
}

Work MakeAdamW(const SuiteCase& c, const WorkloadOptions& options) {
  const std::size_t n = Dimensions(c).count();
  Work work =
      Make({4 * n, 4 * n, 2 * n, 2 * n, 2 * n}, options, kBf16Tolerance);  // gradient, master, m, v, weight
  FillFloats(*work, {0, 1}, options.seed, 0.02f);
  for (const BufferSet& s : work->sets()) {
    ORRERY_CUDA_CHECK(cudaMemset(s[2].as<void>(), 0, s[2].bytes()));
    ORRERY_CUDA_CHECK(cudaMemset(s[3].as<void>(), 0, s[3].bytes()));
  }
  AdamWStep step;
  step.correction1 = 1.0f / (1.0f - step.beta1);
  step.correction2 = 1.0f / (1.0f - step.beta2);
  const auto launch = [=](const BufferSet& s, cudaStream_t stream) {
    LaunchAdamW(step, static_cast<long>(n), s[0].as<float>(), s[1].as<float>(), s[2].as<Bf16>(),
                s[3].as<Bf16>(), s[4].as<Bf16>(), stream);
  };
  work->OnLaunch(launch);
  const std::uint64_t seed = options.seed;
  work->OnCheck(
      {4}, [=](const BufferSet& s, cudaStream_t stream) {  // the first step: both moments start at zero
        FillNormal(s[1].as<float>(), n, seed + 1, 0.02f, stream);
        ORRERY_CUDA_CHECK(cudaMemsetAsync(s[2].as<void>(), 0, s[2].bytes(), stream));
        ORRERY_CUDA_CHECK(cudaMemsetAsync(s[3].as<void>(), 0, s[3].bytes(), stream));
        constexpr std::size_t kSample = 65536;
        const Doubles before = FloatsToHost(s[1], n - kSample, kSample, stream);
        launch(s, stream);
        if (Unwritten(s[4], n, stream) || Unwritten(s[2], n, stream) || Unwritten(s[3], n, stream) ||
            CountNotFinite(s[1].as<float>(), n, stream) > 0)
          return NaN();
        const Doubles g = FloatsToHost(s[0], n - kSample, kSample, stream);
        const Doubles after = FloatsToHost(s[1], n - kSample, kSample, stream);
        const Doubles m = Bf16ToHost(s[2], n - kSample, kSample, stream);
        const Doubles v = Bf16ToHost(s[3], n - kSample, kSample, stream);
        const Doubles copy = Bf16ToHost(s[4], n - kSample, kSample, stream);
        ErrorNorm update, mean, square, rounded;
        for (std::size_t i = 0; i < kSample; ++i) {
          const double moved =
              -step.learning_rate * (g[i] / (std::fabs(g[i]) + step.epsilon) + step.weight_decay * before[i]);
          update.Add(after[i] - before[i], moved);
          mean.Add(m[i], (1.0 - step.beta1) * g[i]);
          square.Add(v[i], (1.0 - step.beta2) * g[i] * g[i]);
          rounded.Add(copy[i], after[i]);
        }
        return std::max({update.Relative(), mean.Relative(), square.Relative(), rounded.Relative()});
      });
  return work;
}

Work MakeTopK(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  constexpr std::size_t kChoices = 8;
  Work work = Make({d.count() * 4, d.height() * kChoices * 4, d.height() * kChoices * 4}, options,
                   kBf16Tolerance);  // logits, experts, weights
  FillFloats(*work, {0}, options.seed, 1.0f);
  work->shared().emplace_back(d.width() * 4);
  FillNormal(work->shared()[0].as<float>(), d.width(), options.seed + 5, 0.05f, nullptr);
  const auto& shared = work->shared();
  constexpr float kFactor = 2.5f;  // routed_scaling_factor of DeepSeek-V3's config.json
  work->OnLaunch([=, &shared](const BufferSet& s, cudaStream_t stream) {
    LaunchGroupTopK(s[0].as<float>(), shared[0].as<float>(), d.rows, kFactor, s[1].as<int>(),
                    s[2].as<float>(), stream);
  });
  work->OnCheck({1, 2}, [=, &shared](const BufferSet& s, cudaStream_t stream) {
    ErrorNorm error;
    const Doubles bias = FloatsToHost(shared[0], 0, d.width(), stream);
    const auto experts = Download(s[1].as<int>(), d.height() * kChoices, stream);
    std::size_t different = 0;
    const auto rows = SampleRows(d.height(), 257);
    for (const std::size_t row : rows) {
      const GateChoice choice =
          GroupTopK(FloatsToHost(s[0], row * d.width(), d.width(), stream), bias, 8, 4, kChoices, kFactor);
      const std::vector<int> ours(experts.begin() + static_cast<long>(row * kChoices),
                                  experts.begin() + static_cast<long>((row + 1) * kChoices));
      if (ours != choice.experts) {
        ++different;
        continue;
      }
      AddAll(error, FloatsToHost(s[2], row * kChoices, kChoices, stream), choice.weights);
    }
    // FP32 scores can tie where doubles do not, in well under one row of a hundred.
    return different > rows.size() / 100 ? NaN() : error.Relative();
  });
  return work;
}

Work MakeMap(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  constexpr int kExperts = 256;
  Work work = Make({d.count() * 4, kExperts * 4, kExperts * 4, kExperts * 4, d.count() * 4}, options,
                   kExact);  // choices, counts, first, cursor, row
  std::vector<int> choices(d.count());
  for (std::size_t i = 0; i < choices.size(); ++i)
    choices[i] = static_cast<int>((i * 2654435761u >> 7) % kExperts);
  for (const BufferSet& s : work->sets())
    ORRERY_CUDA_CHECK(cudaMemcpy(s[0].as<int>(), choices.data(), choices.size() * 4, cudaMemcpyHostToDevice));
  const auto count = static_cast<int>(d.count());
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchBuildMap(s[0].as<int>(), count, kExperts, s[1].as<int>(), s[2].as<int>(), s[3].as<int>(),
                   s[4].as<int>(), stream);
  });
  work->OnCheck(
      {1, 2, 3, 4},
      [=](const BufferSet& s, cudaStream_t stream) {  // every choice its own row, inside its expert's rows
        const auto rows = Download(s[4].as<int>(), choices.size(), stream);
        std::vector<int> expected(kExperts, 0);
        for (const int e : choices) ++expected[static_cast<std::size_t>(e)];
        std::vector<int> first(kExperts + 1, 0);
        for (std::size_t e = 0; e < kExperts; ++e) first[e + 1] = first[e] + (expected[e] + 127) / 128 * 128;
        std::vector<char> used(static_cast<std::size_t>(first[kExperts]), 0);
        std::size_t wrong = 0;
        const auto counts = Download(s[1].as<int>(), kExperts, stream);
        const auto starts = Download(s[2].as<int>(), kExperts, stream);
        for (std::size_t e = 0; e < kExperts; ++e)
          wrong += counts[e] == expected[e] && starts[e] == first[e] ? 0 : 1;
        for (std::size_t i = 0; i < rows.size(); ++i) {
          const auto e = static_cast<std::size_t>(choices[i]);
          const bool inside = rows[i] >= first[e] && rows[i] < first[e] + expected[e];
          if (!inside || used[static_cast<std::size_t>(rows[i])]++ != 0) ++wrong;
        }
        return static_cast<double>(wrong);
      });
  return work;
}

Work MakeDeviceCopy(const SuiteCase& c, const WorkloadOptions& options) {
  const Dimensions d(c);
  const int sms = c.sms;
  Work work = Make({2 * d.count(), 2 * d.count()}, options, kExact);
  Fill(*work, {0}, options.seed);
  work->OnLaunch([=](const BufferSet& s, cudaStream_t stream) {
    LaunchSmCopy(s[0].as<void>(), s[1].as<void>(), 2 * d.count(), sms, stream);
  });
  work->OnCheck({1}, [=](const BufferSet& s, cudaStream_t stream) {
    if (Unwritten(s[1], d.count(), stream)) return NaN();
    ErrorNorm error;
    for (const std::size_t row : SampleRows(d.height()))
      AddAll(error, RowOf(s[1], row, d, stream), RowOf(s[0], row, d, stream));
    return error.Relative();
  });
  return work;
}

Work MakeByKind(const SuiteCase& c, const WorkloadOptions& options) {
  switch (c.kind) {
    case OpKind::kRmsNorm:
      return MakeRmsNorm(c, options);
    case OpKind::kRmsNormBackward:
      return MakeRmsNormBackward(c, options);
    case OpKind::kLayerNorm:
      return MakeLayerNorm(c, options);
    case OpKind::kSwiGlu:
      return MakeSwiGlu(c, options);
    case OpKind::kSwiGluForwardBackward:
      return MakeSwiGluBackward(c, options);
    case OpKind::kRope:
      return MakeRope(c, options);
    case OpKind::kResidualAdd:
      return MakeResidualAdd(c, options);
    case OpKind::kPermute:
      return MakePermute(c, options);
    case OpKind::kUnpermute:
      return MakeUnpermute(c, options);
    case OpKind::kEmbedding:
      return MakeEmbedding(c, options);
    case OpKind::kCrossEntropy:
      return MakeCrossEntropy(c, options);
    case OpKind::kAdamW:
      return MakeAdamW(c, options);
    case OpKind::kTopK:
      return MakeTopK(c, options);
    case OpKind::kRouterMisc:
      return MakeMap(c, options);
    case OpKind::kCopy:
      return c.label == "device copy" ? MakeDeviceCopy(c, options) : MakeAssemble(c, options);
    default:
      throw Unsupported("no kernel for operations of kind " + std::string(Name(c.kind)));
  }
}

}  // namespace

std::unique_ptr<Workload> MakeRowsWorkload(const SuiteCase& suite_case, const WorkloadOptions& options) {
  Work work = MakeByKind(suite_case, options);
  ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
  return work;
}

}  // namespace orrery::profiler
