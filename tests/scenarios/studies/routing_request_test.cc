#include "scenarios/studies/routing_request.h"

#include <stop_token>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/run_control.h"
#include "core/config/document.h"

namespace orrery::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RoutingDocument Loaded(const std::string& yaml) {
  const Document document = Document::Parse(yaml, "s.yaml");
  RoutingInput input;
  input.read = &document;
  return LoadRoutingDocument(input);
}

std::string ErrorOf(const std::string& yaml, const RoutingQuestion& question) {
  try {
    MakeRoutingRequest(Loaded(yaml), question);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(RoutingRequest, TakesWhatTheDocumentSaysAndWhatIsAskedBesideIt) {
  const RoutingRequest r =
      MakeRoutingRequest(Loaded("{model: deepseek-v3, routing: {strategy: auxiliary-loss}, seed: 7}"),
                         {.layers = 3, .steps = 0, .ranks = {8, 64}});
  EXPECT_EQ(r.section.strategy, models::Strategy::kSequenceLoss);
  EXPECT_EQ(r.seed, 7u);
  EXPECT_EQ(r.layers, 3);
  EXPECT_EQ(r.steps, 0);
  EXPECT_THAT(r.ranks, ElementsAre(8, 64));
  EXPECT_FALSE(r.step_time);
}

TEST(RoutingRequest, ShowsAMicroBatchAtASizeThatWasAskedFor) {
  const auto ranks = [](std::vector<int> asked) {
    const RoutingRequest r =
        MakeRoutingRequest(Loaded("{model: deepseek-v3}"), {.steps = 0, .ranks = std::move(asked)});
    return std::pair(r.training.ranks, r.training.ranks_per_node);
  };
  EXPECT_EQ(ranks({}), std::pair(64, 8));
  EXPECT_EQ(ranks({8}), std::pair(8, 8));
  EXPECT_EQ(ranks({4, 16, 72}), std::pair(16, 8));
  EXPECT_EQ(ranks({4}), std::pair(4, 4));
  EXPECT_EQ(ranks({8, 64}), std::pair(64, 8));
  EXPECT_EQ(ranks({72}), std::pair(64, 8)) << "does not divide the experts";
}

TEST(RoutingRequest, AScenarioThatIsReadAlreadyIsRoutedAndSimulatedAsChanged) {
  const Document document =
      Document::Parse("{model: deepseek-v3, workload: {sequence_length: 2048}}", "s.yaml");
  RoutingInput input;
  input.read = &document;
  input.strategy = "batch-auxiliary-loss";
  input.settings = {"seed=9"};
  std::string seen;
  const auto maker = [&](const Document& scenario, RoutingRequest*, const RunControl&) {
    seen = scenario.root().At("routing").At("strategy").AsString();
    return StepTimeUnder([](const models::LoadSource&, const RunControl&) { return StepFigures{}; });
  };
  const RoutingRequest r = MakeRoutingRequest(LoadRoutingDocument(input), {.steps = 0}, maker);
  EXPECT_EQ(seen, "batch-auxiliary-loss");
  EXPECT_EQ(r.seed, 9u);
  EXPECT_EQ(r.section.options.sequence_length, 2048);
  EXPECT_TRUE(r.step_time);
}

TEST(RoutingRequest, AStopReachesTheMakerOfStepTimes) {
  std::stop_source stop;
  stop.request_stop();
  const auto maker = [](const Document&, RoutingRequest*, const RunControl& control) {
    control.Check();
    return StepTimeUnder();
  };
  const RunControl control({}, stop.get_token());
  EXPECT_THROW(MakeRoutingRequest(Loaded("model: deepseek-v3"), {}, maker, control), Stopped);
}

TEST(RoutingRequest, ErrorsNameOptionsAsTheFaceDoes) {
  const std::string v3 = "model: deepseek-v3";
  EXPECT_THAT(ErrorOf(v3, {.layers = 1000}), HasSubstr("--layers 1000: deepseek-v3 has"));
  EXPECT_THAT(ErrorOf(v3, {.layers = 0, .dashes = ""}), testing::StartsWith("layers 0: expected at least 1"));
  EXPECT_THAT(ErrorOf(v3, {.steps = 1}), HasSubstr("--steps 1: expected 0 or"));
  EXPECT_THAT(ErrorOf(v3, {.ranks = {0}}), HasSubstr("--ranks 0: expected 1 to"));
  EXPECT_THAT(ErrorOf("model: {preset: deepseek-v3}\nrouting: {alpha: 1}", {}), HasSubstr("s.yaml:2"));
}

}  // namespace
}  // namespace orrery::scenarios
