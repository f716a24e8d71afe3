// Requests on ranks and in micro-batches.
#include "models/serving/batch.h"

#include <algorithm>

#include <gmock/gmock.h>

namespace orrery::models {
namespace {

using testing::ElementsAre;

DecodeDemand Demand() {
  DecodeDemand d;
  d.ranks = 16;
  d.requests_per_rank = 64;
  d.query = 2;
  d.contexts = {4096, 0.8, 20000};
  d.micro_batches = 2;
  return d;
}

std::int64_t Most(const UnitBatch& unit) {
  std::int64_t most = 0;
  for (const auto& rank : unit) most = std::max(most, CachedTokens(rank));
  return most;
}
std::int64_t All(const UnitBatch& unit) {
  std::int64_t all = 0;
  for (const auto& rank : unit) all += CachedTokens(rank);
  return all;
}

TEST(DecodeBatchOf, AlikeRequestsAreOneSpanAMicroBatch) {
  DecodeDemand d = Demand();
  d.contexts = {4096, 0, 0};
  const UnitBatch unit = DecodeBatch(d);
  ASSERT_EQ(unit.size(), 16U);
  for (const auto& rank : unit) {
    ASSERT_EQ(rank.size(), 2U);
    for (const Batch& b : rank) EXPECT_THAT(b.sequences, ElementsAre(SequenceSpan{32, 2, 4096}));
  }
}

TEST(DecodeBatchOf, EveryRequestIsThereOnceWhoeverPlacesIt) {
  DecodeDemand d = Demand();
  const UnitBatch level = DecodeBatch(d);
  d.placement = RequestPlacement::kInTurn;
  const UnitBatch in_turn = DecodeBatch(d);
  EXPECT_EQ(All(level), All(in_turn));
  for (const UnitBatch& unit : {level, in_turn}) {
    for (const auto& rank : unit) {
      EXPECT_EQ(rank[0].count() + rank[1].count(), 64);
      EXPECT_EQ(rank[0].tokens(), 2 * rank[0].count());
    }
  }
  EXPECT_NEAR(static_cast<double>(All(level)) / (16 * 64), 4096, 250) << "the mean that was asked for";
  EXPECT_LT(Most(level), Most(in_turn));
  EXPECT_LT(static_cast<double>(Most(level)) * 16, 1.01 * static_cast<double>(All(level)));
}

TEST(DecodeBatchOf, DependsOnTheSeedAlone) {
  EXPECT_EQ(DecodeBatch(Demand()), DecodeBatch(Demand()));
  DecodeDemand other = Demand();
  other.seed = 2;
  EXPECT_NE(DecodeBatch(Demand()), DecodeBatch(other));
}

TEST(EvenBatchOf, HasTheMeanOnEveryRank) {
  const UnitBatch unit = DecodeBatch(Demand()), even = EvenBatch(unit);
  EXPECT_NEAR(static_cast<double>(All(even)), static_cast<double>(All(unit)), 16.0 * 64);
  for (const auto& rank : even) EXPECT_EQ(rank, even.front());
}

TEST(PrefillBatchOf, CutsAPromptBetweenMicroBatches) {
  const UnitBatch unit = PrefillBatch({2, 12000, 4000, 2});
  ASSERT_EQ(unit.size(), 2U);
  EXPECT_THAT(unit[0][0].sequences, ElementsAre(SequenceSpan{1, 4000, 0}, SequenceSpan{1, 2000, 0}));
  EXPECT_THAT(unit[0][1].sequences, ElementsAre(SequenceSpan{1, 2000, 2000}, SequenceSpan{1, 4000, 0}));
  EXPECT_EQ(unit[0], unit[1]);
}

TEST(PrefillBatchOf, AlikePromptsAreOneSpan) {
  EXPECT_THAT(PrefillBatch({1, 16384, 4096, 2})[0][1].sequences, ElementsAre(SequenceSpan{2, 4096, 0}));
}

}  // namespace
}  // namespace orrery::models
