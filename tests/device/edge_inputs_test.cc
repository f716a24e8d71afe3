// Kernels on inputs that random data does not hold: zeros, saturation, ties, empty groups, rows to leave
// alone.
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "profiler/device/kernels/grouped_gemm.h"
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/runtime/check.h"
#include "profiler/suite/number_formats.h"
#include "profiler/suite/reference.h"
#include "profiler/suite/scale_layout.h"
#include "tests/device/emulator/global_memory.h"
#include "tests/device/workload_run.h"

namespace orrery::profiler {
namespace {

constexpr std::uint16_t kBf16NaN = 0xFFFF;

std::vector<std::uint16_t> Bf16Vector(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits;
  for (const float v : values) bits.push_back(EncodeBf16(v));
  return bits;
}

DeviceBuffer Poisoned(std::size_t bytes) {
  DeviceBuffer buffer(bytes);
  Poison(buffer, nullptr);
  return buffer;
}

TEST(Cast, KeepsZeroBlocksZeroAndScalesFinite) {
  std::vector<float> in(2 * 128, 0.0f);
  in[128] = 3.0e38f;  // the second block: the largest magnitudes of bf16
  in[129] = -1.0e38f;
  const DeviceBuffer source = Upload(Bf16Vector(in));
  const DeviceBuffer out = Poisoned(2 * 128);
  const DeviceBuffer scales = Poisoned(2 * 4 * sizeof(float));
  LaunchCast(source.as<Bf16>(), 1, 256, out.as<Fp8>(), scales.as<float>(), 4, nullptr);
  const auto bytes = Download(out.as<Fp8>(), 256, nullptr);
  const auto s = Download(scales.as<float>(), 8, nullptr);
  for (std::size_t i = 0; i < 128; ++i) EXPECT_EQ(bytes[i], 0);
  EXPECT_GT(s[0], 0.0f);
  EXPECT_EQ(DecodeE4m3(bytes[128]), 448.0);
  EXPECT_NEAR(DecodeE4m3(bytes[129]) * s[4], -1.0e38, 0.04e38);
  EXPECT_TRUE(std::isnan(s[1])) << "the scales of rows that are not there stay untouched";
}

TEST(Cast, TransposesZeroColumnsWithFiniteScales) {
  const DeviceBuffer source = Upload(std::vector<std::uint16_t>(128 * 64, 0));
  const DeviceBuffer out = Poisoned(128 * 64);
  const DeviceBuffer scales = Poisoned(64 * sizeof(float));
  LaunchCastTranspose(source.as<Bf16>(), 128, 64, out.as<Fp8>(), scales.as<float>(), nullptr);
  for (const Fp8 byte : Download(out.as<Fp8>(), 128 * 64, nullptr)) EXPECT_EQ(byte, 0);
  for (const float scale : Download(scales.as<float>(), 64, nullptr))
    EXPECT_TRUE(scale > 0 && std::isfinite(scale));
}

TEST(E5M6, KeepsZerosAndTheWidestRange) {
  std::vector<float> in(4096, 0.0f);
  in[128] = 3.0e38f;
  in[129] = 1.0f;  // far below the block's largest: becomes zero
  in[256] = 1.0e-30f;
  in[384] = -0.6f;
  const DeviceBuffer source = Upload(Bf16Vector(in));
  const DeviceBuffer packed = Poisoned(4096 / 8 * 12);
  const DeviceBuffer scales = Poisoned(32 * sizeof(float));
  const DeviceBuffer restored = Poisoned(4096 * 2);
  LaunchSaveE5M6(source.as<Bf16>(), 4096, packed.as<std::uint32_t>(), scales.as<float>(), nullptr);
  LaunchRestoreE5M6(packed.as<std::uint32_t>(), scales.as<float>(), 4096, restored.as<Bf16>(), nullptr);
  const auto out = Download(restored.as<std::uint16_t>(), 4096, nullptr);
  EXPECT_EQ(DecodeBf16(out[0]), 0.0);
  EXPECT_NEAR(DecodeBf16(out[128]), 3.0e38, 0.02e38);
  EXPECT_EQ(DecodeBf16(out[129]), 0.0);
  EXPECT_NEAR(DecodeBf16(out[384]), -0.6, 0.005);
  for (const std::uint16_t bits : out) EXPECT_TRUE(std::isfinite(DecodeBf16(bits)));
}

struct Choices {
  std::vector<int> experts;
  std::vector<float> weights;
};

Choices RunTopK(const std::vector<float>& logits, const std::vector<float>& bias) {
  const DeviceBuffer in = Upload(logits);
  const DeviceBuffer b = Upload(bias);
  const std::size_t tokens = logits.size() / 256;
  const DeviceBuffer experts = Poisoned(tokens * 8 * 4);
  const DeviceBuffer weights = Poisoned(tokens * 8 * 4);
  LaunchGroupTopK(in.as<float>(), b.as<float>(), static_cast<int>(tokens), 2.5f, experts.as<int>(),
                  weights.as<float>(), nullptr);
  return {Download(experts.as<int>(), tokens * 8, nullptr),
          Download(weights.as<float>(), tokens * 8, nullptr)};
}

void ExpectChoices(const std::vector<float>& logits, const std::vector<float>& bias) {
  const Choices ours = RunTopK(logits, bias);
  const GateChoice reference =
      GroupTopK(Doubles(logits.begin(), logits.end()), Doubles(bias.begin(), bias.end()), 8, 4, 8, 2.5);
  EXPECT_EQ(ours.experts, reference.experts);
  for (std::size_t c = 0; c < 8; ++c) EXPECT_NEAR(ours.weights[c], reference.weights[c], 1e-5);
}

TEST(Gate, GivesTiesToTheLowestGroupsAndExperts) {
  ExpectChoices(std::vector<float>(256, 0.25f), std::vector<float>(256, 0.0f));
  std::vector<float> logits(256, -1.0f);
  for (std::size_t e = 5; e < 256; e += 16) logits[e] = 2.0f;  // two equal best in every group
  ExpectChoices(logits, std::vector<float>(256, 0.0f));
}

TEST(Gate, ChoosesByTheBiasButWeighsWithoutIt) {
  std::vector<float> bias(256, 0.0f);
  for (std::size_t e = 224; e < 232; ++e) bias[e] = 0.5f;
  ExpectChoices(std::vector<float>(256, 0.0f), bias);
}

TEST(Gate, SurvivesLogitsThatSaturateTheSigmoid) {
  std::vector<float> logits(256, -200.0f);
  for (std::size_t e = 0; e < 256; e += 9) logits[e] = 90.0f - static_cast<float>(e);
  const Choices ours = RunTopK(logits, std::vector<float>(256, 0.0f));
  for (const float weight : ours.weights) EXPECT_TRUE(std::isfinite(weight));
}

// One step of AdamW in double precision on bf16 moments.
TEST(AdamW, ContinuesFromMomentsThatAreNotZero) {
  constexpr std::size_t kCount = 264;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> g(kCount), w(kCount), m(kCount), v(kCount);
  for (std::size_t i = 0; i < kCount; ++i)
    g[i] = normal(random), w[i] = normal(random), m[i] = normal(random),
    v[i] = std::fabs(normal(random)) + 0.1f;
  const auto m_bits = Bf16Vector(m);
  const auto v_bits = Bf16Vector(v);
  const DeviceBuffer gradient = Upload(g), master = Upload(w), first = Upload(m_bits),
                     second = Upload(v_bits);
  const DeviceBuffer weight = Poisoned(2 * kCount);
  AdamWStep step;
  step.correction1 = 1.0f / (1.0f - std::pow(step.beta1, 3.0f));
  step.correction2 = 1.0f / (1.0f - std::pow(step.beta2, 3.0f));
  LaunchAdamW(step, kCount, gradient.as<float>(), master.as<float>(), first.as<Bf16>(), second.as<Bf16>(),
              weight.as<Bf16>(), nullptr);
  const auto new_w = Download(master.as<float>(), kCount, nullptr);
  const auto new_m = Download(first.as<std::uint16_t>(), kCount, nullptr);
  const auto new_v = Download(second.as<std::uint16_t>(), kCount, nullptr);
  const auto copy = Download(weight.as<std::uint16_t>(), kCount, nullptr);
  for (std::size_t i = 0; i < kCount; ++i) {
    const double mean = step.beta1 * DecodeBf16(m_bits[i]) + (1 - step.beta1) * g[i];
    const double square = step.beta2 * DecodeBf16(v_bits[i]) + (1 - step.beta2) * g[i] * g[i];
    const double moved = mean * step.correction1 / (std::sqrt(square * step.correction2) + step.epsilon);
    EXPECT_NEAR(new_w[i], w[i] - step.learning_rate * (moved + step.weight_decay * w[i]), 1e-6);
    EXPECT_NEAR(DecodeBf16(new_m[i]), mean, std::fabs(mean) * 0.004 + 1e-9);
    EXPECT_NEAR(DecodeBf16(new_v[i]), square, square * 0.004);
    EXPECT_NEAR(DecodeBf16(copy[i]), new_w[i], std::fabs(new_w[i]) * 0.004 + 1e-9);
  }
}

TEST(Copies, EndByThemselvesWhenNobodyStopsThem) {
  const DeviceBuffer in = Upload(std::vector<std::uint32_t>(1024, 7u));
  const DeviceBuffer out = Poisoned(4096);
  const DeviceBuffer stop = Upload(std::vector<int>{0});
  LaunchNeighbourCopy(in.as<void>(), out.as<void>(), 4096, 2, stop.as<int>(), 20'000, nullptr);
  for (const std::uint32_t word : Download(out.as<std::uint32_t>(), 1024, nullptr)) EXPECT_EQ(word, 7u);
  LaunchEmpty(nullptr);
}

// A grouped product on random e4m3 with every element compared, for layouts the suite's workloads do not
// have.
class GroupedProduct {
 public:
  GroupedProduct(int groups, int rows, int n, int k, bool masked)
      : groups_(groups), rows_(rows), n_(n), k_(k), masked_(masked) {
    const std::size_t all_rows =
        static_cast<std::size_t>(rows) * static_cast<std::size_t>(masked ? groups : 1);
    a_ = Random(all_rows * Size(k));
    b_ = Random(Size(groups) * Size(n) * Size(k));
    a_scales_ = Scales(RowScales::ForKernels(rows, k).Count() * Size(masked ? groups : 1));
    b_scales_ = Scales(BlockScales::ForKernels(n, k).Count() * Size(groups));
    d_ = Poisoned(2 * all_rows * Size(n));
  }

  std::vector<std::uint16_t> Run(const std::vector<int>& group_data) {
    const DeviceBuffer a = Upload(a_), b = Upload(b_), sa = Upload(a_scales_), sb = Upload(b_scales_);
    const DeviceBuffer data = Upload(group_data);
    GroupedGemm gemm;
    gemm.groups = groups_, gemm.rows = rows_, gemm.n = n_, gemm.k = k_, gemm.sms = 4;
    gemm.a = a.as<void>(), gemm.a_scales = sa.as<float>(), gemm.b = b.as<void>(),
    gemm.b_scales = sb.as<float>();
    gemm.d = d_.as<Bf16>();
    (masked_ ? gemm.masked_rows : gemm.group_of_row_block) = data.as<int>();
    LaunchGroupedGemm(gemm, nullptr);
    return Download(d_.as<std::uint16_t>(), d_.bytes() / 2, nullptr);
  }

  double Reference(int group, int row, int column) const {
    const std::size_t row_in_a = Size(masked_ ? group * rows_ + row : row);
    const RowScales row_scales = RowScales::ForKernels(rows_, k_);
    const BlockScales block_scales = BlockScales::ForKernels(n_, k_);
    const std::size_t first_a = masked_ ? Size(group) * row_scales.Count() : 0;
    double sum = 0;
    for (int i = 0; i < k_; ++i) {
      sum += DecodeE4m3(a_[row_in_a * Size(k_) + Size(i)]) * a_scales_[first_a + row_scales.Index(row, i)] *
             DecodeE4m3(b_[(Size(group) * Size(n_) + Size(column)) * Size(k_) + Size(i)]) *
             b_scales_[Size(group) * block_scales.Count() + block_scales.Index(column, i)];
    }
    return sum;
  }

  void ExpectRow(const std::vector<std::uint16_t>& d, int group, int row) const {
    for (int column = 0; column < n_; ++column) {
      const double reference = Reference(group, row, column);
      const double ours = DecodeBf16(d[Size(masked_ ? group * rows_ + row : row) * Size(n_) + Size(column)]);
      ASSERT_NEAR(ours, reference, 0.005 * std::fabs(reference) + 1e-3)
          << group << " " << row << " " << column;
    }
  }

 private:
  static std::size_t Size(int n) { return static_cast<std::size_t>(n); }
  std::vector<std::uint8_t> Random(std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    for (auto& byte : bytes) byte = EncodeE4m3(normal_(random_));
    return bytes;
  }
  std::vector<float> Scales(std::size_t count) {
    std::vector<float> scales(count);
    for (float& s : scales) s = 0.1f + 0.1f * std::fabs(normal_(random_));
    return scales;
  }

  int groups_, rows_, n_, k_;
  bool masked_;
  std::mt19937 random_{3};
  std::normal_distribution<float> normal_;
  std::vector<std::uint8_t> a_, b_;
  std::vector<float> a_scales_, b_scales_;
  DeviceBuffer d_;
};

TEST(GroupedGemm, WritesOnlyTheTilesOfMaskedRowsInUse) {
  for (const TimingCase& timing : kTimings) {
    const TimingScope scope(timing);
    GroupedProduct product(4, 256, 136, 256, /*masked=*/true);
    const std::vector<int> in_use{0, 130, 1, 0};
    const auto d = product.Run(in_use);
    for (int group = 0; group < 4; ++group) {
      const int rows = in_use[static_cast<std::size_t>(group)];
      for (int row = 0; row < rows; row += 43) product.ExpectRow(d, group, row);
      if (rows > 0) product.ExpectRow(d, group, rows - 1);
      for (int row = PadTo(rows, kTileM); row < 256; ++row)
        EXPECT_EQ(d[static_cast<std::size_t>(group * 256 + row) * 136], kBf16NaN) << "written in vain";
    }
  }
}

TEST(GroupedGemm, LeavesBlocksOfPaddingAlone) {
  for (const TimingCase& timing : kTimings) {
    const TimingScope scope(timing);
    GroupedProduct product(3, 5 * 128, 128, 128, /*masked=*/false);
    const std::vector<int> groups{2, -1, 0, 0, -1};
    const auto d = product.Run(groups);
    for (int row = 0; row < 5 * 128; row += 37) {
      const int group = groups[static_cast<std::size_t>(row / 128)];
      if (group >= 0) {
        product.ExpectRow(d, group, row);
      } else {
        EXPECT_EQ(d[static_cast<std::size_t>(row) * 128], kBf16NaN);
      }
    }
  }
}

TEST(GroupedGemm, RefusesShapesItCannotTake) {
  GroupedGemm gemm;
  gemm.rows = 128, gemm.n = 128, gemm.k = 100;
  EXPECT_THROW(LaunchGroupedGemm(gemm, nullptr), DeviceError);
  gemm.k = 128, gemm.n = 129;
  EXPECT_THROW(LaunchGroupedGemm(gemm, nullptr), DeviceError);
  gemm.n = 128, gemm.groups = 2;
  EXPECT_THROW(LaunchGroupedGemm(gemm, nullptr), DeviceError);
}

}  // namespace
}  // namespace orrery::profiler
