#include "gui/session/answer.h"

#include <cstddef>

namespace orrery::gui {

std::string_view Mark(Sureness kind) {
  constexpr std::array<std::string_view, 4> kMarks = {"○", "◐", "●", "◉"};
  return kMarks[static_cast<std::size_t>(kind)];
}

std::string_view Words(Sureness kind) {
  constexpr std::array<std::string_view, 4> kWords = {"folded, blind to imbalance", "one exchange group",
                                                      "every GPU simulated", "analysed"};
  return kWords[static_cast<std::size_t>(kind)];
}

bool FoldedTells(const scenarios::Scenario& from, const scenarios::Scenario& to) {
  return from.routing == to.routing && from.seed == to.seed;
}

}  // namespace orrery::gui
