// Figures of a training result, and of one against another: what Overview, Time and Memory draw.
#pragma once

#include <QString>
#include <optional>

#include "gui/paint/bars.h"
#include "gui/paint/phases.h"
#include "gui/paint/stacks.h"
#include "gui/paint/tiles.h"
#include "gui/session/answer.h"
#include "gui/session/session.h"

namespace orrery::gui {

/// What a page shows: the best answer of the shown variant or the last good one of an earlier edit, and that of the
/// variant beside it where both have one kind. Null answers where there are none yet.
struct ShownAnswers {
  AnswerPtr answer, against;
  AnswerPtr best;  ///< the surest of the shown variant, whatever the other has: studies are read off it
  QString name, against_name;
  const scenarios::Scenario* scenario = nullptr;  ///< of the shown variant; null of another kind
  bool stale = false;                             ///< `answer` is of an earlier edit
  bool pale() const { return stale || (answer && answer->kind == Sureness::kFolded); }
};
ShownAnswers AnswersOf(const Session& session);

/// "-3.0 %"; "about -3 %" of folded answers, whose differences tell no more than a direction.
QString DifferenceText(double from, double to, Sureness kind);

TilesFigure HeadlineOf(const ShownAnswers& shown, const scenarios::RunReport& run,
                       const std::optional<scenarios::RunReport>& against_run);
PhasesFigure PhasesOf(const ShownAnswers& shown);
BarsFigure HelpsOf(const ShownAnswers& shown);
BarsFigure OpClassesOf(const ShownAnswers& shown);
BarsFigure CommunicationOf(const ShownAnswers& shown);
BarsFigure CriticalPathOf(const ShownAnswers& shown);
StacksFigure MemoryOf(const ShownAnswers& shown);

}  // namespace orrery::gui
