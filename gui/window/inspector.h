// The right side: what is selected, in words with its figures, and what the shown answer rests on.
#pragma once

#include <QWidget>

#include "gui/session/session.h"

class QLabel;

namespace orrery::gui {

class Inspector : public QWidget {
  Q_OBJECT

 public:
  explicit Inspector(Session* session, QWidget* parent = nullptr);

 private:
  void Refresh();  ///< all of it; reads the plan's file, so not for every click
  void RefreshSelected();

  Session* session_;
  QLabel* selected_;
  QLabel* why_;
};

/// A selection's facets in words, a line each; empty where nothing is selected.
QString SelectionText(const Selection& selection, const Session& session);
/// What an answer rests on: its kind, interval, provenance, tables, what is left out, and the command that prints it.
QString WhyText(const Session& session);

}  // namespace orrery::gui
