#include "models/routing/recorded_loads.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/routing/balance_stats.h"

namespace orrery::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class Parse>
std::string Message(Parse parse, const std::string& text) {
  try {
    parse(text, "f");
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}
std::string CsvMessage(const std::string& text) { return Message(ParseLoadsCsv, text); }
std::string JsonMessage(const std::string& text) { return Message(ParseLoadsJson, text); }

TEST(LoadsCsv, ReadsExpertsInColumnsByLayerAndDomain) {
  const ExpertLoads x = ParseLoadsCsv(
      "# a "
      "comment\ntask,layer,tokens,e0,e1,e2\nlaw,1,3,1,2,3\nmath,1,3,0,3,3\nlaw,2,3,2,2,2\nmath,2,6,6,0,6\n",
      "f");
  EXPECT_THAT(x.domains, ElementsAre("law", "math"));
  EXPECT_EQ(x.layers(), 2);
  EXPECT_THAT(x.load[1][1], ElementsAre(6, 0, 6));
  EXPECT_THAT(x.Mix(1), ElementsAre(1.25, 0.5, 1.25));
}

TEST(LoadsJson, DeepNestingIsRefused) {
  EXPECT_THAT(JsonMessage(std::string(50000, '[') + std::string(50000, ']')),
              HasSubstr("nested more than 64"));
}

TEST(LoadsCsv, ReadsLongFormAndTokenTraces) {
  EXPECT_THAT(ParseLoadsCsv("layer,expert,count\n0,0,5\n0,2,7\n", "f").load[0][0], ElementsAre(5, 0, 7));
  EXPECT_THAT(ParseLoadsCsv("layer,token,top1,top2\n0,0,0,3\n0,1,3,1\n", "f").load[0][0],
              ElementsAre(1, 1, 0, 2));
}

TEST(LoadsCsv, RefusesWhatDoesNotAddUp) {
  EXPECT_THAT(CsvMessage("layer,tokens,e0,e1\n0,10,10,9\n"),
              HasSubstr("f:2: counts add up to 19, which is 1.9 a token of 10"));
  EXPECT_THAT(CsvMessage("layer,tokens,e0,e1\n0,10,10,10\n1,10,10,0\n"),
              HasSubstr("expected 2, as in the first row"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,10,nan\n"), HasSubstr("f:2:3: e1: 'nan' is not a finite number"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,10,-1\n"), HasSubstr("'-1'"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,10\n"), HasSubstr("2 fields, expected the header's 3"));
  EXPECT_THAT(CsvMessage("layer,e0,e2\n0,10,1\n"), HasSubstr("gaps"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,0,0\n"), HasSubstr("no load"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,1,1\n0,1,1\n"), HasSubstr("twice"));
  EXPECT_THAT(CsvMessage("layer,token,top1,top2\n0,0,3,3\n"), HasSubstr("expert 3 is chosen twice"));
  EXPECT_THAT(CsvMessage("e0,e1\n0,1\n"), HasSubstr("no column 'layer'"));
  EXPECT_THAT(CsvMessage(""), HasSubstr("header"));
}

TEST(LoadsJson, ReadsTheRecordersForms) {
  EXPECT_THAT(ParseLoadsJson(R"({"logical_count": [[[1,2],[3,4]],[[1,1],[1,1]]]})", "f").load[1][0],
              ElementsAre(4, 5));
  EXPECT_THAT(
      ParseLoadsJson(R"({"expert_load": [[1,2,3]], "physical_to_logical_map": [[0,1,0]]})", "f").load[0][0],
      ElementsAre(4, 2));
  EXPECT_THAT(ParseLoadsJson(R"({"weight": [[9,8]]})", "f").load[0][0], ElementsAre(9, 8));
  EXPECT_THAT(ParseLoadsJson("[[7,6]]", "f").load[0][0], ElementsAre(7, 6));
}

TEST(LoadsJson, RefusesWhatIsNoLoad) {
  EXPECT_THAT(JsonMessage("{"), HasSubstr("not JSON"));
  EXPECT_THAT(JsonMessage("{\"counts\": 1}"), HasSubstr("none of the keys logical_count"));
  EXPECT_THAT(JsonMessage("[[1,-2]]"), HasSubstr("f[0][1]: '-2'"));
  EXPECT_THAT(JsonMessage("[[1,2],[1]]"), HasSubstr("1 experts, the first layer has 2"));
  EXPECT_THAT(JsonMessage("[[null,2]]"), HasSubstr("'null'"));
  EXPECT_THAT(JsonMessage(R"({"expert_load": [[1,2,3]], "physical_to_logical_map": [[0,1]]})"),
              HasSubstr("has 2 slots, the counts 3"));
}

TEST(Loads, OfAnUnknownKindAreRefused) {
  EXPECT_THROW(ReadExpertLoads("nowhere.csv"), InputError);
  EXPECT_THROW(ReadExpertLoads("loads.pt"), InputError);
}

TEST(RecordedLoads, SelectExpertsAsOftenAsRecorded) {
  ExpertLoads x{"test", {"a", "b"}, {0.5, 0.5}, 64, 0, {{{}, {}}}, false};
  for (int e = 0; e < 64; ++e) {
    x.load[0][0].push_back(1 + e % 7);
    x.load[0][1].push_back(e % 5 == 0 ? 6 : 0.5);
  }
  const LoadShape shape{64, 8, 8, 2048, 6, 1, 1};
  const RecordedLoads loads(shape, x, {x.share, 2048, 1, 1}, 3, 1);
  for (std::size_t d = 0; d < 2; ++d) {
    const std::vector<double> want = Relative(x.load[0][d]);
    const std::vector<double> got(loads.Table(2).slot.begin() + static_cast<std::ptrdiff_t>(64 * d),
                                  loads.Table(2).slot.begin() + static_cast<std::ptrdiff_t>(64 * (d + 1)));
    EXPECT_GT(Correlation(want, got), 0.99);
    EXPECT_NEAR(Balance(got).cv, Balance(want).cv, 0.04);
  }
  ExchangeLoad load;
  loads.Sample(2, 0, 0, &load);
  EXPECT_EQ(std::accumulate(load.expert_rows.begin(), load.expert_rows.end(), 0), 8 * 2048 * 6);
}

TEST(RecordedLoads, OfAnotherModelAreRefused) {
  const ExpertLoads x = ParseLoadsJson("[[7,6]]", "f");
  EXPECT_THROW(RecordedLoads({64, 8, 8, 2048, 6, 1, 1}, x, {{1.0}, 2048, 1, 1}, 1, 1), InputError);
}

TEST(Reference, LoadsOfThe16BModelHaveThePublishedBalance) {
  const std::filesystem::path file = std::filesystem::path(ORRERY_SOURCE_DIR) /
                                     "../shared/reference/routing/dsv3_figC10_expert_load_16B.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no reference data";
  const ExpertLoads x = ReadExpertLoads(file);
  EXPECT_EQ(x.layers(), 26);
  EXPECT_EQ(x.experts, 64);
  ASSERT_EQ(x.domains.size(), 6u);
  std::vector<BalanceStats> stats;
  const auto d = static_cast<std::size_t>(
      std::find(x.domains.begin(), x.domains.end(), "aux_loss_free/wikipedia_en") - x.domains.begin());
  for (const auto& layer : x.load) stats.push_back(Balance(layer.at(d)));
  EXPECT_NEAR(MeanStats(stats).max_vio, 3.20, 0.01);
  EXPECT_NEAR(MeanStats(stats).gini, 0.480, 0.001);
  EXPECT_NEAR(MeanStats(stats).hot, 0.132, 0.001);
}

TEST(Reference, TaskLoadsAddUpToSixATokenAtV2Lite) {
  const std::filesystem::path file =
      std::filesystem::path(ORRERY_SOURCE_DIR) / "../shared/reference/routing/esft_v2lite_task_load.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no reference data";
  EXPECT_EQ(ReadExpertLoads(file).domains.size(), 4u);
}

}  // namespace
}  // namespace orrery::models
