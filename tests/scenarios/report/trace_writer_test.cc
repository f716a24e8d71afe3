#include "scenarios/report/trace_writer.h"

#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "models/parallel/training_program.h"

namespace orrery::scenarios {
namespace {

TEST(PriceKeyName, NamesEveryKeyAndNoTwoAlike) {
  std::set<std::string> names;
  for (std::uint32_t key = 0; key < models::kPriceKeys; ++key) names.insert(PriceKeyName(key));
  EXPECT_EQ(names.size(), models::kPriceKeys);
  EXPECT_EQ(PriceKeyName(models::PriceKey(models::UnitKind::kMoeLayer, models::Part::kDispatch)),
            "MoE layer dispatch(F)");
  EXPECT_EQ(PriceKeyName(models::kSendPrice), "send");
}

}  // namespace
}  // namespace orrery::scenarios
