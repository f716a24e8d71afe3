#include "profiler/trace/shape_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/random.h"

namespace orrery::profiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(OrreryRange, GivesKindShapeAndLabel) {
  std::string why;
  const auto work = ParseOrreryRange("orrery:gemm_fp8 m=4096 n=7168 k=2048 label=o", &why);
  ASSERT_TRUE(work) << why;
  EXPECT_EQ(work->kind, OpKind::kGemmFp8);
  EXPECT_EQ(work->shape, OpShape(GemmShape{4096, 7168, 2048, 1}));
  EXPECT_EQ(work->label, "o");
  EXPECT_EQ(work->bytes.count, 4096 * 2048 + 7168 * 2048 + 2 * 4096 * 7168);
}

TEST(OrreryRange, GivesAttentionAndRows) {
  std::string why;
  const auto decode = ParseOrreryRange(
      "orrery:attention_decode batch=2 heads=128 kv_heads=1 q_len=1 kv_len=64 d_qk=576 d_v=512 causal=0",
      &why);
  ASSERT_TRUE(decode) << why;
  EXPECT_EQ(decode->shape, OpShape(AttentionShape{2, 128, 1, 1, 64, 576, 512, false}));
  EXPECT_EQ(decode->label, "attention_decode");
  const auto rows = ParseOrreryRange("orrery:unpermute  rows=8 cols=16 bytes=1024", &why);
  ASSERT_TRUE(rows) << why;
  EXPECT_EQ(rows->bytes.count, 1024) << "a kind without a formula takes what is given";
}

TEST(OrreryRange, SaysWhyATextCannotBeRead) {
  const auto why = [](const char* text) {
    std::string reason;
    EXPECT_FALSE(ParseOrreryRange(text, &reason)) << text;
    return reason;
  };
  EXPECT_EQ(why("orrery:"), "no kind");
  EXPECT_EQ(why("orrery:gem m=1"), "unknown kind 'gem'");
  EXPECT_EQ(why("orrery:gemm_fp8 m=4 n=8"), "no 'k'");
  EXPECT_EQ(why("orrery:gemm_fp8 m=4 n=8 k=2 rows=3"), "unknown word 'rows=3'");
  EXPECT_THAT(why("orrery:gemm_fp8 m=4 m=5 n=8 k=2"), HasSubstr("comes twice"));
  for (const char* m : {"0", "-1", "1.5", "", "9e9", "99999999999999999999", "0x10"})
    EXPECT_THAT(why((std::string("orrery:gemm_fp8 n=8 k=2 m=") + m).c_str()), HasSubstr("no positive whole"));
  EXPECT_THAT(why("orrery:unpermute rows=8 cols=16"), HasSubstr("no formula"));
}

TEST(Sizes, AreListsOfDimensions) {
  EXPECT_THAT(*ParseSizes("[[4096, 7168], [], [1]]"),
              ElementsAre(ElementsAre(4096, 7168), ElementsAre(), ElementsAre(1)));
  EXPECT_THAT(*ParseSizes("[]"), ElementsAre());
  EXPECT_THAT(*ParseSizes("[[[2, 3], [4]], [5]]"), ElementsAre(ElementsAre(), ElementsAre(5)))
      << "a list of tensors is no operand";
  for (const char* bad :
       {"", "[", "[[", "[[1]", "[[1,]]", "[[1 2]]", "[[-1]]", "[[a]]", "[1]", "[[1]] x", "]"})
    EXPECT_FALSE(ParseSizes(bad)) << bad;
}

TEST(OperatorRange, IsWhatPyTorchsEmitNvtxWrites) {
  for (const char* text : {"aten::mm, op_id = 123, sizes = [[4096, 7168], [7168, 2048]]",
                           "aten::mm, seq = 4, op_id = 123, sizes = [[4096, 7168], [7168, 2048]], "
                           "input_op_ids = [(1,0), (2,0)]",
                           "aten::mm, sizes = [[4096, 7168], [7168, 2048]]"}) {
    const auto call = ParseOperatorRange(text);
    ASSERT_TRUE(call) << text;
    EXPECT_EQ(call->name, "aten::mm");
    EXPECT_EQ(ShapeOfOperator(*call)->shape, OpShape(GemmShape{4096, 2048, 7168, 1}));
  }
  EXPECT_FALSE(ParseOperatorRange("aten::mm, op_id = 3, sizes = [[1, 2"));
  EXPECT_FALSE(IsOperatorRange("forward, seq = 3"));
}

OpShape ShapeOf(const char* name, const char* sizes) {
  const auto shape = ShapeOfOperator({name, *ParseSizes(sizes)});
  return shape ? shape->shape : OpShape(RowsShape{-1, -1});
}

