// The variants of a session side by side: the table of pinned plans on What-if. It follows the session by itself.
#pragma once

#include <QString>

#include "gui/itemmodels/table_model.h"
#include "gui/session/session.h"

namespace orrery::gui {

/// The first variant is the baseline of all differences. Differences are between answers of one kind; folded ones
/// show their sign and rough size alone. Names and prices are edited in the table.
class VariantsModel : public TableModel {
  Q_OBJECT

 public:
  enum Column {
    kName,
    kMark,  ///< of the best answer
    kStep,
    kStepChange,  ///< to the baseline, with its 90 % interval where the two were compared under the same draws
    kTokens,      ///< a day
    kTokensChange,
    kDollars,  ///< a trillion tokens
    kDollarsChange,
    kDays,    ///< of the run
    kMemory,  ///< of the fullest pipeline rank
    kHottest,
    kPrice,      ///< a GPU hour; edited here
    kRunTokens,  ///< edited here
    kChanged,    ///< keys that differ from the baseline's
    kColumns
  };

  /// `session` must outlive the model.
  explicit VariantsModel(Session* session, QObject* parent = nullptr);

  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  int IdOf(int row) const;    ///< of the variant
  int RowOfId(int id) const;  ///< -1: none

 private:
  void Fill();
  TableRow RowOf(const VariantPtr& variant, const VariantPtr& baseline) const;
  void AddChanges(const VariantPtr& variant, const VariantPtr& baseline, TableRow* row) const;

  Session* session_;
};

/// "−3.0 %", or of folded answers "about −2 %"; `ratio` is other / base.
QString ChangeText(double ratio, Sureness kind);

}  // namespace orrery::gui
