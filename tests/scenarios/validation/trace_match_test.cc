// Traces made of the list itself, for several models: every launch is found again; what is changed is named.
#include "scenarios/validation/trace_match.h"

#include <algorithm>
#include <array>
#include <tuple>

#include <gmock/gmock.h>

#include "core/op/op_traits.h"

namespace orrery::scenarios {
namespace {

using models::LayerShape;
using models::ModelPreset;
using models::ModelSpec;
using models::PlacedOp;
using testing::HasSubstr;
using K = OpKind;

/// A trace of `layers` layers of a model, with rows that differ from layer to layer, as DeepSeek's kernels launch it.
class MadeTrace {
 public:
  MadeTrace(const std::string& model, int experts, int layers)
      : spec_(ModelPreset(model)), experts_(experts) {
    for (int layer = 0; layer < layers; ++layer) {
      for (const models::Phase part : models::kTrainingPhases) Add(layer, part);
    }
  }

  std::vector<TracedPhase> phases;
  std::vector<std::vector<Op>> ops;  ///< of each phase's launches

  /// Whole tiles of 128 for the rank, but not for one expert's even share.
  std::int64_t Rows(bool forward, int layer) const {
    return 128 * (experts_ * (layer + (forward ? 3 : 6)) + 1);
  }
  std::int64_t hidden() const { return spec_.hidden; }
  LaunchMatch Match(const LayerShape& shape = {}) const { return MatchLaunches(spec_, shape, phases); }
  TracedPhase& PhaseOf(const std::string& name, int layer) {
    return *std::find_if(phases.begin(), phases.end(),
                         [&](const TracedPhase& p) { return p.name == name && p.layer == layer; });
  }
  /// Removes the first launch of a kind from every layer's phase of that name.
  void Remove(const std::string& name, K kind) {
    for (TracedPhase& phase : phases) {
      if (phase.name != name) continue;
      const auto it = std::find_if(phase.launches.begin(), phase.launches.end(),
                                   [&](const TracedLaunch& l) { return l.kind == kind; });
      phase.launches.erase(it);
    }
  }

 private:
  static constexpr std::int64_t kTokens = 2048;

  void Add(int layer, models::Phase part) {
    LayerShape shape;
    shape.batch = models::Sequences(1, kTokens);
    shape.shard.local_experts = experts_;
    shape.row_alignment = 1;
    const std::int64_t rows = Rows(part.pass == models::Pass::kForward, layer);
    shape.batch.routed = {models::EvenTiles(rows, experts_, 0, 1), rows - 100};
    phases.push_back({Name(part), layer, {}});
    ops.emplace_back();
    for (const PlacedOp& placed : PhaseOps(spec_, {}, part, shape)) {
      Op op = placed.op;
      if (auto* gemm = std::get_if<GemmShape>(&op.shape)) gemm->tiles_64 = gemm->tiles_128 = 0;
      int times = 1;
      if (op.kind == K::kGroupedGemmFp8Wgrad) {
        op.kind = K::kGemmFp8Wgrad;
        auto& gemm = std::get<GemmShape>(op.shape);
        gemm.groups = 1;
        gemm.k /= experts_;
        times = experts_;
      }
      for (int i = 0; i < times; ++i) {
        phases.back().launches.push_back({KindByName(op), Grid(op, rows - 100)});
        ops.back().push_back(op);
      }
    }
  }

  /// The last sum of a norm's weight gradient and its update are called otherwise than the kernels over all rows.
  static std::optional<K> KindByName(const Op& op) {
    const auto* shape = std::get_if<RowsShape>(&op.shape);
    return shape != nullptr && shape->rows == 1 ? std::nullopt : std::optional(op.kind);
  }

