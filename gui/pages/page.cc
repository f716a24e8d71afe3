#include "gui/pages/page.h"

#include <QTimer>
#include <utility>

namespace orrery::gui {

Page::Page(QString id, QString title, Session* session, QWidget* parent)
    : QWidget(parent), id_(std::move(id)), title_(std::move(title)), session_(session) {
  setObjectName(id_);
  setAccessibleName(title_);
}

Panel* Page::AddPanel(const QString& id) {
  auto* panel = new Panel(id_ + "-" + id, this);
  panel->SetTheme(theme_);
  connect(panel, &Panel::ExportAsked, this,
          [this, panel](const QString& format) { Q_EMIT ExportAsked(panel, format); });
  panels_.push_back(panel);
  return panel;
}

void Page::SetTheme(const Theme& theme) {
  theme_ = theme;
  for (Panel* panel : panels_) panel->SetTheme(theme);
}

void Page::ShowTables(bool tables) {
  tables_ = tables;
  for (Panel* panel : panels_) panel->ShowTable(tables);
}

QString Page::KeysHelp() const { return "T: tables or pictures"; }

void Page::RefreshSoon() {
  stale_ = true;
  if (pending_ || !isVisible()) return;
  pending_ = true;
  QTimer::singleShot(0, this, [this] {
    pending_ = false;
    if (!stale_) return;
    stale_ = false;
    Refresh();
  });
}

void Page::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (stale_) {
    stale_ = false;
    Refresh();
  }
}

}  // namespace orrery::gui
