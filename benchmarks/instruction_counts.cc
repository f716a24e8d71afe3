// Small fixed pieces of work whose instructions are counted under callgrind, which no other load on the
// machine changes: scripts/check_instructions.py compares them with benchmarks/instruction_counts.json.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/engine/stream_engine.h"
#include "models/routing/sources/synthetic_loads.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/training/simulation.h"

namespace orrery {
namespace {

struct JitterPricer {
  std::vector<std::int64_t> times;
  StepPrice operator()(int row, int column, const ProgramStep& step) const {
    return {
        times[(static_cast<std::size_t>(row) * 977 + static_cast<std::size_t>(column) * 31 + step.instance) &
              4095],
        0.1F, 0.1F};
  }
};

/// Four rows of 64 columns: compute, an exchange in groups of 8 that waits for it, a message to the next row.
std::uint64_t Replay() {
  constexpr int kRows = 4;
  constexpr std::uint32_t kRounds = 100;
  std::vector<Program> programs(kRows);
  for (int row = 0; row < kRows; ++row) {
    Program& program = programs[static_cast<std::size_t>(row)];
    for (std::uint32_t i = 0; i < kRounds; ++i) {
      ProgramStep work, exchange, send;
      work.instance = i;
      if (i > 0) {
        work.wait_channel[0] = 0;
        work.wait_messages[0] = i;
        work.wait_done[1] = i - 1;
      }
      exchange.type = StepType::kExchange;
      exchange.instance = i + 3;
      exchange.wait_done[0] = i + 1;
      send.type = StepType::kSend;
      send.instance = i + 7;
      send.wait_done[0] = i + 1;
      send.peer = static_cast<std::int16_t>((row + 1) % kRows);
      program.streams[0].push_back(work);
      program.streams[1].push_back(exchange);
      program.streams[2].push_back(send);
    }
  }
  JitterPricer pricer;
  RandomStream random(2, "jitter");
  for (int i = 0; i < 4096; ++i)
    pricer.times.push_back(1000000 + static_cast<std::int64_t>(random.Below(500000)));
  NullObserver observer;
  StreamEngine engine(programs, 64, 8, pricer, observer);
  return engine.Run().events;
}

/// DeepSeek-V3's step with equal ranks folded into one.
std::uint64_t Folded() {
  const scenarios::TrainingModel model(
      scenarios::ReadTrainingScenario(scenarios::LoadScenarioDocument("deepseek-v3-pretraining", {}), ""),
      true);
  return model.Simulate({.fold = true}).events;
}

/// Forty exchanges of a synthetic router in 64 ranks.
std::uint64_t Routing() {
  const models::SyntheticLoads loads({256, 64, 8, 4096, 8, 8, 4}, {}, 1, 1);
  models::ExchangeLoad load;
  std::uint64_t rows = 0;
  for (int micro_batch = 0; micro_batch < 40; ++micro_batch) {
    loads.Sample(0, micro_batch, 0, &load);
    rows += static_cast<std::uint64_t>(load.expert_rows[0]);
  }
  return rows;
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  std::uint64_t result = 0;
  if (what == "replay") {
    result = orrery::Replay();
  } else if (what == "folded") {
    result = orrery::Folded();
  } else if (what == "routing") {
    result = orrery::Routing();
  } else {
    std::fprintf(stderr, "expected replay, folded or routing\n");
    return 2;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(result));
  return 0;
}
