#include "core/engine/stream_state.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery {

Communicator Communicator::Neighbours(int ranks, int size) {
  ORRERY_CHECK(size > 0 && ranks % size == 0, "groups must divide the ranks");
  Communicator communicator;
  communicator.group_of_rank.resize(static_cast<std::size_t>(ranks));
  for (int r = 0; r < ranks; ++r) communicator.group_of_rank[static_cast<std::size_t>(r)] = r / size;
  return communicator;
}

namespace internal {
namespace {

std::string StepText(int rank, int stream, const ProgramStep& step) {
  // What the streams of a program with ComputeExchangeSend's roles are called.
  static constexpr const char* kStreams[] = {"compute", "exchange", "send", "send"};
  const std::string name = stream < 4 ? kStreams[stream] : fmt::format("{}th", stream + 1);
  return fmt::format("simulation: rank {}, {} stream, price {}, micro-batch step {}", rank, name, step.price,
                     step.instance);
}

}  // namespace

void ThrowUnpriceable(const StepPrice& price, int rank, int stream, const ProgramStep& step) {
  throw InputError(fmt::format(
      "{}: a step of {:.3g} s that takes {:.3g} times as long beside another and "
      "uses {:.3g} of the port cannot be simulated; expected a time from 0 to {:.0f} "
      "days and nothing that is faster beside another than alone",
      StepText(rank, stream, step), static_cast<double>(price.work) * 1e-12,
      1 + static_cast<double>(price.contended), static_cast<double>(price.port), kLongestSeconds / 86400));
}

void ThrowTooLate(double elapsed, std::int64_t now, int rank, int stream, const ProgramStep& step) {
  throw InputError(
      fmt::format("{}: starts after {:.3g} s and takes {:.3g} s more, but no more than {:.0f} "
                  "days can be simulated; a rate or a size in the input is out of all proportion",
                  StepText(rank, stream, step), static_cast<double>(now) * 1e-12, elapsed * 1e-12,
                  kLongestSeconds / 86400));
}

std::string WaitText(const Waiting& waiting, const ProgramStep& step) {
  std::string text = fmt::format("no event is left but rank {} stream {} waits at step {} (task {}) for",
                                 waiting.rank, waiting.stream, waiting.done[waiting.stream], step.task);
  for (std::size_t i = 0; i < waiting.done.size(); ++i) {
    if (waiting.done[i] >= step.wait_done[i]) continue;
    text += fmt::format(" stream {} to complete {} steps (has {})", i, step.wait_done[i], waiting.done[i]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    if (step.wait_channel[i] < 0) continue;
    const std::uint32_t has = waiting.messages[static_cast<std::size_t>(step.wait_channel[i])];
    if (has >= step.wait_messages[i]) continue;
    text +=
        fmt::format(" message {} on channel {} (has {})", step.wait_messages[i], step.wait_channel[i], has);
  }
  if (waiting.arrived) text += " its exchange group";
  if (step.type == StepType::kAwait) text += " the posts of its group";
  return text;
}

}  // namespace internal
}  // namespace orrery