  std::array<std::int32_t, 3> Grid(const Op& op, std::int64_t unique) const {
    const auto at = [](std::int64_t x, std::int64_t y = 1, std::int64_t z = 1) {
      return std::array{static_cast<std::int32_t>(x), static_cast<std::int32_t>(y),
                        static_cast<std::int32_t>(z)};
    };
    const auto* shape = std::get_if<RowsShape>(&op.shape);
    if (shape == nullptr) return at(112);
    switch (op.kind) {
      case K::kCastFp8:
      case K::kSwiGluCast:
        return at(shape->rows);
      case K::kCastTransposeFp8:
      case K::kRequantizeTranspose:
      case K::kRequantizeGather:
      case K::kSwiGluCastTranspose:
        return at(shape->cols / 128, shape->rows / 128);
      case K::kTransposeFp8:
        return at(shape->rows * shape->cols / 16384);
      case K::kPermute:
        return at(shape->rows / 16);
      case K::kUnpermute:
        return at(unique);
      case K::kResidualAdd:
        return at(shape->rows * shape->cols / 512);
      case K::kRope: {
        const models::AttentionSpec& a = spec_.attention;
        return at(1024, 1, shape->cols / (a.kind == models::AttentionKind::kMla ? a.rope_dim : a.head_dim));
      }
      default:
        return at(56);
    }
  }

