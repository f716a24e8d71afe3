#include "models/routing/training_dynamics.h"

#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>

namespace orrery::models {
namespace {
TEST(Probe, Rules) {
  struct Row { const char* name; UpdateRule rule; double rate; double feedback; double sd; };
  for (const Row& r : {Row{"sign 1e-2", UpdateRule::kSign, 1e-2, 0, .8}, Row{"sign 1e-3", UpdateRule::kSign, 1e-3, 0, .8}, Row{"sign 1e-4", UpdateRule::kSign, 1e-4, 0, .8},
       Row{"prop 1e-2", UpdateRule::kProportional, 1e-2, 0, .8}, Row{"prop 1e-3", UpdateRule::kProportional, 1e-3, 0, .8}, Row{"prop 1e-4", UpdateRule::kProportional, 1e-4, 0, .8},
       Row{"mult 1e-2", UpdateRule::kMultiplicative, 1e-2, 0, .8}, Row{"mult 1e-3", UpdateRule::kMultiplicative, 1e-3, 0, .8}, Row{"mult 1e-4", UpdateRule::kMultiplicative, 1e-4, 0, .8},
       Row{"loss .25", UpdateRule::kAuxiliaryLoss, 0, .25, .25}, Row{"loss .8 .25", UpdateRule::kAuxiliaryLoss, 0, .25, .8}, Row{"none", UpdateRule::kNone, 0, 0, .8}}) {
    auto t0 = std::chrono::steady_clock::now();
    TrainingOptions o; o.rule = r.rule; o.rate = r.rate; o.feedback = r.feedback; o.affinity.domain = r.sd; o.steps = getenv("STEPS") ? atoi(getenv("STEPS")) : 8000;
    double g = 0, first = 0, last = 0; int settled = 0; double c[5] = {};
    for (int l = 0; l < 2; ++l) { auto t = Train(o, 1, l); g += t.max_vio_global / 2; first += t.max_vio[2] / 2; last += t.max_vio.back() / 2; settled = t.settled;
      int i = 0; for (int n : {1, 8, 16, 64, 256}) c[i++] += ComputationBatchMaxVio(o, t, n, 100, 1) / 2; }
    std::printf("%s global %.4f early %.3f end %.3f settled %d comp %.2f %.2f %.2f %.2f %.2f, %.3f s\n", r.name, g, first, last, settled, c[0], c[1], c[2], c[3], c[4], std::chrono::duration<double>(std::chrono::steady_clock::now() - t0).count());
  }
}
}  // namespace
}  // namespace orrery::models
