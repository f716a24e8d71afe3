#include "gui/itemmodels/table_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace orrery::gui {
namespace {

/// A minus sign as long as a plus, and no "-0.0".
QString Digits(double value, int decimals) {
  const QString digits = QString::number(std::abs(value), 'f', decimals);
  const bool zero = digits.count('0') + digits.count('.') == digits.size();
  return value < 0 && !zero ? QString(QChar(0x2212)) + digits : digits;
}

bool Holds(const Selection& whole, const Selection& part) { return Over(whole, part) == whole; }

}  // namespace

TableCell TextCell(const QString& text, bool warns) { return {text, text, warns}; }

TableCell NumberCell(double value, int decimals, bool warns) {
  return {Digits(value, decimals), value, warns};
}

TableCell SignedCell(double value, int decimals, bool warns) {
  const QString digits = Digits(value, decimals);
  return {value > 0 ? "+" + digits : digits, value, warns};
}

TableCell WholeCell(qint64 value) { return {QString::number(value), value, false}; }

TableModel::TableModel(std::vector<TableColumn> columns, QObject* parent)
    : QAbstractTableModel(parent), columns_(std::move(columns)) {}

int TableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int TableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(columns_.size());
}

QVariant TableModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const TableRow& row = rows_[static_cast<std::size_t>(index.row())];
  const auto column = static_cast<std::size_t>(index.column());
  if (column >= row.cells.size()) return {};
  const TableCell& cell = row.cells[column];
  switch (role) {
    case Qt::DisplayRole:
      return cell.text;
    case kRawRole:
      return cell.raw;
    case kWarnsRole:
      return cell.warns;
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((columns_[column].number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
    case Qt::ToolTipRole:
      return row.help.isEmpty() ? QVariant() : QVariant(row.help);
    default:
      return {};
  }
}

QVariant TableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
  const TableColumn& column = columns_[static_cast<std::size_t>(section)];
  switch (role) {
    case Qt::DisplayRole:
      return column.unit.isEmpty() ? column.title : QString("%1 [%2]").arg(column.title, column.unit);
    case kRawRole:
      return column.title;
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((column.number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
    case Qt::ToolTipRole:
      return column.help.isEmpty() ? QVariant() : QVariant(column.help);
    default:
      return {};
  }
}

int TableModel::RowOf(const Selection& selection) const {
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (!rows_[i].selects.Empty() && Holds(selection, rows_[i].selects)) return static_cast<int>(i);
  return -1;
}

void TableModel::SetRows(std::vector<TableRow> rows) {
  if (rows.size() != rows_.size()) {
    beginResetModel();
    rows_ = std::move(rows);
    endResetModel();
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == rows_[i]) continue;
    rows_[i] = std::move(rows[i]);
    const int row = static_cast<int>(i);
    if (columnCount() > 0) Q_EMIT dataChanged(index(row, 0), index(row, columnCount() - 1));
  }
}

void TableModel::SetTable(std::vector<TableColumn> columns, std::vector<TableRow> rows) {
  if (columns == columns_) return SetRows(std::move(rows));
  beginResetModel();
  columns_ = std::move(columns);
  rows_ = std::move(rows);
  endResetModel();
}

}  // namespace orrery::gui
