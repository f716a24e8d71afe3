// A table of figures: what every item model of a result is. Headers carry units, numbers stand right and have
// their raw value in Qt::UserRole, and each row knows what it selects.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QVariant>
#include <initializer_list>
#include <vector>

#include "gui/session/selection.h"

namespace orrery::gui {

struct TableColumn {
  QString title;
  QString unit;         ///< "s", "%"; empty: none
  bool number = false;  ///< stands right
  QString help;         ///< what it means; shown as a tool tip of the header
  bool operator==(const TableColumn&) const = default;
};

struct TableCell {
  QString text;
  QVariant raw;        ///< a number in the column's unit, or the text
  bool warns = false;  ///< does not fit, is not told apart, ...
  bool operator==(const TableCell&) const = default;
};

struct TableRow {
  std::vector<TableCell> cells;
  Selection selects;
  QString help;  ///< tool tip
  bool operator==(const TableRow&) const = default;
};

/// Text, or a number with `decimals`; what is absent is an empty cell.
TableCell TextCell(const QString& text, bool warns = false);
TableCell NumberCell(double value, int decimals, bool warns = false);
TableCell SignedCell(double value, int decimals, bool warns = false);
TableCell WholeCell(qint64 value);

class TableModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  static constexpr int kRawRole = Qt::UserRole;
  static constexpr int kWarnsRole = Qt::UserRole + 1;  ///< bool

  explicit TableModel(std::vector<TableColumn> columns, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  /// "step [s]" for people; with kRawRole the title alone.
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

  const Selection& SelectionOf(int row) const { return rows_[static_cast<std::size_t>(row)].selects; }
  /// The first row that selects nothing which `selection` does not have, and something; -1: none.
  int RowOf(const Selection& selection) const;
  /// No rows.
  void Clear() { SetRows({}); }

 protected:
  /// Announces no more than what changed: cells where the number of rows stayed.
  void SetRows(std::vector<TableRow> rows);
  void SetTable(std::vector<TableColumn> columns, std::vector<TableRow> rows);
  const std::vector<TableRow>& rows() const { return rows_; }

 private:
  std::vector<TableColumn> columns_;
  std::vector<TableRow> rows_;
};

}  // namespace orrery::gui
