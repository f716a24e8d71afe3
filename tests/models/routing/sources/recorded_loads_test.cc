#include "models/routing/sources/recorded_loads.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/run_control.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/sources/synthetic_loads.h"

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
std::string CsvMessage(const std::string& text) {
  return Message([](const auto& t, const char* name) { return ParseLoadsCsv(t, name); }, text);
}
std::string JsonMessage(const std::string& text) {
  return Message([](const auto& t, const char* name) { return ParseLoadsJson(t, name); }, text);
}

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

TEST(LoadsCsv, ReadsTheHeadersThatServersWrite) {
  for (const char* header :
       {"layer_id,expert_id,count", "layer_idx,expert_idx,load", "Layer ID,Expert ID,Count",
        "layer_index,logical_expert_id,token_count", "layer,expert,tokens"}) {
    const ExpertLoads x = ParseLoadsCsv(std::string(header) + "\n3,0,5\n3,2,7\n4,1,1\n", "f");
    EXPECT_THAT(x.load[0][0], ElementsAre(5, 0, 7)) << header;
    EXPECT_THAT(x.load[1][0], ElementsAre(0, 1, 0)) << header;
    EXPECT_THAT(x.domains, ElementsAre("all")) << header;
  }
  for (const char* header : {"layer_id,expert_0,expert_1", "layer,0,1", ",layer,E0,E1", "layer,e_1,e_2"}) {
    const bool numbered = header[0] == ',';
    const ExpertLoads x =
        ParseLoadsCsv(std::string(header) + (numbered ? "\n0,7,1,2\n1,8,3,4\n" : "\n7,1,2\n8,3,4\n"), "f");
    EXPECT_THAT(x.load[1][0], ElementsAre(3, 4)) << header;
    EXPECT_THAT(x.domains, ElementsAre("all")) << header;
  }
  EXPECT_THAT(CsvMessage("layer_id,expert_id,percent\n0,0,5\n"), HasSubstr("expected layer,e0,e1"));
}

TEST(LoadsCsv, PartsOfARecordingAreSummed) {
  const ExpertLoads rows = ParseLoadsCsv(
      "rank,forward_pass_id,layer_id,expert_id,count\n0,1,3,0,5\n1,1,3,0,2\n0,2,3,0,1\n0,1,3,1,4\n", "f");
  EXPECT_THAT(rows.domains, ElementsAre("all"));
  EXPECT_THAT(rows.load[0][0], ElementsAre(8, 4));
  const ExpertLoads columns = ParseLoadsCsv(
      "step,task,layer,tokens,e0,e1\n0,law,1,3,1,2\n1,law,1,3,2,1\n0,math,1,3,3,0\n1,math,1,6,0,6\n", "f");
  EXPECT_THAT(columns.domains, ElementsAre("law", "math"));
  EXPECT_THAT(columns.load[0][0], ElementsAre(3, 3));
  EXPECT_THAT(columns.load[0][1], ElementsAre(3, 6));
  EXPECT_THAT(ParseLoadsCsv("step,layer,token,top1\n0,0,0,1\n1,0,0,1\n", "f").load[0][0], ElementsAre(0, 2));
  EXPECT_THAT(CsvMessage("rank,layer,expert,count\n0,3,0,5\n1,3,0,5\n0,3,0,7\n"),
              HasSubstr("f:4:3: expert 0 of layer 3 and domain all is there already, in line 2"));
  EXPECT_THAT(CsvMessage("rank,layer,e0,e1\n0,3,0,5\n1,3,0,5\n1,3,0,7\n"),
              HasSubstr("f:4:1: rank 1 of layer 3 and domain all is there already, in line 3"));
}

TEST(LoadsCsv, CountersOfLoggersAreSummedToo) {
  for (const char* part : {"global_step", "_step", "epoch", "batch", "microbatch", "gpu", "node", "device_id",
                           "time", "tp_rank", "Micro Batch", "request_id"}) {
    const ExpertLoads x =
        ParseLoadsCsv(std::string(part) + ",layer,expert,count\n0,1,0,5\n0,1,1,3\n1,1,0,2\n1,1,1,4\n", "f");
    EXPECT_THAT(x.domains, ElementsAre("all")) << part;
    EXPECT_THAT(x.load[0][0], ElementsAre(7, 7)) << part;
  }
}

