// The margin of a token and an expert is how far the expert's score lies above the edge at which the token
// selects it. From the margins follows, exactly, what an expert's load becomes when its bias alone moves; a
// slope only estimates it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/sampling/load_table.h"

namespace orrery::models {

class Margins {
 public:
  /// Uses the first `documents` documents of each domain of `text`.
  Margins(const RoutedText& text, int documents);

  /// Sets the margins under `bias`, [experts] for all domains or [domains][experts]. A margin is positive
  /// where the token selects the expert. An expert of a group that the token does not keep has to lift its
  /// group above the last group kept first.
  void Set(std::span<const float> bias, const RunControl& control = {});

  /// The smallest move of the bias of `expert`, in domains that come in `share`, at which excess(move, load)
  /// is no longer negative. `load` is the expert's relative load there (1 is balanced); the excess grows with
  /// both. A load is a number of whole tokens, so the excess jumps at a token: then the result is on the side
  /// where it is nearer to 0, half way to the next token.
  double MoveOf(std::size_t expert, std::span<const double> share,
                const std::function<double(double move, double load)>& excess) const;

 private:
  const RoutedText& text_;
  std::size_t domains_, tokens_;  ///< tokens of a domain
  std::vector<float> margin_;     ///< [domains][blocks][experts][kLanes]
};

}  // namespace orrery::models
