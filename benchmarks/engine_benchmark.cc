// Speed of the engine alone: the hold model on the radix heap, and the replay of programs of 2048 ranks on
// two streams whose ranks wait for their neighbours' messages.
#include <benchmark/benchmark.h>

#include "core/base/random.h"
#include "core/engine/radix_heap.h"
#include "core/engine/stream_engine.h"

namespace orrery {
namespace {

void BM_Hold(benchmark::State& state) {
  const auto pending = static_cast<std::size_t>(state.range(0));
  RandomStream random(1, "hold");
  std::vector<std::uint64_t> increments(1 << 16);
  for (std::uint64_t& i : increments)
    i = static_cast<std::uint64_t>(-1e6 * std::log(1.0 - random.Uniform())) + 1;
  RadixHeap<std::uint64_t> heap;
  for (std::size_t i = 0; i < pending; ++i) heap.Push(increments[i & 0xffff], i);
  std::size_t i = 0;
  for (auto _ : state) {
    const auto event = heap.Pop();
    heap.Push(event.time + increments[i++ & 0xffff], event.payload);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Hold)->Arg(1000)->Arg(10000)->Arg(100000)->Arg(1000000);

struct JitterPricer {
  std::vector<std::int64_t> times;
  StepPrice operator()(int row, int column, const ProgramStep& step) const {
    return {
        times[(static_cast<std::size_t>(row) * 977 + static_cast<std::size_t>(column) * 31 + step.instance) &
              4095],
        0, 0};
  }
};

/// `steps` rounds: every rank computes, then exchanges results of the round with itself and its neighbour
/// row.
std::vector<Program> NeighbourPrograms(int rows, std::uint32_t steps) {
  std::vector<Program> programs(static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    for (std::uint32_t i = 0; i < steps; ++i) {
      ProgramStep work;
      work.instance = i;
      if (i > 0 && row > 0) {
        work.wait_channel[0] = 0;
        work.wait_messages[0] = i;
      }
      ProgramStep send;
      send.type = StepType::kSend;
      send.instance = i + 7;
      send.wait_done[0] = i + 1;
      send.peer = static_cast<std::int16_t>((row + 1) % rows);
      programs[static_cast<std::size_t>(row)].streams[0].push_back(work);
      programs[static_cast<std::size_t>(row)].streams[2].push_back(send);
    }
  }
  return programs;
}

void BM_Replay2048Ranks(benchmark::State& state) {
  const auto programs = NeighbourPrograms(16, 500);
  JitterPricer pricer;
  RandomStream random(2, "jitter");
  for (int i = 0; i < 4096; ++i)
    pricer.times.push_back(1000000 + static_cast<std::int64_t>(random.Below(500000)));
  NullObserver observer;
  std::uint64_t events = 0;
  for (auto _ : state) {
    StreamEngine engine(programs, 128, 1, pricer, observer);
    events += engine.Run().events;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(BM_Replay2048Ranks)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery
