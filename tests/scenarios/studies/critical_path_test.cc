// The chain that ends last, on a timeline written by hand. Times are picoseconds.
#include "scenarios/studies/critical_path.h"

#include <gtest/gtest.h>

#include "models/parallel/training_program.h"

namespace orrery::scenarios {
namespace {

using models::Part;
using models::PriceKey;
using models::UnitKind;

void Record(TimelineRecorder* recorder, int rank, int stream, std::uint32_t price, std::int64_t start,
            std::int64_t end, int by_rank, int by_stream) {
  ProgramStep step;
  step.price = price;
  recorder->OnCause(rank, stream, by_rank, by_stream);
  recorder->OnStart(rank, stream, step, start, start);
  recorder->OnEnd(rank, stream, step, start, end);
}

TEST(CriticalPath, FollowsTheCausesBackFromTheLastEnd) {
  TimelineRecorder recorder(2, 4);
  // Rank 0 computes, sends; rank 1 computes on what came, its head last. Rank 0 goes on, which nobody awaits.
  Record(&recorder, 0, 0, PriceKey(UnitKind::kMoeLayer, Part::kAttentionForward), 0, 100, 0, 0);
  Record(&recorder, 0, 2, models::kSendPrice, 100, 130, 0, 0);
  Record(&recorder, 0, 0, PriceKey(UnitKind::kDenseLayer, Part::kMlpForward), 100, 150, 0, 0);
  Record(&recorder, 1, 0, PriceKey(UnitKind::kHead, Part::kMlpForward), 130, 200, 0, 2);
  const Timeline timeline = recorder.Take();
  const std::vector<SpanRef> chain = CriticalChain(timeline);
  ASSERT_EQ(chain.size(), 3u);
  EXPECT_EQ(chain[0], (SpanRef{1, 0, 0}));
  EXPECT_EQ(chain[1], (SpanRef{0, 2, 0}));
  EXPECT_EQ(chain[2], (SpanRef{0, 0, 0}));
  const std::vector<CriticalPathShare> path = CriticalPath(timeline);
  ASSERT_EQ(path.size(), 3u);
  EXPECT_EQ(path[0].name, "MoE layers: attn(F)");
  EXPECT_DOUBLE_EQ(path[0].seconds, 100e-12);
  EXPECT_DOUBLE_EQ(path[0].share, 0.5);
  EXPECT_EQ(path[1].name, "heads and loss");
  EXPECT_DOUBLE_EQ(path[1].seconds, 70e-12);
  EXPECT_EQ(path[2].name, "pipeline messages");
  EXPECT_DOUBLE_EQ(path[2].seconds, 30e-12);
}

TEST(CriticalPath, OfNothingIsEmpty) {
  EXPECT_TRUE(CriticalPath(Timeline()).empty());
  EXPECT_TRUE(CriticalChain(Timeline()).empty());
}

}  // namespace
}  // namespace orrery::scenarios
