// What a plan may be changed to by hand: the keys that planners turn, each with the values that the reader accepts.
#pragma once

#include <string>
#include <vector>

#include "gui/session/variant.h"

namespace orrery::gui {

struct LeverValue {
  std::string text;                    ///< "64", "dualpipe", "h100-2048"
  std::vector<std::string> overrides;  ///< the edit, as of --set: more than one key where one forces another
  std::string also;                    ///< "with data 256": what else it changes; empty: nothing
};

struct Lever {
  std::string key;                 ///< of the scenario: "parallelism.expert"
  std::string label;               ///< "expert parallel"
  bool ordered = false;            ///< numbers, on a slider; else names, in a list
  std::vector<LeverValue> values;  ///< accepted ones, numbers ascending
  int current = -1;                ///< of values; -1: the plan's value is none of them
};

/// The levers of a training plan: each candidate value is put to the scenario's reader, alone and, where it is refused,
/// with the copies of a stage (parallelism.data) that the cluster then leaves. Levers with fewer than two accepted
/// values are left out. None for other kinds of plan.
std::vector<Lever> LeversOf(const Plan& plan);

}  // namespace orrery::gui
