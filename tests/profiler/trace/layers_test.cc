#include "profiler/trace/layers.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "profiler/trace/trace_report.h"
#include "tests/profiler/trace/matched_trace.h"
#include "tests/profiler/trace/synthetic_trace.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;

const RecognisedOp& Op(const LayerOps& layers, const std::string& label) {
  for (const RecognisedOp& op : layers.ops) {
    if (op.label == label) return op;
  }
  ADD_FAILURE() << label;
  return layers.ops.front();
}

TEST(Layers, GemmsGetTheirOperationsByOrder) {
  const AnalysedTrace a = AnalyseMatched(SyntheticTrace().Build(2));
  ASSERT_EQ(a.layers.not_recognised, "");
  EXPECT_EQ(a.summary.layers, 2);
  EXPECT_EQ(a.layers.tokens, 4096);
  EXPECT_EQ(Op(a.layers, "q_b fprop").shape, OpShape(GemmShape{4096, 24576, 1536, 1}));
  EXPECT_EQ(Op(a.layers, "o wgrad").shape, OpShape(GemmShape{7168, 16384, 4096, 1}));
  EXPECT_EQ(Op(a.layers, "router wgrad").shape, OpShape(GemmShape{256, 7168, 4096, 1}));
  EXPECT_EQ(Op(a.layers, "q_b fprop").durations_us, (std::vector<double>{100, 100}));
  EXPECT_DOUBLE_EQ(Op(a.layers, "attention forward").flops.count, 4096.0 * 4096 * 128 * (192 + 128));
}

TEST(Layers, RowsPerExpertComeFromTheGridsOfEachLayer) {
  const AnalysedTrace a = AnalyseMatched(SyntheticTrace().Build(2));
  EXPECT_EQ(a.layers.rows[0].backward_m, 2048 * 16);
  EXPECT_EQ(a.layers.rows[1].backward_m, 2056 * 16);
  EXPECT_EQ(a.layers.rows[1].forward_u, 29000);
  EXPECT_EQ(Op(a.layers, "expert down dgrad").shape, OpShape(GemmShape{32768, 2048, 7168, 4}));
  EXPECT_TRUE(Op(a.layers, "expert down wgrad").approximate);
  EXPECT_FALSE(Op(a.layers, "shared down wgrad").approximate);
}

TEST(Layers, PermutationsMoveWhatIsReceivedAndWhatIsExpanded) {
  const AnalysedTrace a = AnalyseMatched(SyntheticTrace().Build(2));
  const RecognisedOp &permute = Op(a.layers, "permute"), &unpermute = Op(a.layers, "unpermute");
  EXPECT_EQ(permute.shape, OpShape(RowsShape{32768, 7168}));
  EXPECT_EQ(permute.bytes.count, (32768 + 30000) * (7168 + 224));
  EXPECT_EQ(unpermute.shape, OpShape(RowsShape{32768, 7168}));
  EXPECT_EQ(unpermute.bytes.count, (32768 + 30000) * 2 * 7168);
}

TEST(Layers, CastsOfAnotherNumberThanALayerHasGetNoShape) {
  const AnalysedTrace a = AnalyseMatched(SyntheticTrace().Build(2));  // it has one in attn(F), a layer six
  EXPECT_TRUE(std::none_of(a.layers.ops.begin(), a.layers.ops.end(),
                           [](const RecognisedOp& op) { return op.kind == OpKind::kCastFp8; }));
}

TEST(Layers, AnyGridIsReadWithoutOverflow) {
  RandomStream random(11, "grids");
  for (int round = 0; round < 200; ++round) {
    Trace trace = SyntheticTrace().Build(2);
    for (GpuEvent& e : trace.events) {
      if (random.Uniform() < 0.1) e.grid = {INT32_MAX, 65535, 65535};
      if (random.Uniform() < 0.1) e.grid = {0, 0, 0};
    }
    for (const RecognisedOp& op : AnalyseMatched(std::move(trace)).layers.ops)
      EXPECT_GE(op.bytes.count, 0) << op.label;
  }
}

TEST(Layers, LaunchesOfZeroDurationAreNoTimesOfAMeasurement) {
  Trace trace = SyntheticTrace().Build(2);
  for (GpuEvent& e : trace.events) e.duration_ns = e.correlation % 3 == 0 ? 0 : e.duration_ns;
  const AnalysedTrace some = AnalyseMatched(trace);
  const MeasurementRun run = TraceMeasurement(some);
  EXPECT_GT(ZeroDurations(some), 0);
  EXPECT_THAT(run.counters_note,
              HasSubstr(std::to_string(ZeroDurations(some)) + " launches of zero duration left out"));
  for (const KernelSample& s : run.samples) {
    EXPECT_FALSE(s.durations_us.empty());
    EXPECT_THAT(s.durations_us, testing::Each(100.0));
  }
  for (GpuEvent& e : trace.events) e.duration_ns = 0;
  EXPECT_THROW(TraceMeasurement(AnalyseMatched(trace)), InputError);
}

