// How far each token's score for each expert lies over the edge of its selection, and so what an expert's
// load becomes when its bias alone moves: the exact answer where a slope is only a guess.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/routing/sampling/load_table.h"

namespace orrery::models {

class Margins {
 public:
  /// Of the first `documents` documents of each of `text`'s domains.
  Margins(const RoutedText& text, int documents);

  /// Sets the margins under `bias`, [experts] for all domains or [domains][experts]: positive where the token
  /// selects the expert. An expert of a group that the token does not keep must first lift the group over the
  /// last one kept.
  void Set(std::span<const float> bias);

  /// The smallest move of `expert`'s bias in domains of `share` at which `excess(move, load)`, which grows
  /// with both the move and the expert's relative load there (1 is balanced), is no longer negative. Loads
  /// come in whole tokens: where one token decides, the nearer of its two sides, half way to the next token.
  double MoveOf(std::size_t expert, std::span<const double> share,
                const std::function<double(double move, double load)>& excess) const;

 private:
  const RoutedText& text_;
  std::size_t domains_, tokens_;  ///< tokens of a domain
  std::vector<float> margin_;     ///< [domains][blocks][experts][kLanes]
};

}  // namespace orrery::models
