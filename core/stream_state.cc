#include "core/stream_state.h"

#include <fmt/format.h>

#include "core/error.h"

namespace orrery::internal {
namespace {

std::string StepText(int rank, int stream, const ProgramStep& step) {
  static constexpr const char* kStreams[] = {"compute", "exchange", "send", "send"};
  return fmt::format("simulation: rank {}, {} stream, price {}, micro-batch step {}", rank, kStreams[stream],
                     step.price, step.instance);
}

}  // namespace

void ThrowUnpriceable(const StepPrice& price, int rank, int stream, const ProgramStep& step) {
  throw InputError(fmt::format(
      "{}: a step of {:.3g} s that takes {:.3g} times as long beside another and "
      "uses {:.3g} of the port cannot be simulated; expected a time from 0 to {:.0f} "
      "days and nothing that is faster beside another than alone",
      StepText(rank, stream, step), static_cast<double>(price.work) * 1e-12,
      1 + static_cast<double>(price.beside), static_cast<double>(price.port), kLongestSeconds / 86400));
}

void ThrowTooLate(double elapsed, std::int64_t now, int rank, int stream, const ProgramStep& step) {
  throw InputError(
      fmt::format("{}: starts after {:.3g} s and takes {:.3g} s more, but no more than {:.0f} "
                  "days can be simulated; a rate or a size in the input is out of all proportion",
                  StepText(rank, stream, step), static_cast<double>(now) * 1e-12, elapsed * 1e-12,
                  kLongestSeconds / 86400));
}

std::string WaitText(const RankState& rank, std::size_t r, std::size_t stream, const ProgramStep& step) {
  std::string text = fmt::format("no event is left but rank {} stream {} waits at step {} (task {}) for", r,
                                 stream, rank.done[stream], step.task);
  for (std::size_t i = 0; i < kMaxStreams; ++i) {
    if (rank.done[i] >= step.wait_done[i]) continue;
    text += fmt::format(" stream {} to complete {} steps (has {})", i, step.wait_done[i], rank.done[i]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    if (rank.HasMessages(step, i)) continue;
    text += fmt::format(" message {} on channel {} (has {})", step.wait_messages[i], step.wait_channel[i],
                        rank.messages[static_cast<std::size_t>(step.wait_channel[i])]);
  }
  if (rank.state[stream] == StepState::kArrived) text += " its exchange group";
  return text;
}

}  // namespace orrery::internal
