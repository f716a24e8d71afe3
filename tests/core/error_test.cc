#include "core/error.h"

#include <gtest/gtest.h>

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

TEST(DidYouMean, NamesTheNearestByEditDistance) {
  const std::vector<std::string> known = {"pipeline", "expert", "data"};
  EXPECT_EQ(DidYouMean("pipelin", known), " (did you mean 'pipeline'?)");
  EXPECT_EQ(DidYouMean("exprt", known), " (did you mean 'expert'?)");
  EXPECT_EQ(DidYouMean("date", known), " (did you mean 'data'?)");
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
