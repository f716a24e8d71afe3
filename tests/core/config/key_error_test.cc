#include "core/config/key_error.h"

#include <gtest/gtest.h>

#include "tests/core/input_error.h"

namespace orrery {
namespace {

const char* const kText = "name: x\nplan: {expert: 48, layers: [4, 5]}\n";

std::string Located(const std::string& path, const std::string& message) {
  const Document document = Document::Parse(kText, "t.yaml");
  return ErrorOf([&] { WithPlaces(document.root(), [&] { throw KeyError(path, message); }); });
}

TEST(KeyError, SaysItsKeyWhereThereIsNoDocument) {
  EXPECT_EQ(ErrorOf([] { throw KeyError("plan.expert", "expected 1"); }), "plan.expert: expected 1");
  EXPECT_EQ(ErrorOf([] { throw KeyError("", "expected more"); }), "expected more");
}

TEST(KeyError, GetsThePlaceAndTheValueOfItsKey) {
  EXPECT_EQ(Located("plan.expert", "expected 1"), "t.yaml:2:16: plan.expert: '48': expected 1");
  EXPECT_EQ(Located("plan.layers[1]", "too many"), "t.yaml:2:32: plan.layers[1]: '5': too many");
}

TEST(KeyError, OfAKeyThatIsNotThereStandsAtTheNearestAroundIt) {
  EXPECT_EQ(Located("plan.data", "expected 2"), "t.yaml:2:7: plan: data: expected 2");
  EXPECT_EQ(Located("plan.layers[7]", "expected 2"), "t.yaml:2:28: plan.layers: [7]: expected 2");
  EXPECT_NE(Located("other.key", "expected 2").find("other.key: expected 2"), std::string::npos);
}

TEST(WithPlaces, LeavesWhatIsReturnedAndOtherErrorsAlone) {
  const Document document = Document::Parse(kText, "t.yaml");
  EXPECT_EQ(WithPlaces(document.root(), [] { return 7; }), 7);
  EXPECT_EQ(ErrorOf([&] { WithPlaces(document.root(), [] { throw InputError("as it is"); }); }), "as it is");
}

}  // namespace
}  // namespace orrery
