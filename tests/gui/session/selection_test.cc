#include "gui/session/selection.h"

#include <gmock/gmock.h>

#include "tests/gui/session/small_scenario.h"

namespace orrery::gui {
namespace {

using testing::ElementsAre;

TEST(Selection, GpusHaveTheirPlaceInThePlan) {
  const auto plan = SmallPlan();
  const scenarios::Scenario& s = *plan->training();  // 4 pipeline ranks of 8 GPUs, groups of 4, nodes of 8
  EXPECT_EQ(PlaceOfGpu(s, 22), (GpuPlace{2, 1, 2, 2, 6}));
  for (int gpu = 0; gpu < s.Gpus(); ++gpu) {
    const GpuPlace place = PlaceOfGpu(s, gpu);
    EXPECT_EQ(GpuAt(s, place.pipeline_rank, place.group, place.ep_rank), gpu);
  }
}

TEST(Selection, AnEpRankIsOneGpuOfEveryGroupAndStage) {
  const auto plan = SmallPlan();
  const scenarios::Scenario& s = *plan->training();
  Selection rank;
  rank.ep_rank = 1;
  EXPECT_THAT(GpusOf(rank, s), ElementsAre(1, 5, 9, 13, 17, 21, 25, 29));
  rank.pipeline_rank = 3;
  EXPECT_THAT(GpusOf(rank, s), ElementsAre(25, 29));
  EXPECT_TRUE(GpusOf({}, s).empty());
  Selection gpu;
  gpu.gpu = 22;
  const Selection placed = WithPlaceOfGpu(gpu, s);
  EXPECT_EQ(placed.pipeline_rank, 2);
  EXPECT_EQ(placed.ep_rank, 2);
  EXPECT_EQ(placed.node, 2);
}

TEST(Selection, FacetsOfAnotherAreTakenOver) {
  Selection base, over;
  base.layer = 3, base.micro_batch = 1, base.op_class = "attention";
  over.layer = 5, over.time = TimeRange{1, 2};
  const Selection both = Over(base, over);
  EXPECT_EQ(both.layer, 5);
  EXPECT_EQ(both.micro_batch, 1);
  EXPECT_EQ(both.op_class, "attention");
  EXPECT_EQ(both.time, (TimeRange{1, 2}));
}

}  // namespace
}  // namespace orrery::gui