  ModelSpec spec_;
  int experts_;
};

/// Kernels that neither grid nor order tells: router and scales, copies, constants, sums over one row, small adds.
bool IsToBeFound(const Op& op, std::int64_t hidden) {
  if (Traits(op.kind).bound == Bound::kTensorCores) return true;
  const auto& shape = std::get<RowsShape>(op.shape);
  if (op.kind == K::kResidualAdd && shape.cols != hidden) return false;
  return Traits(op.kind).bound == Bound::kMemory && op.kind != K::kCopy && op.kind != K::kScale &&
         op.kind != K::kMemset && shape.rows > 1;
}

/// Every launch that can be told is the op it was made from.
void ExpectFoundAgain(const MadeTrace& trace) {
  const LaunchMatch match = trace.Match();
  ASSERT_EQ(match.departure, "");
  ASSERT_EQ(match.ops.size(), trace.ops.size());
  for (std::size_t p = 0; p < trace.ops.size(); ++p) {
    ASSERT_EQ(match.ops[p].size(), trace.ops[p].size());
    for (std::size_t i = 0; i < trace.ops[p].size(); ++i) {
      const Op& made = trace.ops[p][i];
      const auto& found = match.ops[p][i];
      const std::string what = trace.phases[p].name + " " + made.label;
      ASSERT_EQ(found.has_value(), IsToBeFound(made, trace.hidden())) << what;
      if (!found) continue;
      EXPECT_EQ(found->op.kind, made.kind) << what;
      EXPECT_EQ(found->op.label, made.label) << what;
      EXPECT_TRUE(found->op.shape == made.shape) << what;
      const bool of_experts = made.label.starts_with("expert ") && made.kind == K::kGemmFp8Wgrad;
      EXPECT_EQ(found->mean_rows, of_experts) << what;
    }
  }
}

TEST(MatchLaunches, FindsEveryLaunchOfDeepSeekV3) { ExpectFoundAgain(MadeTrace("deepseek-v3", 4, 2)); }

TEST(MatchLaunches, FindsAnotherLatentModelWithOtherExpertsAndLayers) {
  const MadeTrace trace("deepseek-v2", 5, 3);
  ExpectFoundAgain(trace);
  const LaunchMatch match = trace.Match();
  EXPECT_EQ(match.tokens, 2048);
  ASSERT_EQ(match.rows.size(), 3u);
  const std::int64_t forward = trace.Rows(true, 2), backward = trace.Rows(false, 2);
  EXPECT_EQ(match.rows[2], (LayerRows{forward, forward - 100, backward, backward - 100}));
}

TEST(MatchLaunches, FindsAModelOfGroupedAttentionWithoutSharedExperts) {
  ExpectFoundAgain(MadeTrace("qwen3-235b-a22b", 8, 3));
}

TEST(MatchLaunches, OrderIsFreeBetweenKindsAndFixedWithin) {
  MadeTrace trace("deepseek-v2", 5, 2);
  for (TracedPhase& phase : trace.phases) {
    std::stable_sort(phase.launches.begin(), phase.launches.end(),
                     [](const TracedLaunch& a, const TracedLaunch& b) { return a.kind < b.kind; });
    phase.launches.insert(phase.launches.begin(), TracedLaunch{});  // of a kind that no name tells
  }
  EXPECT_EQ(trace.Match().departure, "");
  for (TracedPhase& phase : trace.phases) std::reverse(phase.launches.begin(), phase.launches.end());
  EXPECT_THAT(trace.Match().departure, HasSubstr("transposes a weight of"));
}

TEST(MatchLaunches, AnotherModelIsToldByTheWeightsItTransposes) {
  const MadeTrace trace("deepseek-v2", 4, 2);
  const LaunchMatch match = MatchLaunches(ModelPreset("kimi-k2"), {}, trace.phases);
  EXPECT_THAT(match.departure, HasSubstr("another model"));
  EXPECT_TRUE(std::all_of(match.ops.begin(), match.ops.end(), [](const auto& ops) { return ops.empty(); }));
}

TEST(MatchLaunches, AMissingProductIsNamedWithItsPhaseAndLayer) {
  MadeTrace trace("deepseek-v2", 4, 2);
  std::vector<TracedLaunch>& launches = trace.PhaseOf("mlp(F)", 1).launches;
  launches.erase(std::find_if(launches.begin(), launches.end(),
                              [](const TracedLaunch& l) { return l.kind == K::kGroupedGemmFp8; }));
  EXPECT_EQ(trace.Match().departure, "'mlp(F)' of layer 1 has no launch for expert down fprop");
}

TEST(MatchLaunches, OneProductTooManyIsCounted) {
  MadeTrace trace("deepseek-v2", 4, 2);
  trace.PhaseOf("attn(W)", 1).launches.push_back({K::kGemmFp8Wgrad, {112, 1, 1}});
  EXPECT_EQ(trace.Match().departure, "'attn(W)' of layer 1 has 6 launches of gemm_fp8_wgrad, expected 5");
}

TEST(MatchLaunches, WeightGradientsThatFitNoNumberOfExpertsAreNamed) {
  MadeTrace trace("deepseek-v2", 4, 2);
  trace.Remove("mlp(W)", K::kGemmFp8Wgrad);
  EXPECT_THAT(trace.Match().departure,
              HasSubstr("'mlp(W)' of layer 0 has 9 launches of gemm_fp8_wgrad, expected 2 and 2 for each"));
}

TEST(MatchLaunches, AGroupedWeightGradientIsItselfWhereTheNumberOfExpertsIsGiven) {
  MadeTrace trace("deepseek-v2", 4, 2);
  for (TracedPhase& phase : trace.phases) {
    if (phase.name == "mlp(W)")
      phase.launches = {{K::kGemmFp8Wgrad, {}},
                        {K::kGroupedGemmFp8Wgrad, {}},
                        {K::kGroupedGemmFp8Wgrad, {}},
                        {K::kGemmFp8Wgrad, {}}};
  }
  EXPECT_THAT(trace.Match().departure, HasSubstr("do not tell how many experts a rank has"));
  LayerShape shape;
  shape.shard.local_experts = 4;
  const LaunchMatch match = trace.Match(shape);
  ASSERT_EQ(match.departure, "");
  const auto at = static_cast<std::size_t>(&trace.PhaseOf("mlp(W)", 1) - trace.phases.data());
  ASSERT_TRUE(match.ops[at][1]);
  EXPECT_EQ(match.ops[at][1]->op.kind, K::kGroupedGemmFp8Wgrad);
  EXPECT_EQ(Gemm(match.ops[at][1]->op).k, trace.Rows(false, 1));
  EXPECT_EQ(Gemm(match.ops[at][1]->op).groups, 4);
  EXPECT_FALSE(match.ops[at][1]->mean_rows);
}

TEST(MatchLaunches, CastsWithOneMissingHaveNoShapesInThatPhaseAlone) {
  MadeTrace trace("deepseek-v2", 4, 2);
  trace.Remove("mlp(B)", K::kCastFp8);
  const LaunchMatch match = trace.Match();
  ASSERT_EQ(match.departure, "");
  int in_attention = 0;
  for (std::size_t p = 0; p < match.ops.size(); ++p) {
    for (std::size_t i = 0; i < match.ops[p].size(); ++i) {
      if (trace.phases[p].launches[i].kind != K::kCastFp8) continue;
      EXPECT_FALSE(trace.phases[p].name == "mlp(B)" && match.ops[p][i]);
      if (trace.phases[p].name == "attn(F)") in_attention += match.ops[p][i] ? 1 : 0;
    }
  }
  EXPECT_EQ(in_attention, 2 * 6);
}

TEST(MatchLaunches, GridsTellMemoryBoundLaunchesOfAnotherOrderApart) {
  MadeTrace trace("deepseek-v2", 4, 1);
  TracedPhase& phase = trace.PhaseOf("attn(B)", 0);
  const auto at = static_cast<std::size_t>(&phase - trace.phases.data());
  std::vector<std::size_t> casts;
  for (std::size_t i = 0; i < phase.launches.size(); ++i) {
    if (phase.launches[i].kind == K::kCastTransposeFp8) casts.push_back(i);
  }
  ASSERT_GT(casts.size(), 4u);
  std::swap(phase.launches[casts.front()], phase.launches[casts.back()]);
  std::swap(trace.ops[at][casts.front()], trace.ops[at][casts.back()]);
  const LaunchMatch match = trace.Match();
  for (const std::size_t i : casts) {
    ASSERT_TRUE(match.ops[at][i]);
    EXPECT_TRUE(match.ops[at][i]->op.shape == trace.ops[at][i].shape);
  }
  phase.launches[casts[1]].grid = {1, 1, 1};
  for (const std::size_t i : casts) EXPECT_FALSE(trace.Match().ops[at][i]);
}

TEST(MatchLaunches, NormsWithOneTooManyHaveNoShapes) {
  MadeTrace trace("deepseek-v2", 4, 2);
  TracedPhase& phase = trace.PhaseOf("attn(F)", 0);
  phase.launches.push_back({K::kRmsNorm, {56, 1, 1}});
  const LaunchMatch match = trace.Match();
  ASSERT_EQ(match.departure, "");
  const auto at = static_cast<std::size_t>(&phase - trace.phases.data());
  for (std::size_t i = 0; i < phase.launches.size(); ++i)
    EXPECT_FALSE(phase.launches[i].kind == K::kRmsNorm && match.ops[at][i]);
}

TEST(MatchLaunches, APhaseThatIsMissingOrThereTooRarelyIsNamed) {
  MadeTrace trace("deepseek-v2", 4, 2);
  std::vector<TracedPhase> without;
  for (const TracedPhase& phase : trace.phases) {
    if (phase.name != "attn(W)") without.push_back(phase);
  }
  const ModelSpec spec = ModelPreset("deepseek-v2");
  EXPECT_EQ(MatchLaunches(spec, {}, without).departure, "no phase 'attn(W)'");
  trace.phases.pop_back();
  EXPECT_EQ(trace.Match().departure, "1 phases 'attn(W)', expected one for each of 2 'attn(F)'");
}

TEST(MatchLaunches, WithoutCastsPermutationsOrTransposesATraceDoesNotTellEnough) {
  for (const auto& [name, kind, expected] :
       {std::tuple{"attn(F)", K::kCastFp8, "no cast to FP8 in 'attn(F)' to count tokens by"},
        std::tuple{"mlp(B)", K::kPermute, "no permutation of rows to experts in layer 0"},
        std::tuple{"", K::kTransposeFp8, "no transpose of a weight"}}) {
    MadeTrace trace("deepseek-v2", 4, 2);
    for (TracedPhase& phase : trace.phases) {
      if (*name == '\0' || phase.name == name)
        std::erase_if(phase.launches, [&](const TracedLaunch& l) { return l.kind == kind; });
    }
    EXPECT_THAT(trace.Match().departure, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace orrery::scenarios
