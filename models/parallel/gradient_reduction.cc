#include "models/parallel/gradient_reduction.h"

#include <algorithm>

#include "core/base/error.h"

namespace orrery::models {
namespace {

constexpr int kCompute = 0;

/// Gradients that are reduced together.
struct Bucket {
  std::uint32_t price = 0;
  std::vector<std::pair<const Unit*, Part>> blocks;  ///< all must be done

  std::uint32_t ReadyAfter(const LastWeights& last) const {
    std::uint32_t steps = 0;
    for (const auto& block : blocks) steps = std::max(steps, last.at(block));
    return steps;
  }
};

/// Whether a block gives gradients of the head's or the embedding's table. An MTP layer embeds too, and a head may be
/// tied to the embedding.
bool UsesHead(const Unit& unit) { return unit.kind == UnitKind::kHead; }
bool UsesEmbedding(const Unit& unit, Part part) {
  return unit.kind == UnitKind::kEmbedding || UsesHead(unit) ||
         (unit.kind == UnitKind::kMtpLayer && part == Part::kAttentionWeight);
}

/// The buckets of a rank in the order in which it is done with them.
std::vector<Bucket> BucketsOf(const LastWeights& last) {
  std::vector<Bucket> buckets;
  Bucket embedding{ReductionPrice(UnitKind::kEmbedding, Part::kAttentionWeight), {}};
  Bucket head{ReductionPrice(UnitKind::kHead, Part::kMlpWeight), {}};
  Bucket rest{kRestReductionPrice, {}};
  bool embeds = false;
  for (const auto& [block, steps] : last) {
    const auto& [unit, part] = block;
    rest.blocks.push_back(block);
    embeds = embeds || unit->kind == UnitKind::kEmbedding;
    if (UsesHead(*unit)) head.blocks.push_back(block);
    if (UsesEmbedding(*unit, part)) embedding.blocks.push_back(block);
    if (unit->kind != UnitKind::kEmbedding && unit->kind != UnitKind::kHead)
      buckets.push_back({ReductionPrice(unit->kind, part), {block}});
  }
  if (embeds) buckets.push_back(std::move(embedding));
  if (!head.blocks.empty()) buckets.push_back(std::move(head));
  // By steps and price: the map's order is that of addresses.
  std::sort(buckets.begin(), buckets.end(), [&](const Bucket& a, const Bucket& b) {
    return std::pair(a.ReadyAfter(last), a.price) < std::pair(b.ReadyAfter(last), b.price);
  });
  if (!rest.blocks.empty()) buckets.push_back(std::move(rest));
  return buckets;
}

/// Reductions use the SMs beside compute and the NIC beside exchanges and messages.
void GiveRole(Program* program) {
  program->roles[kCompute].slowed_by |= 1U << kReductionStream;
  program->roles[kReductionStream] = {0, -1, Port::kNic, true};
}

/// Tells the mirrored rank that this one's gradients are there.
ProgramStep TellMirror(int mirror, int channel, std::uint32_t task) {
  ProgramStep tell;
  tell.type = StepType::kSend;
  tell.price = kLocalSendPrice;  // what it takes is in the collective's own latency
  tell.peer = static_cast<std::int16_t>(mirror);
  tell.peer_channel = static_cast<std::uint8_t>(channel);
  tell.task = task;
  return tell;
}

}  // namespace

void AddReductions(const Schedule& schedule, const std::vector<LastWeights>& last,
                   std::vector<Program>* programs) {
  const int ranks = schedule.spec.ranks;
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = (*programs)[static_cast<std::size_t>(rank)];
    GiveRole(&program);
    const int mirror = schedule.directions() > 1 ? ranks - 1 - rank : rank;
    const int channel = static_cast<int>(2 * schedule.StagesOf(rank).size());
    const LastWeights& own = last[static_cast<std::size_t>(rank)];
    const std::uint32_t task = program.tasks > 0 ? program.tasks - 1 : 0;
    std::uint32_t told = 0;
    // Both mirrored ranks take the order of the lower one.
    for (const Bucket& bucket : BucketsOf(last[static_cast<std::size_t>(std::min(rank, mirror))])) {
      ProgramStep reduce;
      reduce.type = StepType::kExchange;
      reduce.communicator = kReductionCommunicator;
      reduce.price = bucket.price;
      reduce.task = task;
      reduce.wait_done[kCompute] = bucket.ReadyAfter(own);
      auto& stream = program.streams[kReductionStream];
      if (mirror != rank) {
        ORRERY_CHECK(channel < kMaxChannels, "no channel left for the mirrored rank");
        stream.push_back(TellMirror(mirror, channel, task));
        stream.back().wait_done = reduce.wait_done;
        reduce.wait_channel[0] = static_cast<std::int8_t>(channel);
        reduce.wait_messages[0] = ++told;
      }
      stream.push_back(reduce);
    }
  }
}

}  // namespace orrery::models
