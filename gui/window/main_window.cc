#include "gui/window/main_window.h"

#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QComboBox>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QListWidget>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QShortcut>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolBar>
#include <QUrl>
#include <QVBoxLayout>
#include <functional>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "gui/pages/experts_page.h"
#include "gui/pages/memory_page.h"
#include "gui/pages/overview_page.h"
#include "gui/pages/time_page.h"
#include "gui/pages/timeline_page.h"
#include "gui/pages/what_if_page.h"
#include "gui/session/text.h"
#include "gui/window/inspector.h"
#include "gui/window/page_files.h"
#include "gui/window/start_page.h"
#include "scenarios/report/trace_writer.h"
#include "scenarios/schema/file_kind.h"

namespace orrery::gui {
namespace {

/// The names of variants in a box, with their ids, `none` first where it is not empty; the one of `id` is current.
void FillVariants(QComboBox* box, const Session& session, const QString& none, int id) {
  const QSignalBlocker quiet(box);
  box->clear();
  if (!none.isEmpty()) box->addItem(none, -1);
  for (const VariantPtr& variant : session.variants())
    box->addItem(QString::fromStdString(variant->name), variant->id);
  box->setCurrentIndex(std::max(0, box->findData(id)));
}

}  // namespace

MainWindow::MainWindow(Session* session, Runner* runner, QWidget* parent)
    : QMainWindow(parent), session_(session), runner_(runner) {
  setAcceptDrops(true);
  resize(1440, 900);
  MakePages();
  MakeBars();
  MakeMenus();
  MakeStatus();
  MakeKeys();
  Connect();
  ApplyLooks();
  OfferWhatWasLeft();
  RefreshVariants();
}

MainWindow::~MainWindow() = default;

void MainWindow::MakePages() {
  list_ = new QListWidget(this);
  list_->setAccessibleName("Pages");
  list_->setMinimumWidth(110);
  list_->setMaximumWidth(150);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  stack_ = new QStackedWidget(this);
  start_ = new StartPage(this);
  stack_->addWidget(start_);
  experts_ = new ExpertsPage(session_, this);
  auto* what_if = new WhatIfPage(session_, runner_, this);
  connect(what_if, &WhatIfPage::SaveAsked, this, &MainWindow::SaveScenario);
  auto* timeline = new TimelinePage(session_, this);
  connect(timeline, &TimelinePage::TraceAsked, this, &MainWindow::SaveTrace);
  pages_ = {new OverviewPage(session_, this), experts_, timeline, new TimePage(session_, this),
            new MemoryPage(session_, this),   what_if};
  for (Page* page : pages_) {
    stack_->addWidget(page);
    list_->addItem(page->title());
    connect(page, &Page::PageAsked, this, &MainWindow::ShowPage);
    connect(page, &Page::ExportAsked, this,
            [this](Panel* panel, const QString& format) { ExportPanel(*panel, format); });
  }
  inspector_ = new Inspector(session_, this);
  splitter_ = new QSplitter(this);
  for (QWidget* part : std::initializer_list<QWidget*>{list_, stack_, inspector_}) splitter_->addWidget(part);
  splitter_->setStretchFactor(1, 1);
  splitter_->setSizes({130, 1080, 230});
}

void MainWindow::MakeBars() {
  message_bar_ = new QWidget(this);
  auto* line = new QHBoxLayout(message_bar_);
  message_ = new QLabel(message_bar_);
  message_->setWordWrap(true);
  message_->setTextFormat(Qt::PlainText);
  message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  message_->setAccessibleName("Message");
  auto* close = new QPushButton("Close", message_bar_);
  connect(close, &QPushButton::clicked, this, [this] { Say({}); });
  line->addWidget(message_, 1);
  line->addWidget(close);
  message_bar_->setAutoFillBackground(true);
  message_bar_->setBackgroundRole(QPalette::ToolTipBase);
  message_bar_->hide();
  auto* middle = new QWidget(this);
  auto* column = new QVBoxLayout(middle);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(message_bar_);
  column->addWidget(splitter_, 1);
  setCentralWidget(middle);
}

QAction* MainWindow::AddAction(QMenu* menu, const QString& text, const QKeySequence& keys,
                               const std::function<void()>& act) {
  QAction* action = menu->addAction(text);
  action->setShortcut(keys);
  connect(action, &QAction::triggered, this, act);
  return action;
}

void MainWindow::MakeMenus() {
  QMenu* file = menuBar()->addMenu("&File");
  QAction* open = AddAction(file, "&Open…", QKeySequence::Open, [this] { ChooseFiles(); });
  AddAction(file, "&Save as scenario…", QKeySequence::Save, [this] { SaveScenario(); });
  AddAction(file, "Save s&ession…", QKeySequence("Ctrl+Shift+S"), [this] { SaveSession(); });
  AddAction(file, "&Export page…", QKeySequence("Ctrl+E"), [this] { ExportPage(); });
  file->addSeparator();
  AddAction(file, "&Quit", QKeySequence::Quit, [this] { close(); });
  QMenu* edit = menuBar()->addMenu("&Edit");
  undo_ = AddAction(edit, "&Undo", QKeySequence::Undo, [this] { session_->Undo(); });
  redo_ = AddAction(edit, "&Redo", QKeySequence("Ctrl+Shift+Z"), [this] { session_->Redo(); });
  QMenu* go = menuBar()->addMenu("&Go");
  back_ = AddAction(go, "&Back", QKeySequence("Alt+Left"), [this] { session_->GoBack(); });
  forward_ = AddAction(go, "&Forward", QKeySequence("Alt+Right"), [this] { session_->GoForward(); });
  QMenu* view = menuBar()->addMenu("&View");
  auto* looks = new QActionGroup(this);
  const auto add_looks = [&](const QString& text, Looks which) {
    QAction* action = AddAction(view, text, {}, [this, which] { SetLooks(which); });
    action->setCheckable(true);
    action->setChecked(which == looks_);
    looks->addAction(action);
  };
  add_looks("As the &desktop", Looks::kDesktop);
  add_looks("&Light", Looks::kLight);
  add_looks("&Dark", Looks::kDark);
  view->addSeparator();
  AddAction(view, "&Reset layout", {}, [this] { splitter_->setSizes({130, 1080, 230}); });
  QMenu* help = menuBar()->addMenu("&Help");
  AddAction(help, "&Keys of this page", QKeySequence("F1"), [this] { ShowKeys(); });
  AddAction(help, "&About Orrery", {}, [this] { ShowAbout(); });

  QToolBar* bar = addToolBar("Main");
  bar->setMovable(false);
  bar->addAction(open);
  run_ = bar->addAction("Run");
  run_->setShortcut(QKeySequence("Ctrl+R"));
  run_->setToolTip("Analyse what is shown now (Ctrl+R)");
  connect(run_, &QAction::triggered, this,
          [this] { runner_->Request(session_->shown(), Sureness::kAnalysed); });
  stop_ = bar->addAction("Stop");
  connect(stop_, &QAction::triggered, runner_, &Runner::Stop);
  bar->addSeparator();
  bar->addAction(undo_);
  bar->addAction(redo_);
  bar->addSeparator();
  const auto add_box = [&](const QString& label, const char* name) {
    bar->addWidget(new QLabel(" " + label + " ", bar));
    auto* box = new QComboBox(bar);
    box->setAccessibleName(name);
    box->setMinimumContentsLength(24);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    bar->addWidget(box);
    return box;
  };
  shown_ = add_box("show", "Shown variant");
  against_ = add_box("against", "Variant to compare with");
  connect(shown_, &QComboBox::activated, this, [this] { session_->Show(shown_->currentData().toInt()); });
  connect(against_, &QComboBox::activated, this,
          [this] { session_->ShowAgainst(against_->currentData().toInt()); });
}

void MainWindow::MakeStatus() {
  sureness_ = new QLabel(this);
  doing_ = new QLabel(this);
  progress_ = new QProgressBar(this);
  progress_->setMaximumWidth(140);
  progress_->setRange(0, 1000);
  progress_->setTextVisible(false);
  progress_->setAccessibleName("Progress");
  cancel_ = new QPushButton("Cancel", this);
  connect(cancel_, &QPushButton::clicked, runner_, &Runner::Stop);
  notes_ = new QLabel(this);
  statusBar()->addWidget(sureness_, 1);
  for (QWidget* part : std::initializer_list<QWidget*>{doing_, progress_, cancel_, notes_})
    statusBar()->addPermanentWidget(part);
  ShowBusy(false);
}

void MainWindow::MakeKeys() {
  // The numbers of the specification's nine pages: they stay when pages come between.
  const std::vector<QString> numbered = {"overview",  "experts", "timeline", "time",  "memory",
                                         "attention", "what-if", "cluster",  "traces"};
  for (std::size_t i = 0; i < numbered.size(); ++i) {
    auto* key = new QShortcut(QKeySequence(QString::number(i + 1)), this);
    connect(key, &QShortcut::activated, this, [this, id = numbered[i]] { ShowPage(id); });
  }
  auto* table = new QShortcut(QKeySequence("T"), this);
  connect(table, &QShortcut::activated, this, [this] {
    if (auto* page = qobject_cast<Page*>(stack_->currentWidget())) page->ShowTables(!page->ShowsTables());
  });
}

void MainWindow::Connect() {
  connect(list_, &QListWidget::currentRowChanged, this, [this](int row) {
    if (row >= 0) ShowPage(pages_[static_cast<std::size_t>(row)]->id());
  });
  connect(session_, &Session::VariantsChanged, this, &MainWindow::RefreshVariants);
  connect(session_, &Session::ShownChanged, this, &MainWindow::RefreshVariants);
  connect(session_, &Session::UndoChanged, this, &MainWindow::RefreshVariants);
  connect(session_, &Session::SelectionChanged, this, &MainWindow::RefreshVariants);
  connect(session_, &Session::AnswerChanged, this, &MainWindow::RefreshStatus);
  connect(session_, &Session::VariantEdited, this, &MainWindow::RefreshStatus);
  connect(session_, &Session::PageChanged, this, [this] { ShowPage(session_->page()); });
  connect(session_, &Session::AutosaveFailed, this, &MainWindow::Say);
  connect(runner_, &Runner::Progress, this, [this](int, Sureness kind, double share, const QString& what) {
    doing_->setText(Text(Mark(kind)) + " " + what);
    progress_->setValue(static_cast<int>(1000 * share));
    ShowBusy(true);
  });
  connect(runner_, &Runner::Failed, this, [this](int, Sureness, const QString& why) { Say(why); });
  // Jobs that an edit overtook end without a word; what was stopped by hand is said until something new begins.
  connect(stop_, &QAction::triggered, this, [this] { stopped_ = true; });
  connect(cancel_, &QPushButton::clicked, this, [this] { stopped_ = true; });
  connect(runner_, &Runner::Started, this, [this](int, Sureness) { stopped_ = false; });
  const auto settle = [this] {
    if (!runner_->Idle()) return;
    doing_->setText(stopped_ ? "stopped" : "");
    ShowBusy(false);
  };
  connect(runner_, &Runner::Stopped, this, [settle](int, Sureness) { settle(); });
  connect(runner_, &Runner::Answered, this, [settle](int, Sureness) { settle(); });
  connect(runner_, &Runner::DifferenceStopped, this, [settle](int, int, const QString&) { settle(); });
  connect(runner_, &Runner::BecameIdle, this, settle);
  connect(session_, &Session::VariantsChanged, this, settle, Qt::QueuedConnection);
  connect(start_, &StartPage::OpenAsked, this, [this](const QString& file) { OpenFiles({file}); });
  connect(start_, &StartPage::ChooseAsked, this, &MainWindow::ChooseFiles);
  connect(start_, &StartPage::RecoverAsked, this, [this](const QString& file) {
    const Change change = session_->Recover(file);
    if (!change.ok()) Say(change.error);
    OfferWhatWasLeft();
  });
  connect(start_, &StartPage::ForgetAsked, this, [this](const QString& file) {
    session_->Forget(file);
    OfferWhatWasLeft();
  });
}

void MainWindow::ShowBusy(bool busy) {
  progress_->setVisible(busy);
  cancel_->setVisible(busy);
  stop_->setEnabled(busy);
}

void MainWindow::OfferWhatWasLeft() { start_->Offer(session_->LeftBehind()); }

Page* MainWindow::FindPage(const QString& id) const {
  for (Page* page : pages_)
    if (page->id() == id) return page;
  return nullptr;
}

void MainWindow::ShowPage(const QString& id) {
  Page* page = FindPage(id);
  if (page == nullptr || !(session_->Shown() || (page == experts_ && experts_->shows_recorded()))) return;
  stack_->setCurrentWidget(page);
  const QSignalBlocker quiet(list_);
  for (std::size_t i = 0; i < pages_.size(); ++i)
    if (pages_[i] == page) list_->setCurrentRow(static_cast<int>(i));
  session_->SetPage(id);
}

void MainWindow::RefreshVariants() {
  const bool any = session_->Shown() != nullptr;
  FillVariants(shown_, *session_, "", session_->shown());
  FillVariants(against_, *session_, "nothing", session_->against());
  list_->setEnabled(any);
  run_->setEnabled(any);
  undo_->setEnabled(session_->CanUndo());
  undo_->setToolTip("Undo " + session_->UndoText());
  redo_->setEnabled(session_->CanRedo());
  redo_->setToolTip("Redo " + session_->RedoText());
  back_->setEnabled(session_->CanGoBack());
  forward_->setEnabled(session_->CanGoForward());
  if (!any && !experts_->shows_recorded()) {
    stack_->setCurrentWidget(start_);
  } else if (stack_->currentWidget() == start_) {
    ShowPage(session_->page().isEmpty() ? "overview" : session_->page());
  }
  const VariantPtr shown = session_->Shown();
  setWindowTitle(shown ? "Orrery - " + QString::fromStdString(shown->name) : "Orrery");
  RefreshStatus();
}

void MainWindow::RefreshStatus() {
  const AnswerPtr best = session_->Best(session_->shown());
  if (!best || !best->result) {
    sureness_->setText(session_->Shown() ? "no answer yet" : "");
    notes_->clear();
    return;
  }
  sureness_->setText(QString("%1 %2, %3 s of work")
                         .arg(Text(Mark(best->kind)), Text(Words(best->kind)))
                         .arg(best->took_s, 0, 'f', 1));
  const std::size_t notes = best->result->notes.size();
  notes_->setText(notes == 0 ? QString() : QString("%1 note%2").arg(notes).arg(notes == 1 ? "" : "s"));
  QStringList lines;
  for (const std::string& note : best->result->notes) lines += QString::fromStdString(note);
  notes_->setToolTip(lines.join("\n"));
}

QString MainWindow::message() const { return message_bar_->isHidden() ? QString() : message_->text(); }

void MainWindow::Say(const QString& message) {
  message_->setText(message);
  message_bar_->setVisible(!message.isEmpty());
}

QString MainWindow::OpenFile(const QString& file) {
  using scenarios::FileKind;
  const std::string path = file.toStdString();
  try {
    // The name of a shipped scenario is no file.
    const scenarios::FoundFile found = QFileInfo::exists(file)
                                           ? scenarios::KindOfFile(path)
                                           : scenarios::FoundFile{FileKind::kPretraining, ""};
    switch (found.kind) {
      case FileKind::kSession:
        return session_->OpenSession(path).error;
      case FileKind::kExpertLoads: {
        const QString error = experts_->ShowRecorded(path);
        if (error.isEmpty()) ShowPage("experts");
        return error;
      }
      case FileKind::kPretraining: {
        const int before = session_->shown();
        const Change change = session_->Open(path);
        if (change.ok() && session_->Find(change.id)->plan->training() == nullptr) {  // a shipped name
          session_->Remove(change.id);
          return file +
                 " compares attention designs, which has no page yet; expected a pre-training scenario";
        }
        if (change.ok() && before >= 0) {
          session_->Show(change.id);
          session_->ShowAgainst(before);
        }
        return change.error;
      }
      case FileKind::kUnknown:
        return file + ": " + QString::fromStdString(found.why);
      default:
        return file + " is " + Text(scenarios::FileKindWords(found.kind)) +
               ", which has no page yet; expected a pre-training scenario, a saved session or recorded "
               "expert loads";
    }
  } catch (const std::exception& e) {
    return QString::fromStdString(e.what());
  }
}

QString MainWindow::OpenFiles(const QStringList& files) {
  QStringList wrong;
  for (const QString& file : files) {
    const QString error = OpenFile(file);
    if (!error.isEmpty()) wrong += error;
  }
  Say(wrong.join("\n"));
  return wrong.join("\n");
}

void MainWindow::ChooseFiles() {
  const QStringList files = QFileDialog::getOpenFileNames(this, "Open", {}, "All files (*)");
  if (!files.isEmpty()) OpenFiles(files);
}

QString MainWindow::AskWhereTo(const QString& title, const QString& name, const QString& kinds) {
  return QFileDialog::getSaveFileName(this, title, name, kinds);
}

void MainWindow::SaveScenario() {
  const VariantPtr shown = session_->Shown();
  if (!shown) return;
  const QString file =
      AskWhereTo("Save as scenario", QString::fromStdString(shown->name) + ".yaml", "Scenario (*.yaml)");
  if (file.isEmpty()) return;
  Say(session_->SaveVariant(shown->id, file.toStdString()).error);
}

void MainWindow::SaveSession() {
  const QString name = session_->file().isEmpty() ? "session.orrery.yaml" : session_->file();
  const QString file = AskWhereTo("Save session", name, "Session (*.orrery.yaml)");
  if (!file.isEmpty()) Say(session_->SaveAs(file.toStdString()).error);
}

void MainWindow::ExportPanel(const Panel& panel, const QString& format) {
  const QString file =
      AskWhereTo("Save", panel.id() + "." + format, format.toUpper() + " (*." + format + ")");
  if (file.isEmpty()) return;
  try {
    WriteOutput(file.toStdString(), PanelFile(panel, format, devicePixelRatioF()));
  } catch (const InputError& e) {
    Say(e.what());
  }
}

void MainWindow::SaveTrace(const std::vector<int>& pipeline_ranks) {
  const AnswerPtr answer = session_->Latest(session_->shown());
  if (!answer || !answer->run) return;
  const QString file = AskWhereTo("Save a trace that ui.perfetto.dev opens", "step.json", "Trace (*.json)");
  if (file.isEmpty()) return;
  try {
    WriteOutput(file.toStdString(), scenarios::TrainingTrace(*answer->run, pipeline_ranks));
  } catch (const InputError& e) {
    Say(e.what());
  }
}

void MainWindow::ExportPage() {
  auto* page = qobject_cast<Page*>(stack_->currentWidget());
  if (page == nullptr) return;
  const QString folder = QFileDialog::getExistingDirectory(this, "Export the page into a folder");
  if (folder.isEmpty()) return;
  ExportOptions options;
  options.folder = folder.toStdString();
  options.scale = devicePixelRatioF();
  try {
    WriteOutputs(ExportedFiles({page}, windowTitle(), options));
  } catch (const InputError& e) {
    Say(e.what());
  }
}

void MainWindow::ShowKeys() {
  const auto* page = qobject_cast<Page*>(stack_->currentWidget());
  QMessageBox::information(this, "Keys",
                           (page ? page->title() + "\n" + page->KeysHelp() + "\n\n" : QString()) +
                               "1 to 9: pages\nCtrl+O: open, Ctrl+S: save as scenario, Ctrl+E: export the "
                               "page\nCtrl+Z, Ctrl+Shift+Z: undo, "
                               "redo\nAlt+Left, Alt+Right: selection before and after\nCtrl+R: analyse now");
}

void MainWindow::ShowAbout() {
  QMessageBox::about(
      this, "About Orrery",
      "Orrery simulates clusters for MoE and MLA models.\n\nIts sources are under Apache-2.0. This program "
      "links Qt Charts, which is under GPL-3: whoever passes the built program on does so under GPL-3. The "
      "orrery command line links no Qt and is not touched by this.");
}

void MainWindow::SetLooks(Looks looks) {
  looks_ = looks;
  ApplyLooks();
}

void MainWindow::ApplyLooks() {
  applying_ = true;
  const Theme theme = looks_ == Looks::kLight  ? Theme::Light()
                      : looks_ == Looks::kDark ? Theme::Dark()
                                               : Theme::Of(QApplication::palette());
  setPalette(looks_ == Looks::kDesktop ? QApplication::palette() : PaletteOf(theme));
  for (Page* page : pages_) page->SetTheme(theme);
  applying_ = false;
}

void MainWindow::changeEvent(QEvent* event) {
  QMainWindow::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && looks_ == Looks::kDesktop && !applying_) ApplyLooks();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  QStringList files;
  for (const QUrl& url : event->mimeData()->urls())
    files += url.isLocalFile() ? url.toLocalFile() : url.toString();
  event->acceptProposedAction();
  OpenFiles(files);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  runner_->Stop();
  QMainWindow::closeEvent(event);
}

}  // namespace orrery::gui
