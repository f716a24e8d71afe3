// Any item model as CSV: what is exported, and what a copied table is.
#pragma once

#include <QAbstractItemModel>
#include <QModelIndex>
#include <QString>

namespace orrery::gui {

/// Headers with units, then every row; numbers in full (Qt::UserRole), whatever the table shows, with a point.
QString CsvText(const QAbstractItemModel& model);
/// The rows and columns that `cells` reach, in the model's order, parted by tabs: for a clipboard.
QString TabbedText(const QModelIndexList& cells);

}  // namespace orrery::gui
