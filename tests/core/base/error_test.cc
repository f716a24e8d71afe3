#include "core/base/error.h"

#include <gtest/gtest.h>

#include "core/base/limits.h"

namespace orrery {
namespace {

TEST(Place, LeavesOutWhatIsUnknown) {
  EXPECT_EQ((Place{"f", 3, 4}).Text(), "f:3:4");
  EXPECT_EQ((Place{"f", 3, 0}).Text(), "f:3");
  EXPECT_EQ((Place{"f", 0, 4}).Text(), "f");
}

TEST(InputError, PutsThePlaceFirst) {
  EXPECT_STREQ(InputError(Place{"f", 3, 4}, "wrong").what(), "f:3:4: wrong");
  EXPECT_STREQ(InputError(Place{}, "wrong").what(), "wrong");
  EXPECT_STREQ(InputError("wrong").what(), "wrong");
}

TEST(InputError, IsOneLineThatATerminalShowsAsItIs) {
  EXPECT_STREQ(InputError(Place{"\x1b[2J.yaml"}, "'a\nb'").what(), "\\x1b[2J.yaml: 'a\\nb'");
  EXPECT_STREQ(InputError("\u202e").what(), "\\u202e");
}

TEST(InputError, OfMegabytesKeepsItsEnd) {
  const std::string message = InputError("'" + std::string(5 << 20, 'x') + "': expected less").what();
  EXPECT_LT(message.size(), kMaxMessage + 16);
  EXPECT_TRUE(message.ends_with("': expected less"));
}

TEST(DidYouMean, OfHugeNamesIsQuick) {
  EXPECT_EQ(DidYouMean(std::string(std::size_t{4} << 20, 'e'), {"pipeline", "expert"}), "");
  EXPECT_EQ(DidYouMean("expert", {std::string(std::size_t{4} << 20, 'e'), "exper"}),
            " (did you mean 'exper'?)");
}

TEST(DidYouMean, NamesTheNearestByEditDistance) {
  const std::vector<std::string> known = {"pipeline", "expert", "data"};
  EXPECT_EQ(DidYouMean("pipelin", known), " (did you mean 'pipeline'?)");
  EXPECT_EQ(DidYouMean("exprt", known), " (did you mean 'expert'?)");
  EXPECT_EQ(DidYouMean("date", known), " (did you mean 'data'?)");
}

TEST(DidYouMean, NamesWhatBeginsAsWasTyped) {
  const std::vector<std::string> devices = {"a100-sxm", "b200-sxm", "h100-sxm", "h20",
                                            "h200-sxm", "h800-sxm", "mi300x"};
  for (const char* typed : {"h100", "H100", "h100_sxm", "h100-sxm5", "h100-80gb", "nvidia-h100",
                            "NVIDIA H100 80GB HBM3", "h100-pcie"})
    EXPECT_EQ(DidYouMean(typed, devices), " (did you mean 'h100-sxm'?)") << typed;
  EXPECT_EQ(DidYouMean("A100", devices), " (did you mean 'a100-sxm'?)");
  EXPECT_EQ(DidYouMean("h200", devices), " (did you mean 'h200-sxm'?)");
  EXPECT_EQ(DidYouMean("mi300", devices), " (did you mean 'mi300x'?)");
  EXPECT_EQ(DidYouMean("h2", devices), " (did you mean 'h20'?)");
  EXPECT_EQ(DidYouMean("tpu-v5", devices), "");
  const std::vector<std::string> models = {"deepseek-v2", "deepseek-v2-lite", "deepseek-v3", "kimi-k2",
                                           "llama-3.1-70b"};
  EXPECT_EQ(DidYouMean("DeepSeek-V3-0324", models), " (did you mean 'deepseek-v3'?)");
  EXPECT_EQ(DidYouMean("DeepSeek-V2-Lite-Chat", models), " (did you mean 'deepseek-v2-lite'?)");
  EXPECT_EQ(DidYouMean("Meta-Llama-3.1-70B-Instruct", models), " (did you mean 'llama-3.1-70b'?)");
  EXPECT_EQ(DidYouMean("kimi", models), " (did you mean 'kimi-k2'?)");
}

TEST(DidYouMean, TakesASlipBeforeAShorterName) {
  EXPECT_EQ(DidYouMean("layers_per_stag", {"layers", "layers_per_stage"}),
            " (did you mean 'layers_per_stage'?)");
}

TEST(DidYouMean, SaysNothingWhereNothingIsNear) {
  EXPECT_EQ(DidYouMean("zzzz", {"pipeline", "expert"}), "");
  EXPECT_EQ(DidYouMean("", {"a"}), "");
  EXPECT_EQ(DidYouMean("anything", {}), "");
}

TEST(DidYouMean, TakesTheFirstOfEquallyNear) {
  EXPECT_EQ(DidYouMean("ab", {"ac", "ad"}), " (did you mean 'ac'?)");
}

TEST(Check, AbortsWithTheExpressionAndTheValues) {
  EXPECT_DEATH(ORRERY_CHECK(1 == 2, "one is " + std::to_string(1)), "broken invariant: 1 == 2: one is 1");
  ORRERY_CHECK(true, "never");
}

}  // namespace
}  // namespace orrery
