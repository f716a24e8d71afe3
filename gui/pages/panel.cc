#include "gui/pages/panel.h"

#include <QAction>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QStackedLayout>
#include <QStyledItemDelegate>
#include <QTableView>
#include <utility>

#include "gui/itemmodels/table_model.h"

namespace orrery::gui {

namespace {

/// Cells that warn (does not fit, not told apart) carry a sign and bold letters.
class WarningDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    if (!index.data(TableModel::kWarnsRole).toBool()) return;
    option->text += " ✗";
    option->font.setBold(true);
  }
};

}  // namespace

/// The picture. Events become points of the panel.
class Panel::Canvas : public QWidget {
 public:
  explicit Canvas(Panel* panel) : QWidget(panel), panel_(panel) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    painter.fillRect(rect(), panel_->theme_.background);
    if (!panel_->stale_.isEmpty()) painter.setOpacity(0.45);
    if (panel_->content_.paint) panel_->content_.paint(painter, Area(), panel_->theme_);
    painter.setOpacity(1);
    if (!panel_->stale_.isEmpty()) {
      painter.setPen(panel_->theme_.text);
      painter.drawText(rect().adjusted(8, 4, -8, -4), Qt::AlignTop | Qt::AlignRight, panel_->stale_);
    }
    if (hasFocus()) {
      painter.setPen(QPen(panel_->theme_.accent, 1));
      painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
  }
  void mousePressEvent(QMouseEvent* event) override {
    if (event->button() != Qt::LeftButton) return;
    last_ = event->position();
    Q_EMIT panel_->Pressed(Point(event->position(), event->modifiers()));
  }
  void wheelEvent(QWheelEvent* event) override {
    Q_EMIT panel_->Wheeled(Point(event->position(), event->modifiers()), event->angleDelta().y() / 120.0);
    event->accept();
  }
  void mouseDoubleClickEvent(QMouseEvent* event) override {
    Q_EMIT panel_->DoubleClicked(Point(event->position(), event->modifiers()));
  }
  void mouseMoveEvent(QMouseEvent* event) override {
    const PanelPoint point = Point(event->position(), event->modifiers());
    if (event->buttons() & Qt::LeftButton) {
      const PanelPoint from = Point(last_, event->modifiers());
      last_ = event->position();
      Q_EMIT panel_->Dragged(from, point);
    } else {
      Q_EMIT panel_->Hovered(point);
    }
  }
  void leaveEvent(QEvent*) override { Q_EMIT panel_->Hovered(std::nullopt); }
  void contextMenuEvent(QContextMenuEvent* event) override { panel_->ShowMenu(event->globalPos()); }
  void keyPressEvent(QKeyEvent* event) override {
    switch (event->key()) {
      case Qt::Key_Left:
        Q_EMIT panel_->Stepped(-1, 0);
        break;
      case Qt::Key_Right:
        Q_EMIT panel_->Stepped(1, 0);
        break;
      case Qt::Key_Up:
        Q_EMIT panel_->Stepped(0, -1);
        break;
      case Qt::Key_Down:
        Q_EMIT panel_->Stepped(0, 1);
        break;
      default:
        QWidget::keyPressEvent(event);
    }
  }

 private:
  QRectF Area() const { return QRectF(rect()); }
  PanelPoint Point(QPointF at, Qt::KeyboardModifiers modifiers) const { return {at, Area(), modifiers}; }

  Panel* panel_;
  QPointF last_;  ///< of a drag
};

Panel::Panel(QString id, QWidget* parent)
    : QWidget(parent),
      id_(std::move(id)),
      canvas_(new Canvas(this)),
      table_(new QTableView(this)),
      absent_(new QLabel(this)),
      stack_(new QStackedLayout(this)) {
  setObjectName(id_);
  absent_->setAlignment(Qt::AlignCenter);
  absent_->setWordWrap(true);
  absent_->setMargin(16);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setSortingEnabled(false);
  table_->setWordWrap(false);
  table_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  table_->setItemDelegate(new WarningDelegate(table_));
  table_->verticalHeader()->setDefaultSectionSize(table_->fontMetrics().height() + 6);
  table_->verticalHeader()->setVisible(false);
  table_->horizontalHeader()->setStretchLastSection(true);
  table_->setContextMenuPolicy(Qt::CustomContextMenu);
  connect(table_, &QWidget::customContextMenuRequested, this,
          [this](const QPoint& at) { ShowMenu(table_->viewport()->mapToGlobal(at)); });
  for (QWidget* face : std::initializer_list<QWidget*>{canvas_, table_, absent_}) stack_->addWidget(face);
  stack_->setContentsMargins(0, 0, 0, 0);
  ShowWhatThereIs();
}

Panel::~Panel() = default;

QWidget* Panel::canvas() const { return canvas_; }

void Panel::SetContent(PanelContent content) {
  content_ = std::move(content);
  canvas_->setAccessibleName(content_.title);
  canvas_->setAccessibleDescription(content_.description);
  table_->setAccessibleName(content_.title + ", as a table");
  if (table_->model() != content_.table.get()) {
    table_->setModel(content_.table.get());
    if (content_.table) {
      // Measuring every cell takes long: only of what is seen.
      const auto fit = [this] {
        if (ShowsTable()) table_->resizeColumnsToContents();
      };
      connect(content_.table.get(), &QAbstractItemModel::modelReset, table_, fit);
      connect(content_.table.get(), &QAbstractItemModel::rowsInserted, table_, fit);
      connect(content_.table.get(), &QAbstractItemModel::dataChanged, table_, fit);
      fit();
    }
  }
  absent_->setText(content_.absent);
  ShowWhatThereIs();
  canvas_->update();
}

void Panel::SetStale(const QString& of_whom) {
  if (stale_ == of_whom) return;
  stale_ = of_whom;
  canvas_->update();
}

void Panel::SetTheme(const Theme& theme) {
  theme_ = theme;
  canvas_->update();
}

const QAbstractItemModel* Panel::FilledTable() const {
  if (content_.table && content_.list) content_.list();
  return content_.table.get();
}

bool Panel::ShowsTable() const { return stack_->currentWidget() == table_; }

void Panel::ShowTable(bool table) {
  wants_table_ = table;
  ShowWhatThereIs();
}

void Panel::ShowWhatThereIs() {
  if (content_.table && (wants_table_ || !content_.paint)) {
    FilledTable();
    stack_->setCurrentWidget(table_);
    table_->resizeColumnsToContents();
  } else if (content_.paint) {
    stack_->setCurrentWidget(canvas_);
  } else {
    stack_->setCurrentWidget(absent_);
  }
}

void Panel::ShowMenu(const QPoint& at) {
  QMenu menu(this);
  const auto offer = [&](const QString& text, const QString& format, bool possible) {
    QAction* action = menu.addAction(text);
    action->setEnabled(possible);
    connect(action, &QAction::triggered, this, [this, format] { Q_EMIT ExportAsked(format); });
  };
  offer("Save picture as PNG…", "png", static_cast<bool>(content_.paint));
  offer("Save picture as SVG…", "svg", static_cast<bool>(content_.paint));
  offer("Save table as CSV…", "csv", content_.table != nullptr);
  QAction* toggle = menu.addAction(ShowsTable() ? "Show the picture" : "Show the table");
  toggle->setEnabled(content_.table != nullptr);
  connect(toggle, &QAction::triggered, this, [this] { ShowTable(!ShowsTable()); });
  menu.exec(at);
}

}  // namespace orrery::gui
