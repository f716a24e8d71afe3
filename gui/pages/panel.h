// One picture of a page with its table twin: what is drawn, shown as numbers, exported and read by a screen reader.
#pragma once

#include <QAbstractItemModel>
#include <QString>
#include <QWidget>
#include <functional>
#include <memory>
#include <optional>

#include "gui/paint/theme.h"

class QLabel;
class QStackedLayout;
class QTableView;

namespace orrery::gui {

/// Draws a panel into a rectangle; keeps nothing.
using ThemedPaint = std::function<void(QPainter&, const QRectF&, const Theme&)>;

/// What a panel shows now.
struct PanelContent {
  QString title;        ///< one line; also the accessible name
  QString description;  ///< for a screen reader: what is seen, with its figures
  ThemedPaint paint;    ///< empty: there is no picture, and `absent` says why and what would make one
  QString absent;
  std::shared_ptr<QAbstractItemModel> table;  ///< the same figures; null: none
  /// Fills `table`, when it is about to be seen or written: for tables too large to follow a moving picture. Empty: it
  /// is filled already.
  std::function<void()> list = {};
};

/// Where a pointer is, and how large the canvas that it is on.
struct PanelPoint {
  QPointF at;
  QRectF canvas;
  Qt::KeyboardModifiers modifiers;
};

class Panel : public QWidget {
  Q_OBJECT

 public:
  /// `id` names the panel in exported files: "experts-ranks".
  explicit Panel(QString id, QWidget* parent = nullptr);
  ~Panel() override;

  const QString& id() const { return id_; }
  const PanelContent& content() const { return content_; }
  void SetContent(PanelContent content);
  /// Content of an answer that an edit has overtaken stays, paled, and says whose it is; empty: it is current.
  void SetStale(const QString& of_whom);
  void SetTheme(const Theme& theme);
  const Theme& theme() const { return theme_; }
  void ShowTable(bool table);
  bool ShowsTable() const;
  QTableView* table() const { return table_; }
  /// The content's table, filled; null: it has none.
  const QAbstractItemModel* FilledTable() const;
  /// Where the picture is drawn; what tests click on.
  QWidget* canvas() const;

 Q_SIGNALS:
  void Pressed(const orrery::gui::PanelPoint& point);
  void DoubleClicked(const orrery::gui::PanelPoint& point);
  /// With the left button down, since the last of these or the press.
  void Dragged(const orrery::gui::PanelPoint& from, const orrery::gui::PanelPoint& to);
  /// Notches of the wheel, away from the hand positive.
  void Wheeled(const orrery::gui::PanelPoint& point, double notches);
  void Hovered(const std::optional<orrery::gui::PanelPoint>& point);
  /// From arrow keys, on the canvas.
  void Stepped(int columns, int rows);
  /// Of the menu: the picture as "png" or "svg", or the table as "csv".
  void ExportAsked(const QString& format);

 private:
  class Canvas;
  void ShowMenu(const QPoint& at);
  void ShowWhatThereIs();

  QString id_;
  PanelContent content_;
  QString stale_;
  Theme theme_;
  bool wants_table_ = false;
  Canvas* canvas_;
  QTableView* table_;
  QLabel* absent_;
  QStackedLayout* stack_;
};

}  // namespace orrery::gui