TEST(Layers, AMeasurementOfATraceCanBeReadBack) {
  const MeasurementRun run = TraceMeasurement(AnalyseMatched(SyntheticTrace().Build(2)));
  EXPECT_EQ(ParseMeasurement(MeasurementJson(run), "m.json").samples.size(), run.samples.size())
      << "no case twice";
}

TEST(Layers, AnotherModelIsNotRecognised) {
  SyntheticTrace other;
  other.o_transpose_grid = 5000;
  const AnalysedTrace a = AnalyseMatched(other.Build(2));
  EXPECT_TRUE(a.layers.ops.empty());
  EXPECT_THAT(a.layers.not_recognised,
              HasSubstr("transposes a weight of 81920000 elements, expected 117440512 for o dgrad"));
  EXPECT_THAT(TraceText(a), HasSubstr("no operations recognised"));
  EXPECT_THROW(TraceMeasurement(a), InputError);
}

TEST(Layers, AnotherNumberOfGemmsIsNotRecognised) {
  for (const int gemms : {4, 6}) {
    SyntheticTrace other;
    other.gemms_in_attention = gemms;
    const AnalysedTrace a = AnalyseMatched(other.Build(2));
    EXPECT_TRUE(a.layers.ops.empty());
    EXPECT_THAT(a.layers.not_recognised, HasSubstr("'attn(F)' of layer 0 has"));
  }
}

TEST(Layers, ATraceWithoutPhasesStillHasTotals) {
  TraceBuilder builder;
  builder.trace().events.push_back({});
  builder.trace().events[0].name = builder.Intern("nvjet_tst");
  builder.trace().events[0].duration_ns = 1000;
  const AnalysedTrace a = AnalyseMatched(builder.Finish());
  EXPECT_FALSE(a.summary.layers);
  EXPECT_EQ(a.layers.not_recognised, "no phases that repeat once per layer");
  EXPECT_EQ(a.summary.kernels, 1);
  EXPECT_THAT(TraceText(a), HasSubstr("cuBLAS"));
}

TEST(Layers, WithoutAMatcherNothingIsRecognised) {
  const AnalysedTrace a = Analyse(SyntheticTrace().Build(2));
  EXPECT_TRUE(a.layers.ops.empty());
  EXPECT_EQ(a.layers.not_recognised, "no model to match the trace against");
}

TEST(Layers, HoldTimesOfWhatTheMatcherSays) {
  const auto first_of_each = [](const std::vector<TracedPhase>& phases) {
    LaunchMatch match;
    match.tokens = 7;
    for (const TracedPhase& phase : phases) {
      match.ops.emplace_back(phase.launches.size());
      if (phase.name != "mlp(W)") continue;
      EXPECT_EQ(phase.launches.size(), 10u);
      EXPECT_EQ(phase.launches[0].kind, OpKind::kGemmFp8Wgrad);
      EXPECT_EQ(phase.launches[0].grid[0], 112);
      match.ops.back()[0] = MatchedLaunch{{OpKind::kGemmFp8Wgrad, GemmShape{1, 2, 3, 1}, "one"}, true};
    }
    return match;
  };
  const LayerOps layers = Analyse(SyntheticTrace().Build(3), first_of_each).layers;
  EXPECT_EQ(layers.tokens, 7);
  ASSERT_EQ(layers.ops.size(), 1u);
  EXPECT_EQ(layers.ops[0].label, "one");
  EXPECT_EQ(layers.ops[0].phase, "mlp(W)");
  EXPECT_TRUE(layers.ops[0].approximate);
  EXPECT_EQ(layers.ops[0].layers, (std::vector<int>{0, 1, 2}));
  EXPECT_DOUBLE_EQ(layers.tensor_flops.count, 3 * 12);
}

TEST(Analysis, CommunicationBesideComputeIsOverlapped) {
  const AnalysedTrace a = Analyse(SyntheticTrace().Build(2));
  EXPECT_EQ(a.summary.payload.busy_ns, 200'000);
  EXPECT_EQ(a.summary.payload.exposed_ns(), 0) << "the dispatch runs beside the next phase";
  ASSERT_EQ(a.summary.streams.size(), 2u);
  EXPECT_FALSE(a.summary.streams[0].communication);
  EXPECT_TRUE(a.summary.streams[1].communication);
  EXPECT_EQ(a.summary.streams[0].gap_median_ns, 2000);
}

TEST(Analysis, PhasesHaveOneBlockPerLayer) {
  const AnalysedTrace a = Analyse(SyntheticTrace().Build(3));
  ASSERT_FALSE(a.summary.phases.empty());
  const Phase& attention = a.summary.phases.front();
  EXPECT_EQ(attention.name, "attn(F)");
  EXPECT_EQ(attention.span_ns, (std::vector<std::int64_t>(3, 8 * 102'000 - 2'000)));
  EXPECT_EQ(a.summary.layer_period_ns.size(), 3u);
  EXPECT_EQ(a.summary.layer_period_ns[0], a.summary.layer_period_ns[1]);
}

}  // namespace
}  // namespace orrery::profiler
