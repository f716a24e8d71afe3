// The references themselves: number formats, scale layouts, attention, SwiGLU, norms, gate, loss.
#include "profiler/suite/reference.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/random.h"
#include "profiler/suite/error_norm.h"
#include "profiler/suite/number_formats.h"
#include "profiler/suite/scale_layout.h"

namespace orrery::profiler {
namespace {

Doubles Normals(std::size_t count, const char* stream) {
  RandomStream random(3, stream);
  Doubles values(count);
  for (double& v : values) v = 2.0 * random.Uniform() - 1.0;
  return values;
}

TEST(E4m3, DecodesWhatItEncodesForEveryFiniteCode) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto code = static_cast<std::uint8_t>(bits);
    const double value = DecodeE4m3(code);
    if (std::isnan(value)) {
      EXPECT_EQ(code & 0x7F, 0x7F);
    } else {
      EXPECT_EQ(EncodeE4m3(value), code) << value;
    }
  }
}

TEST(E4m3, KnowsItsLandmarks) {
  EXPECT_EQ(DecodeE4m3(0x7E), 448.0);
  EXPECT_EQ(DecodeE4m3(0x01), std::ldexp(1.0, -9));
  EXPECT_EQ(DecodeE4m3(0x38), 1.0);
  EXPECT_EQ(EncodeE4m3(1e9), 0x7E);
  EXPECT_EQ(EncodeE4m3(-449.0), 0xFE);
}

TEST(E4m3, RoundsToTheNearestCode) {
  for (double value = 0.001; value < 440.0; value *= 1.037) {
    const double rounded = DecodeE4m3(EncodeE4m3(value));
    double best = std::numeric_limits<double>::infinity();
    for (int bits = 0; bits < 0x7F; ++bits)
      best = std::min(best, std::fabs(DecodeE4m3(static_cast<std::uint8_t>(bits)) - value));
    EXPECT_DOUBLE_EQ(std::fabs(rounded - value), best) << value;
  }
}

TEST(Bf16, RoundsToNearestEven) {
  EXPECT_EQ(DecodeBf16(EncodeBf16(1.0f)), 1.0);
  EXPECT_EQ(DecodeBf16(EncodeBf16(1.00390625f)), 1.0);       // half a step above 1: to even
  EXPECT_EQ(DecodeBf16(EncodeBf16(1.01171875f)), 1.015625);  // half a step above 1 + 2^-7: to even
}

TEST(RowScales, PutsTheRowsOfOneBlockOfKSideBySide) {
  const RowScales s = RowScales::ForKernels(300, 512);
  EXPECT_EQ(s.stride, 384);
  EXPECT_EQ(s.Count(), 4u * 384u);
  EXPECT_EQ(s.Index(5, 127), 5u);
  EXPECT_EQ(s.Index(5, 128), 384u + 5u);
  EXPECT_EQ(RowScales::ForCublas(3, 128).stride, 4);
}

TEST(BlockScales, PadsBlocksOfKToFourForCublas) {
  const BlockScales s = BlockScales::ForCublas(2112, 576);
  EXPECT_EQ(s.stride, 8);
  EXPECT_EQ(s.Count(), 17u * 8u);
  EXPECT_EQ(s.Index(128, 0), 8u);
  EXPECT_EQ(s.Index(127, 575), 4u);
}

TEST(AttendRow, AveragesValuesWhereAllKeysAreAlike) {
  const Doubles q = {1, 2};
  const Doubles keys = {3, 4, 3, 4, 3, 4};
  const Doubles values = {1, 10, 2, 20, 6, 60};
  EXPECT_THAT(AttendRow(q, keys, 2, values, 2, 2, 3, 0.5),
              testing::ElementsAre(testing::DoubleEq(3), testing::DoubleEq(30)));
}

TEST(AttendRow, SeesOnlyItsLength) {
  const Doubles q = {1}, keys = {0, 50}, values = {7, 9};
  EXPECT_DOUBLE_EQ(AttendRow(q, keys, 1, values, 1, 1, 1, 1.0)[0], 7);
}

/// A head whose outputs and statistics follow from its q, k and v.
CausalHead HeadOf(Doubles q, Doubles k, Doubles v) {
  CausalHead head{5, 3, 2, 0.7, std::move(q), std::move(k), std::move(v), {}, {}, Normals(10, "d_out")};
  for (std::size_t row = 0; row < head.length; ++row) {
    const Doubles out = CausalOut(head, row);
    head.out.insert(head.out.end(), out.begin(), out.end());
    head.stats.push_back(CausalStats(head, row));
  }
  return head;
}

double LossOf(const CausalHead& head) {
  double loss = 0;
  for (std::size_t i = 0; i < head.out.size(); ++i) loss += head.out[i] * head.d_out[i];
  return loss;
}

TEST(CausalHead, FirstRowSeesItselfAlone) {
  const CausalHead head = HeadOf(Normals(15, "q"), Normals(15, "k"), Normals(10, "v"));
  EXPECT_THAT(CausalOut(head, 0), testing::ElementsAre(head.v[0], head.v[1]));
  EXPECT_DOUBLE_EQ(CausalStats(head, 0),
                   0.7 * (head.q[0] * head.k[0] + head.q[1] * head.k[1] + head.q[2] * head.k[2]));
}