TEST(Operators, MakeShapesByTheirOwnRules) {
  EXPECT_EQ(ShapeOf("aten::addmm", "[[8], [4, 16], [16, 8], [], []]"), OpShape(GemmShape{4, 8, 16, 1}));
  EXPECT_EQ(ShapeOf("aten::linear", "[[2, 3, 16], [8, 16], []]"), OpShape(GemmShape{6, 8, 16, 1}));
  EXPECT_EQ(ShapeOf("aten::bmm", "[[128, 4, 16], [128, 16, 8]]"), OpShape(GemmShape{4, 8, 16, 128}));
  EXPECT_EQ(ShapeOf("_C::silu_and_mul", "[[4, 8], [4, 16]]"), OpShape(RowsShape{4, 8}));
  EXPECT_EQ(ShapeOf("aten::embedding", "[[129280, 7168], [2, 4096], [], [], []]"),
            OpShape(RowsShape{8192, 7168}));
  const OpShape none = RowsShape{-1, -1};
  EXPECT_EQ(ShapeOf("aten::mm", "[[4, 16], [17, 8]]"), none) << "k differs";
  EXPECT_EQ(ShapeOf("aten::mm", "[[4, 16]]"), none);
  EXPECT_EQ(ShapeOf("aten::mm", "[[], []]"), none);
  EXPECT_EQ(ShapeOf("aten::conv2d", "[[4, 16], [16, 8]]"), none) << "not in the table";
}

TEST(Operators, SizesBeyondAnyTensorMakeNoShape) {
  const OpShape none = RowsShape{-1, -1};
  EXPECT_EQ(ShapeOf("aten::linear", "[[1048576, 1048576, 1048576, 1048576, 16], [8, 16]]"), none);
  EXPECT_EQ(ShapeOf("aten::mm", "[[1099511627776, 1099511627776], [1099511627776, 8]]"),
            OpShape(GemmShape{1099511627776, 8, 1099511627776, 1}))
      << "its cost is what cannot be";
  EXPECT_EQ(ShapeOf("aten::embedding", "[[129280, 7168], [1099511627776, 2]]"), none);
  EXPECT_EQ(ShapeOf("aten::native_layer_norm", "[[1099511627776, 1099511627776, 8], [8], [8], []]"), none);
  EXPECT_FALSE(
      ShapeOfOperator(
          {"aten::_scaled_mm",
           *ParseSizes("[[1099511627776, 1099511627776], [1099511627776, 1099511627776], [1], [1]]")})
          ->block_scaled);
}

TEST(OrreryRange, MoreBytesThanAnyMemoryHasIsNoShape) {
  std::string why;
  EXPECT_FALSE(ParseOrreryRange("orrery:gemm_bf16 m=1099511627776 n=1099511627776 k=1099511627776", &why));
  EXPECT_EQ(why, "more bytes than any memory has");
  EXPECT_FALSE(ParseOrreryRange("orrery:rms_norm rows=1099511627776 cols=1099511627776", &why));
  EXPECT_EQ(why, "no 'bytes', and no formula for this kind and size");
}

TEST(OperatorRange, IsKnownByItsName) {
  for (const char* text :
       {"aten::copy_", "aten::copy_, seq = 3", "_C::rms_norm", "autograd::engine::evaluate_function: Mm"})
    EXPECT_TRUE(NamesAnOperator(text)) << text;
  for (const char* text : {"", "forward", "step 3", "layer 1, of a::b", "a :: b"})
    EXPECT_FALSE(NamesAnOperator(text)) << text;
}

TEST(Operators, ScaledProductsAreOursOnlyWithBlockScales) {
  const auto block_scaled = [](const char* sizes) {
    return ShapeOfOperator({"aten::_scaled_mm", *ParseSizes(sizes)})->block_scaled;
  };
  EXPECT_TRUE(block_scaled("[[256, 512], [512, 128], [256, 4], [4, 1]]"));
  EXPECT_FALSE(block_scaled("[[256, 512], [512, 128], [1], [1]]"));
  EXPECT_FALSE(block_scaled("[[256, 512], [512, 128], [], []]"));
  EXPECT_FALSE(block_scaled("[[256, 512], [512, 128], [256, 1], [1, 128]]")) << "one scale a row";
}

TEST(ShapeTexts, OfAnyBytesNeverCrash) {
  constexpr std::string_view kAlphabet = "orrery:gemm_fp8 mnk=0123456789[], sizes = ::aten\t\x01\xff";
  RandomStream random(7, "texts");
  const auto any = [&](std::size_t below) {
    return static_cast<std::size_t>(random.Uniform() * static_cast<double>(below));
  };
  for (int i = 0; i < 5000; ++i) {
    std::string text = i % 2 == 0 ? "orrery:gemm_fp8 m=1 n=2 k=3" : "aten::mm, sizes = [[1, 2], [2, 3]]";
    for (std::size_t edits = any(6); edits > 0; --edits)
      text[any(text.size())] = kAlphabet[any(kAlphabet.size())];
    text.resize(any(text.size() + 1));
    std::string why;
    const auto work = ParseOrreryRange(text, &why);
    EXPECT_TRUE(work || !why.empty()) << text;
    if (const auto call = ParseOperatorRange(text)) ShapeOfOperator(*call);
    ParseSizes(text);
  }
}

}  // namespace
}  // namespace orrery::profiler
