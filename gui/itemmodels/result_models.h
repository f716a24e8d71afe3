// The tables of one answer. Every model takes an answer and shows its figures as they are; nothing is computed
// here that the result does not say.
#pragma once

#include <optional>

#include "gui/itemmodels/table_model.h"
#include "gui/session/answer.h"
#include "gui/session/variant.h"

namespace orrery::gui {

/// Overview: the figures of a step and of its run.
class SummaryModel : public TableModel {
  Q_OBJECT

 public:
  explicit SummaryModel(QObject* parent = nullptr);
  /// `run`: under the variant's prices (Session::RunOf).
  void Show(const scenarios::TrainingResult& result, const scenarios::RunReport& run);
};

/// Figures that are published of this very configuration, beside ours; no rows where nothing is.
class PublishedModel : public TableModel {
  Q_OBJECT

 public:
  explicit PublishedModel(QObject* parent = nullptr);
  void Show(const scenarios::Scenario& scenario, const scenarios::TrainingResult& result);
};

/// Where the step goes, as pipeline rank 0 books it; with the published phases where there are any.
class PhasesModel : public TableModel {
  Q_OBJECT

 public:
  explicit PhasesModel(QObject* parent = nullptr);
  void Show(const scenarios::Scenario& scenario, const scenarios::TrainingResult& result);
};

/// What runs, by class of kernels, and what its price rests on.
class OpClassesModel : public TableModel {
  Q_OBJECT

 public:
  explicit OpClassesModel(QObject* parent = nullptr);
  void Show(const scenarios::TrainingResult& result);
};

class CommunicationModel : public TableModel {
  Q_OBJECT

 public:
  explicit CommunicationModel(QObject* parent = nullptr);
  void Show(const scenarios::TrainingResult& result);
};

/// What would help most; gains do not add up. No rows before the answer is analysed.
class WhatIfModel : public TableModel {
  Q_OBJECT

 public:
  explicit WhatIfModel(QObject* parent = nullptr);
  void Show(const scenarios::TrainingResult& result);
};

class CriticalPathModel : public TableModel {
  Q_OBJECT

 public:
  explicit CriticalPathModel(QObject* parent = nullptr);
  void Show(const scenarios::TrainingResult& result);
};

/// Memory at the peak of the step by pipeline rank, in GB of 10^9 bytes.
class MemoryModel : public TableModel {
  Q_OBJECT

 public:
  explicit MemoryModel(QObject* parent = nullptr);
  void Show(const scenarios::TrainingResult& result);
};

class NotesModel : public TableModel {
  Q_OBJECT

 public:
  explicit NotesModel(QObject* parent = nullptr);
  void Show(const scenarios::TrainingResult& result);
};

}  // namespace orrery::gui
