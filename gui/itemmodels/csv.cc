#include "gui/itemmodels/csv.h"

#include <QStringList>
#include <QVariant>
#include <map>

#include "core/config/written.h"

namespace orrery::gui {
namespace {

QString Quoted(QString text) {
  if (!text.contains(',') && !text.contains('"') && !text.contains('\n') && !text.contains('\r')) return text;
  return '"' + text.replace("\"", "\"\"") + '"';
}

QString CellText(const QModelIndex& index) {
  const QVariant raw = index.data(Qt::UserRole);
  switch (raw.typeId()) {
    case QMetaType::Double:
      return QString::fromStdString(NumberText(raw.toDouble()));
    case QMetaType::Int:
    case QMetaType::LongLong:
      return raw.toString();
    default:
      return index.data().toString();
  }
}

}  // namespace

QString CsvText(const QAbstractItemModel& model) {
  QString text;
  const auto add = [&text](const QStringList& cells) { text += cells.join(',') + '\n'; };
  QStringList header;
  for (int c = 0; c < model.columnCount(); ++c)
    header << Quoted(model.headerData(c, Qt::Horizontal).toString());
  add(header);
  for (int r = 0; r < model.rowCount(); ++r) {
    QStringList cells;
    for (int c = 0; c < model.columnCount(); ++c) cells << Quoted(CellText(model.index(r, c)));
    add(cells);
  }
  return text;
}

QString TabbedText(const QModelIndexList& cells) {
  std::map<int, std::map<int, QString>> rows;
  for (const QModelIndex& index : cells) rows[index.row()][index.column()] = CellText(index);
  QStringList lines;
  for (const auto& [row, columns] : rows) {
    QStringList texts;
    for (const auto& [column, text] : columns) texts << QString(text).replace('\t', ' ').replace('\n', ' ');
    lines << texts.join('\t');
  }
  return lines.join('\n');
}

}  // namespace orrery::gui