TEST(CausalHead, HasTheGradientsOfItsForwardPass) {
  constexpr double kStep = 1e-5;
  const Doubles q = Normals(15, "q"), k = Normals(15, "k"), v = Normals(10, "v");
  const CausalHead head = HeadOf(q, k, v);
  const auto slope = [&](int operand, std::size_t element) {
    const auto loss = [&](double step) {
      Doubles parts[] = {q, k, v};
      parts[operand][element] += step;
      return LossOf(HeadOf(parts[0], parts[1], parts[2]));
    };
    return (loss(kStep) - loss(-kStep)) / (2 * kStep);
  };
  for (std::size_t row = 0; row < 5; ++row) {
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(CausalQueryGradient(head, row)[i], slope(0, 3 * row + i), 1e-8) << row;
      EXPECT_NEAR(CausalKeyGradient(head, row)[i], slope(1, 3 * row + i), 1e-8) << row;
    }
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_NEAR(CausalValueGradient(head, row)[i], slope(2, 2 * row + i), 1e-8) << row;
  }
}

TEST(SwiGlu, HasTheGradientOfItsForwardPass) {
  const Doubles gate = Normals(16, "gate"), up = Normals(16, "up"), d_out = Normals(16, "grad");
  const SwiGluGradient g = SwiGluBackwardRow(gate, up, 0.7, d_out);
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < gate.size(); ++i) {
    Doubles more = gate, less = gate;
    more[i] += kStep, less[i] -= kStep;
    const double numeric =
        (SwiGluRow(more, up, 0.7)[i] - SwiGluRow(less, up, 0.7)[i]) / (2 * kStep) * d_out[i];
    EXPECT_NEAR(g.d_gate[i], numeric, 1e-8);
    EXPECT_NEAR(g.d_up[i], d_out[i] * SwiGluRow(gate, up, 0.7)[i] / up[i], 1e-8);
  }
}

TEST(RmsNorm, HasTheGradientOfItsForwardPass) {
  const Doubles x = Normals(24, "x"), gain = Normals(24, "gain"), d_y = Normals(24, "dy");
  const Doubles d_x = RmsNormBackwardRow(x, gain, d_y, 1e-6);
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Doubles more = x, less = x;
    more[i] += kStep, less[i] -= kStep;
    const Doubles a = RmsNormRow(more, gain, 1e-6), b = RmsNormRow(less, gain, 1e-6);
    double numeric = 0;
    for (std::size_t j = 0; j < x.size(); ++j) numeric += d_y[j] * (a[j] - b[j]) / (2 * kStep);
    EXPECT_NEAR(d_x[i], numeric, 1e-7);
  }
}

TEST(LayerNorm, CentresAndScales) {
  const Doubles one(64, 1.0), zero(64, 0.0);
  const Doubles y = LayerNormRow(Normals(64, "ln"), one, zero, 0.0);
  double mean = 0, square = 0;
  for (const double v : y) mean += v / 64, square += v * v / 64;
  EXPECT_NEAR(mean, 0.0, 1e-12);
  EXPECT_NEAR(square, 1.0, 1e-12);
}

TEST(GroupTopK, TakesExpertsOnlyFromTheBestGroups) {
  Doubles logits(256, -3.0);
  const Doubles bias(256, 0.0);
  for (const std::size_t group : {0u, 2u, 5u, 7u}) logits[group * 32] = 2.0, logits[group * 32 + 1] = 1.0;
  logits[1 * 32] = 1.9;  // a lone good expert: its group's best two sum to less than those of the four
  const GateChoice choice = GroupTopK(logits, bias, 8, 4, 8, 2.5);
  EXPECT_THAT(choice.experts, testing::UnorderedElementsAre(0, 1, 64, 65, 160, 161, 224, 225));
  double sum = 0;
  for (const double w : choice.weights) sum += w;
  EXPECT_NEAR(sum, 2.5, 1e-12);
}

TEST(GroupTopK, LetsTheBiasChooseButNotWeigh) {
  Doubles logits(256, 0.0), bias(256, 0.0);
  bias[40] = bias[41] = 1.0;
  const GateChoice choice = GroupTopK(logits, bias, 8, 4, 8, 1.0);
  EXPECT_EQ(choice.experts[0], 40);
  EXPECT_NEAR(choice.weights[0], 1.0 / 8, 1e-12);
}

TEST(CrossEntropy, IsTheLogOfTheClassCountForEqualLogits) {
  const Doubles logits(100, 4.0);
  const CrossEntropyRow row = CrossEntropy(logits, 3, 10);
  EXPECT_NEAR(row.loss, std::log(100.0), 1e-12);
  EXPECT_NEAR(row.gradient[3], (0.01 - 1.0) / 10, 1e-15);
  EXPECT_NEAR(row.gradient[4], 0.001, 1e-15);
}

TEST(ErrorNorm, IsRelativeAndLetsNoNanPass) {
  ErrorNorm error;
  error.Add(3.0, 4.0);
  EXPECT_DOUBLE_EQ(error.Relative(), 0.25);
  error.Add(std::nan(""), 1.0);
  EXPECT_FALSE(error.Relative() <= 1.0);
}

}  // namespace
}  // namespace orrery::profiler
