#include "scenarios/training/span_words.h"

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

Span Made(std::uint32_t price, std::uint32_t instance) {
  ProgramStep step;
  step.price = price;
  step.instance = instance;
  return Span(step, 0, 0, {});
}

TEST(SpanText, CountsLayersAsTheModelDoes) {
  const models::ModelSpec model = models::ModelPreset("deepseek-v3");
  const Span moe = Made(models::PriceKey(models::UnitKind::kMoeLayer, models::Part::kAttentionBackward),
                        models::LoadInstance(28, 44, 60));
  EXPECT_EQ(SpanWorkOf(moe, 60).moe_layer, 28);
  EXPECT_EQ(SpanText(moe, 60, model), "MoE layer attn(B), layer 31, micro-batch 44");
  const Span head = Made(models::PriceKey(models::UnitKind::kHead, models::Part::kMlpForward),
                         models::LoadInstance(-1, 44, 60));
  EXPECT_EQ(SpanWorkOf(head, 60).moe_layer, -1);
  EXPECT_EQ(SpanText(head, 60, model), "head mlp(F), micro-batch 44");
  EXPECT_TRUE(SpanWorkOf(Made(models::kSendPrice, 7), 60).message);
  EXPECT_EQ(SpanText(Made(models::kSendPrice, 7), 60, model), "send, micro-batch 7");
}

}  // namespace
}  // namespace orrery::scenarios