TEST(LoadsCsv, UnknownNumbersNameNoDomain) {
  EXPECT_THAT(CsvMessage("pp_rank,layer,expert,count\n0,1,0,5\n1,1,0,5\n"),
              HasSubstr("f:1:1: column 'pp_rank' holds numbers"));
  EXPECT_THAT(CsvMessage("layer,expert,count,percent\n1,0,30,3.0\n1,1,5,12.5%\n"),
              HasSubstr("f:1:4: column 'percent' holds numbers"));
  EXPECT_THAT(CsvMessage("layer,expert,count,tokens\n1,0,30,3\n"),
              HasSubstr("column 'tokens' holds numbers"));
  EXPECT_THAT(CsvMessage("loss,layer,e0,e1\n1e-3,1,30,3\n"), HasSubstr("column 'loss' holds numbers"));
  std::string many = "lr,layer,e0,e1\n";
  for (int i = 0; i < 300; ++i) many += std::to_string(i) + ",1,1,2\n";
  EXPECT_THAT(CsvMessage(many), HasSubstr("column 'lr' holds numbers"));
  EXPECT_THAT(ParseLoadsCsv("domain,layer,e0,e1\n0,1,1,2\n1,1,2,1\n", "f").domains, ElementsAre("0", "1"));
  EXPECT_THAT(ParseLoadsCsv("mix,layer,e0,e1\n7,1,1,2\nlaw,1,2,1\n", "f").domains, ElementsAre("7", "law"));
}

