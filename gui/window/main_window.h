// The window: pages by number at the left, what is shown against what above, the inspector at the right, and below it
// how sure the answer is and what is being worked on.
#pragma once

#include <QMainWindow>
#include <QString>
#include <QStringList>
#include <vector>

#include "gui/pages/page.h"
#include "gui/session/runner.h"
#include "gui/session/session.h"

class QAction;
class QComboBox;
class QLabel;
class QListWidget;
class QProgressBar;
class QPushButton;
class QSplitter;
class QStackedWidget;

namespace orrery::gui {

class ExpertsPage;
class Inspector;
class StartPage;

class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  enum class Looks { kDesktop, kLight, kDark };

  MainWindow(Session* session, Runner* runner, QWidget* parent = nullptr);
  ~MainWindow() override;

  /// Opens files of any kind that is shown; says what is wrong in a bar at the top and returns it; empty: all is well.
  QString OpenFiles(const QStringList& files);
  void ShowPage(const QString& id);
  const std::vector<Page*>& pages() const { return pages_; }
  Page* FindPage(const QString& id) const;  ///< null where there is none
  void SetLooks(Looks looks);
  /// Of the bar at the top; empty: it is folded away.
  QString message() const;
  void Say(const QString& message);

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void changeEvent(QEvent* event) override;
  void closeEvent(QCloseEvent* event) override;

 private:
  void MakePages();
  void MakeBars();
  void MakeMenus();
  void MakeStatus();
  void MakeKeys();
  void Connect();
  QAction* AddAction(QMenu* menu, const QString& text, const QKeySequence& keys,
                     const std::function<void()>& act);
  QString OpenFile(const QString& file);
  void ChooseFiles();
  void SaveScenario();
  void SaveSession();
  void ExportPanel(const Panel& panel, const QString& format);
  void ExportPage();
  void SaveTrace(const std::vector<int>& pipeline_ranks);
  void OfferWhatWasLeft();
  void ShowAbout();
  void ShowKeys();
  void RefreshVariants();
  void RefreshStatus();
  void ShowBusy(bool busy);
  void ApplyLooks();
  QString AskWhereTo(const QString& title, const QString& name, const QString& kinds);

  Session* session_;
  Runner* runner_;
  std::vector<Page*> pages_;
  ExpertsPage* experts_ = nullptr;
  StartPage* start_ = nullptr;
  Inspector* inspector_ = nullptr;
  QListWidget* list_ = nullptr;
  QStackedWidget* stack_ = nullptr;
  QSplitter* splitter_ = nullptr;
  QComboBox* shown_ = nullptr;
  QComboBox* against_ = nullptr;
  QWidget* message_bar_ = nullptr;
  QLabel* message_ = nullptr;
  QLabel* sureness_ = nullptr;
  QLabel* doing_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QPushButton* cancel_ = nullptr;
  QLabel* notes_ = nullptr;
  QAction* undo_ = nullptr;
  QAction* redo_ = nullptr;
  QAction* run_ = nullptr;
  QAction* stop_ = nullptr;
  QAction* back_ = nullptr;
  QAction* forward_ = nullptr;
  Looks looks_ = Looks::kDesktop;
  bool applying_ = false;
  bool stopped_ = false;  ///< by hand, and nothing has begun since
};

}  // namespace orrery::gui
