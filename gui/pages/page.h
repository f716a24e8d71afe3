// A page of the window: panels and controls over one session. It holds no figures of its own; it builds what it shows
// from the session's answers whenever these change.
#pragma once

#include <QString>
#include <QWidget>
#include <vector>

#include "gui/pages/panel.h"
#include "gui/paint/theme.h"
#include "gui/session/session.h"

namespace orrery::gui {

class Page : public QWidget {
  Q_OBJECT

 public:
  /// `id` names the page on the command line and in exported files: "experts".
  Page(QString id, QString title, Session* session, QWidget* parent);

  const QString& id() const { return id_; }
  const QString& title() const { return title_; }
  const std::vector<Panel*>& panels() const { return panels_; }
  virtual void SetTheme(const Theme& theme);
  /// Shows the tables of all panels, or their pictures.
  void ShowTables(bool tables);
  bool ShowsTables() const { return tables_; }
  /// What its keys do, a line each.
  virtual QString KeysHelp() const;
  /// Builds everything anew from the session; called when the page comes to the front and when what it shows changes.
  virtual void Refresh() = 0;
  /// Waits until all is made that the page makes beside the session's answers; before its pictures are exported.
  virtual void Settle() {}

 Q_SIGNALS:
  void ExportAsked(orrery::gui::Panel* panel, const QString& format);
  /// Another page is wanted, with the selection as it is now.
  void PageAsked(const QString& id);

 protected:
  Panel* AddPanel(const QString& id);
  Session& session() const { return *session_; }
  const Theme& theme() const { return theme_; }
  /// Refreshes once after all that happens in this turn of the event loop, and only while the page is seen.
  void RefreshSoon();
  void showEvent(QShowEvent* event) override;

 private:
  QString id_, title_;
  Session* session_;
  Theme theme_;
  std::vector<Panel*> panels_;
  bool tables_ = false, pending_ = false, stale_ = true;
};

}  // namespace orrery::gui