TEST(LoadsCsv, ALayerThatIsLeftOutIsNamed) {
  EXPECT_THAT(CsvMessage("layer,expert,count\n1,0,5\n2,0,5\n4,0,5\n"),
              HasSubstr("f:1:1: no rows of layer 3, but of 2 and 4"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n3,1,2\n8,1,2\n"),
              HasSubstr("no rows of layer 4 to 7, but of 3 and 8"));
  EXPECT_EQ(ParseLoadsCsv("layer,e0,e1\n4,1,2\n3,1,2\n", "f").layers(), 2) << "in any order, from any first";
}

TEST(RecordedLoads, SayWhereTheFileNamesTooManyExperts) {
  const LoadShape shape{4, 2, 2, 64, 1, 1, 1};
  const auto refusal = [&](const ExpertLoads& loads) {
    try {
      RecordedLoads(shape, loads, {{1.0}, 64, 1, 1}, 1, 1);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal(ParseLoadsCsv("layer,expert,count\n0,1,5\n0,4,5\n", "f")),
              HasSubstr("loads of 5 experts, the model has 4: line 3 names expert 4, counted from 0"));
  EXPECT_THAT(refusal(ParseLoadsJson(
                  R"({"expert_load": [[1,2,3,4,5]], "physical_to_logical_map": [[0,6,1,2,3]]})", "f")),
              HasSubstr("physical_to_logical_map[0][1] names expert 6"));
  EXPECT_THAT(refusal(ParseLoadsJson(R"({"expert_load": [[1,2,3,4,5]]})", "f")),
              HasSubstr("'physical_to_logical_map' must say which expert each holds"));
}

TEST(LoadsCsv, OtherMarksThanCommasAreNamed) {
  EXPECT_THAT(CsvMessage("layer;expert;count\n0;0;5\n"), HasSubstr("f:1: columns apart by semicolons"));
  EXPECT_THAT(CsvMessage("layer\texpert\tcount\n0\t0\t5\n"), HasSubstr("columns apart by tabs"));
}

TEST(LoadsCsv, ReadsOneLayerWithoutItsNumber) {
  const ExpertLoads x = ParseLoadsCsv("expert,load\n0,5\n1,2\n3,1\n", "f");
  EXPECT_EQ(x.layers(), 1);
  EXPECT_THAT(x.load[0][0], ElementsAre(5, 2, 0, 1));
  EXPECT_THAT(CsvMessage("expert,load\n0,5\n0,2\n"), HasSubstr("expert 0 of layer 0"));
}

TEST(LoadsCsv, RefusesMoreTextsThanThereAreDomains) {
  const auto rows = [](int requests) {
    std::string text = "layer,task,request,e0,e1\n";
    for (int i = 0; i < requests; ++i)
      text += "0,t" + std::to_string(i % 2) + ",r" + std::to_string(i) + ",1,2\n";
    return text;
  };
  EXPECT_EQ(ParseLoadsCsv(rows(256), "f").domains.size(), 256u);
  EXPECT_THAT(CsvMessage(rows(257)), HasSubstr("f:258:3: column 'request': 257 values so far"));
}

TEST(LoadsCsv, MemoryIsBoundedWhateverARowNames) {
  std::string text = "layer,expert,count\n";
  for (int layer = 0; layer < 9000; ++layer) text += std::to_string(layer) + ",4095,1\n";
  EXPECT_THAT(CsvMessage(text), HasSubstr("more than 33554432 loads"));
}

TEST(Loads, WithoutAnyInTheModelsDenseLayersAreReadWithoutThem) {
  const std::string json = testing::TempDir() + "dense.json", csv = testing::TempDir() + "dense.csv";
  std::ofstream(json) << R"({"logical_count": [[0,0,0],[1,2,3],[3,2,1]]})";
  std::ofstream(csv) << "layer_id,expert_id,count\n0,0,0\n0,1,0\n1,0,1\n1,1,2\n1,2,3\n2,0,3\n";
  for (const std::string& file : {json, csv}) {
    const ExpertLoads x = ReadExpertLoads(file, 3, 1);
    EXPECT_EQ(x.layers(), 2);
    EXPECT_THAT(x.without_load, ElementsAre(0));
    EXPECT_THAT(x.load[0][0], ElementsAre(1, 2, 3));
    for (int dense : {0, 2}) {
      try {
        ReadExpertLoads(file, 3, dense);
        ADD_FAILURE();
      } catch (const InputError& e) {
        EXPECT_THAT(e.what(), HasSubstr("no load in layer 0 of the file"));
      }
    }
  }
  std::ofstream(json) << "[[1,2],[0,0],[3,2]]";
  EXPECT_THROW(ReadExpertLoads(json, 2, 1), InputError);  // the dense ones come first
  EXPECT_THAT(JsonMessage("[[0,0],[0,0]]"), HasSubstr("layer 0: no load"));
  EXPECT_THAT(CsvMessage("layer,d,e0,e1\n0,a,0,0\n0,b,1,1\n"), HasSubstr("layer 0, domain a: no load"));
}

TEST(LoadsCsv, RefusesWhatDoesNotAddUp) {
  EXPECT_THAT(CsvMessage("layer,tokens,e0,e1\n0,10,10,9\n"),
              HasSubstr("f:2: counts add up to 19, which is 1.9 a token of 10"));
  EXPECT_THAT(CsvMessage("layer,tokens,e0,e1\n0,10,10,10\n1,10,10,0\n"),
              HasSubstr("expected 2, as in the first row"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,10,nan\n"),
              HasSubstr("f:2:3: e1: 'nan' is not a number from 0 to 1e15"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,10,-1\n"), HasSubstr("'-1'"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,1e308,1e308\n"),
              HasSubstr("f:2:2: e0: '1e308' is not a number from 0 to 1e15"));
  EXPECT_THAT(JsonMessage("[[1e308, 1e308]]"), HasSubstr("is not a number from 0 to 1e15"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,10\n"), HasSubstr("2 fields, expected the header's 3"));
  EXPECT_THAT(CsvMessage("layer,e0,e2\n0,10,1\n"), HasSubstr("gaps"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,0,0\n"), HasSubstr("no load"));
  EXPECT_THAT(CsvMessage("layer,e0,e1\n0,1,1\n0,1,1\n"), HasSubstr("twice"));
  EXPECT_THAT(CsvMessage("layer,token,top1,top2\n0,0,3,3\n"), HasSubstr("expert 3 is chosen twice"));
  EXPECT_THAT(CsvMessage("e0,e1\n0,1\n"), HasSubstr("no column 'layer'"));
  EXPECT_THAT(CsvMessage(""), HasSubstr("header"));
}

TEST(LoadsCsv, ReadsSharesOfDomains) {
  const ExpertLoads x = ParseLoadsCsv(
      "layer,domain,share,e0,e1\n0,a,0.75,1,2\n0,b,0.25,3,1\n1,a,0.75,1,1\n1,b,0.25,3,1\n", "f");
  EXPECT_THAT(x.domains, ElementsAre("a", "b"));
  EXPECT_THAT(x.share, ElementsAre(0.75, 0.25));
  EXPECT_THAT(CsvMessage("layer,domain,share,e0,e1\n0,a,0.75,1,2\n0,b,0.5,3,1\n"),
              HasSubstr("f:1:3: shares of 2 domains add up to 1.25, expected 1"));
  EXPECT_THAT(CsvMessage("layer,domain,share,e0,e1\n0,a,1,1,2\n1,a,0.5,3,1\n"),
              HasSubstr("f:3:3: share: '0.5', an earlier row of a has 1"));
  EXPECT_THAT(CsvMessage("layer,share,e0,e1\n0,1.5,1,2\n"),
              HasSubstr("f:2:2: share: '1.5', expected 0 to 1"));
}

TEST(LoadsCsv, RefusesWhatIsCountedTwice) {
  EXPECT_THAT(CsvMessage("layer,expert,count\n0,0,5\n0,1,5\n0,00,7\n"),
              HasSubstr("f:4:2: expert 0 of layer 0 and domain all is there already, in line 2"));
  EXPECT_THAT(CsvMessage("layer,token,top1,top2\n0,0,0,3\n1,0,0,3\n0,0,1,2\n"),
              HasSubstr("f:4:2: token 0 of layer 0 and domain all is there already, in line 2"));
}

TEST(Loads, AreReadWithAByteOrderMark) {
  EXPECT_THAT(ParseLoadsCsv("\xEF\xBB\xBFlayer,e0,e1\n0,1,2\n", "f").load[0][0], ElementsAre(1, 2));
  EXPECT_THAT(ParseLoadsJson("\xEF\xBB\xBF[[1,2]]", "f").load[0][0], ElementsAre(1, 2));
}

TEST(LoadsJson, RefusesMoreThanOneTable) {
  EXPECT_THAT(JsonMessage(R"({"weight": [[1,2]], "expert_load": [[3,4]]})"),
              HasSubstr("expected one table of loads, found expert_load and weight"));
  EXPECT_THAT(JsonMessage(R"({"weight": [[1,2]], "weight": [[3,4]]})"),
              HasSubstr("key 'weight' is there twice"));
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
  EXPECT_THAT(JsonMessage(R"({"expert_load": [[1,2]], "physical_to_logical_map": [[0,0.5]]})"),
              HasSubstr("physical_to_logical_map[0][1]: '0.5', expected the number of an expert"));
  EXPECT_THAT(JsonMessage(R"({"expert_load": [[1,2]], "physical_to_logical_map": [[0,4096]]})"),
              HasSubstr("'4096', expected the number of an expert, at most 4095"));
  EXPECT_THAT(JsonMessage(R"({"expert_load": [[1,2]], "physical_to_logical_map": [[[0,1]],[[0,1]]]})"),
              HasSubstr("expected [layers][slots], without steps"));
  EXPECT_THAT(JsonMessage(R"({"physical_count": [[1,2]]})"),
              HasSubstr("missing key 'physical_to_logical_map'"));
}

TEST(LoadsJson, MessagesQuoteAtMostALine) {
  std::string list = "[1";
  for (int i = 0; i < 100000; ++i) list += ",1";
  EXPECT_THAT(JsonMessage("[[2, " + list + "]]]"), HasSubstr("'array' is not a number"));
  EXPECT_LT(JsonMessage("[[\"" + std::string(100000, 'x') + "\"]]").size(), 500u);
  const std::string key = "\"" + std::string(100000, 'k') + "\": 1";
  EXPECT_LT(JsonMessage("{" + key + ", " + key + "}").size(), 500u);
}

TEST(Loads, OfAnUnknownKindAreRefused) {
  EXPECT_THROW(ReadExpertLoads("nowhere.csv"), InputError);
  try {
    ReadExpertLoads("loads.pt");
    ADD_FAILURE() << "read";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("torch.load(FILE)['logical_count'].tolist()"));
  }
}

TEST(Loads, ThatNameExpertsLeaveOutThoseNeverSelected) {
  const std::string trace = testing::TempDir() + "trace.csv", wide = testing::TempDir() + "wide.csv";
  std::ofstream(trace) << "layer,token,top1,top2\n0,0,0,3\n0,1,3,1\n";
  std::ofstream(wide) << "layer,e0,e1,e2,e3\n0,1,1,0,2\n";
  EXPECT_THAT(ReadExpertLoads(trace, 6).load[0][0], ElementsAre(1, 1, 0, 2, 0, 0));
  EXPECT_EQ(ReadExpertLoads(trace, 6).never_named, 2);
  EXPECT_EQ(ReadExpertLoads(trace, 2).experts, 4);  // more than the model has: refused where it is checked
  EXPECT_EQ(ReadExpertLoads(wide, 6).experts, 4);
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

LoadShape V3Shape() { return {256, 64, 8, 4096, 8, 8, 4}; }

/// Mean over micro-batches of the hottest rank over the mean rank, minus 1.
double HottestRank(const LoadSource& source, int layers) {
  constexpr int kMicroBatches = 6;
  const auto ranks = static_cast<std::size_t>(source.shape().ranks);
  double sum = 0;
  ExchangeLoad load;
  for (int i = 0; i < layers * kMicroBatches; ++i) {
    source.Sample(i % layers, i / layers, 0, &load);
    std::vector<double> rank(ranks);
    for (std::size_t e = 0; e < load.expert_rows.size(); ++e)
      rank[e * ranks / load.expert_rows.size()] += load.expert_rows[e];
    sum += Balance(rank).max_vio;
  }
  return sum / (layers * kMicroBatches);
}

SyntheticOptions OneFlatDomain() {
  SyntheticOptions o = DefaultOptions(Strategy::kLossFree, 0);
  o.affinity.domains = 1, o.affinity.domain = 0;
  return o;
}

TEST(RecordedLoads, FlatOnesOfAModelWithGroupsAreAsEvenAsARouterOfOneDomain) {
  const ExpertLoads flat{"flat", {"all"}, {1.0}, 256, 0, {{std::vector<double>(256, 1.0)}}, false};
  const RecordedLoads recorded(V3Shape(), flat, {{1.0}, 4096, 1, 4}, 1, 1);
  for (float p : recorded.Table(0).slot) EXPECT_NEAR(p * 32, 1, 0.08);
  const double even = HottestRank(SyntheticLoads(V3Shape(), OneFlatDomain(), 4, 1), 4);
  EXPECT_NEAR(HottestRank(recorded, 1), even, 0.01);
}

/// The relative loads of a source's tables, as a report exports them.
ExpertLoads Exported(const TableLoads& source, int layers) {
  const auto domains = source.mix().share.size(), experts = static_cast<std::size_t>(source.shape().experts);
  ExpertLoads out{"export", std::vector<std::string>(domains, "d"), source.mix().share, 256, 0, {}, false};
  for (int l = 0; l < layers; ++l) {
    auto& layer = out.load.emplace_back();
    for (std::size_t d = 0; d < domains; ++d) {
      const auto from = source.Table(l).slot.begin() + static_cast<std::ptrdiff_t>(d * experts);
      layer.emplace_back(from, from + static_cast<std::ptrdiff_t>(experts));
    }
  }
  return out;
}

TEST(RecordedLoads, OfASyntheticRouterGiveItsImbalanceBack) {
  for (Strategy strategy : {Strategy::kLossFree, Strategy::kNone}) {
    const SyntheticLoads synthetic(V3Shape(), DefaultOptions(strategy, 0), 2, 1);
    const RecordedLoads again(V3Shape(), Exported(synthetic, 2), synthetic.mix(), 2, 1);
    const double hottest = HottestRank(synthetic, 2);
    EXPECT_NEAR(HottestRank(again, 2), hottest, 0.03 * (1 + hottest)) << StrategyName(strategy);
    for (std::size_t d : {0u, 7u, 15u})
      EXPECT_NEAR(again.Table(1).nodes_mean[d], synthetic.Table(1).nodes_mean[d], 0.05);
  }
}

TEST(RecordedLoads, SayWhereLayersStartOverOrAreLeftOut) {
  ExpertLoads x{"f", {"all"}, {1.0}, 64, 0, {}, false};
  x.load.assign(3, {std::vector<double>(64, 1.0)});
  const LoadShape shape{64, 8, 8, 2048, 6, 1, 1};
  const auto describe = [&](int moe_layers) {
    return RecordedLoads(shape, x, {{1.0}, 2048, 1, 1}, moe_layers, 1).Describe();
  };
  EXPECT_EQ(describe(3), "recorded loads of f, 3 layers, 1 domain");
  EXPECT_THAT(describe(5), HasSubstr("3 layers that start over in the model's 5 MoE layers"));
  EXPECT_THAT(describe(1), HasSubstr("the first 1 of 3 layers"));
  x.never_named = 16;
  EXPECT_THAT(describe(3),
              HasSubstr("; its highest expert is 47 of 0 to 63: those above are taken as never"));
}

TEST(RecordedLoads, ThatTheGroupsCannotGiveAreSaidToBe) {
  ExpertLoads x{"f", {"all"}, {1.0}, 256, 0, {{std::vector<double>(256)}}, false};
  for (std::size_t e = 0; e < 256; e += 32) x.load[0][0][e] = 1;  // one expert of each of 8 groups: 4 at most
  const RecordedLoads loads(V3Shape(), x, {{1.0}, 4096, 1, 1}, 1, 1);
  EXPECT_THAT(loads.Describe(), HasSubstr("the imitating router comes only within 2.9 of them"));
}

TEST(RecordedLoads, OfRoundedSharesOfEveryTokensExpertAreAccepted) {
  ExpertLoads x{"f", {"all"}, {1.0}, 64, 0, {{std::vector<double>(64, 0.8457)}}, false};
  x.load[0][0][5] = 10.667;  // every token's, of top-6: 64 / 6
  x.load[0][0][6] = 0.9;
  const LoadShape shape{64, 8, 8, 2048, 6, 1, 1};
  EXPECT_NO_THROW(RecordedLoads(shape, x, {{1.0}, 2048, 1, 1}, 1, 1));
  x.load[0][0][5] = 10.9;
  try {
    RecordedLoads(shape, x, {{1.0}, 2048, 1, 1}, 1, 1);
    ADD_FAILURE();
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("expert 5 has 16.9"));
    EXPECT_THAT(e.what(), HasSubstr("expected at most 16.667 %"));
  }
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

/// Loads of `layers` layers of 64 experts, 200 bytes and more a line.
std::string LongCsv(int layers) {
  std::string text = "layer";
  for (int e = 0; e < 64; ++e) text += ",e" + std::to_string(e);
  for (int l = 0; l < layers; ++l) {
    text += "\n" + std::to_string(l);
    for (int e = 0; e < 64; ++e) text += ",10" + std::to_string(e % 10);
  }
  return text + "\n";
}

TEST(RecordedLoads, AreReadUntilThatIsStopped) {
  const std::string csv = LongCsv(20000);  // 5 MB
  std::vector<double> told;
  EXPECT_EQ(
      ParseLoadsCsv(csv, "f", RunControl([&](double share, std::string_view) { told.push_back(share); }))
          .layers(),
      20000);
  EXPECT_GT(told.size(), 3u);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_LE(told.back(), 1);
  std::stop_source stop;
  double last = 0;
  const RunControl control(
      [&](double share, std::string_view) {
        last = share;
        if (share > 0.4) stop.request_stop();
      },
      stop.get_token());
  EXPECT_THROW(ParseLoadsCsv(csv, "f", control), Stopped);
  EXPECT_LT(last, 0.8) << "not read to its end";
  EXPECT_THROW(ParseLoadsJson("[[7,6]]", "f", control), Stopped);
}

TEST(RecordedLoads, OfAScenarioAreReadUntilThatIsStopped) {
  const std::string file = testing::TempDir() + "stopped-loads.csv";
  std::ofstream(file) << "layer,e0,e1,e2,e3\n0,1,2,3,4\n";
  std::stop_source stop;
  stop.request_stop();
  const RunControl control({}, stop.get_token());
  EXPECT_THROW(ReadExpertLoads(file, control), Stopped);
  EXPECT_THROW(ReadExpertLoads(file, 4, 0, control), Stopped);
  std::remove(file.c_str());
}

}  // namespace
}  // namespace orrery::models
