// A drawn layer's experts renumbered: equal in distribution, cheaper than drawing another layer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/sampling/load_table.h"

namespace orrery::models {

/// [experts] drawn expert -> the layer's: nodes, gate groups and ranks shuffled, the smaller inside the
/// larger, so that experts of one stay together. Nothing moves that would break one of them, as where groups
/// and nodes cross. Ranks divide experts.
std::vector<std::uint16_t> ShuffleRanks(const LoadShape& shape, std::uint64_t seed, int layer);

/// Every expert stays.
std::vector<std::uint16_t> KeepExperts(int experts);

/// The table of the renumbered layer.
LoadTable Renumbered(LoadTable t, std::span<const std::uint16_t> to);

/// The slots of each drawn expert, where `map` has those of the layer's; shared experts keep theirs.
SlotMap DrawnSlots(const SlotMap& map, std::span<const std::uint16_t> to);

}  // namespace orrery::models
