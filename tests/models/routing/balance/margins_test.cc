#include "models/routing/balance/margins.h"

#include <vector>

#include <gtest/gtest.h>

namespace orrery::models {
namespace {

/// Load of `expert` after its bias alone moved.
double LoadAfter(const RoutedText& text, std::vector<float> bias, const std::vector<double>& share,
                 std::size_t expert, double move) {
  bias[expert] += static_cast<float>(move);
  return RelativeLoads(text.gate(), text.Route(bias, text.documents()), share)[expert];
}

TEST(Margins, MoveAnExpertToTheLoadAskedFor) {
  for (const GateShape& gate : {GateShape{64, 1, 1, 1}, GateShape{64, 6, 1, 1}, GateShape{256, 8, 8, 4}}) {
    for (const Affinity kind : {Affinity::kSigmoid, Affinity::kSoftmax}) {
      AffinityParameters p;
      p.kind = kind, p.domains = 2;
      const RoutedText text(DrawRouterLayer(p, gate.experts, 4, 0), gate, 2, 8, 5);
      const std::vector<double> share = ZipfShares(2);
      const std::vector<float> none(static_cast<std::size_t>(gate.experts));
      Margins margins(text, 8);
      margins.Set(none);
      // What lifts a whole group displaces another, so under a group limit the answer is nearly right.
      const double close = gate.groups > 1 ? 0.35 : 0.15;
      for (const std::size_t e : {0u, 5u, 33u}) {
        for (const double wanted : {0.5, 1.0, 2.0}) {
          const double move = margins.MoveOf(e, share, [&](double, double load) { return load - wanted; });
          EXPECT_NEAR(LoadAfter(text, none, share, e, move), wanted, close * wanted)
              << gate.experts << " top-" << gate.top_k << " expert " << e;
        }
      }
    }
  }
}

TEST(Margins, StayWhereNothingIsAskedFor) {
  const GateShape gate{64, 6, 1, 1};
  AffinityParameters p;
  p.domains = 1;
  const RoutedText text(DrawRouterLayer(p, 64, 4, 0), gate, 1, 16, 5);
  const std::vector<float> none(64);
  Margins margins(text, 16);
  margins.Set(none);
  // A strong pull towards a bias of 0.2 and hardly any of the load.
  const double move = margins.MoveOf(7, std::vector<double>{1.0},
                                     [](double by, double load) { return 1e3 * (by - 0.2) + 1e-6 * load; });
  EXPECT_NEAR(move, 0.2, 1e-4);
}

}  // namespace
}  // namespace orrery::models
