#include "core/stream_state.h"

#include <fmt/format.h>

namespace orrery::internal {

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
