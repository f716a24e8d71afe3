// Figures of expert loads that more than one page draws.
#pragma once

#include <QString>
#include <optional>
#include <string>
#include <vector>

#include "gui/paint/heat_map.h"
#include "gui/paint/stems.h"
#include "gui/session/expert_view.h"

namespace orrery::gui {

/// "+54.4 %".
QString Percent(double share);

/// The map of a view, on the scale that what is counted has. `layers`: their names, one a row.
HeatMapFigure LoadMapOf(const LoadView& view, const std::vector<std::string>& layers, bool dark);

/// One view over another of the same request, cell by cell; nullopt where they do not match.
std::optional<HeatMapFigure> LoadDifferenceOf(const LoadView& view, const LoadView& base,
                                              const std::vector<std::string>& layers, bool dark);

/// The strips of one layer's ranks; those that there are.
StemsFigure StripsFigureOf(const std::vector<RankStrip>& strips, int planned_from);

}  // namespace orrery::gui
