// orrery-gui: opens files in a window, or draws their pages without a display.
#include <QApplication>
#include <QEventLoop>
#include <QFontDatabase>
#include <QStyleFactory>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/exit_code.h"
#include "core/config/resources.h"
#include "gui/session/runner.h"
#include "gui/session/session.h"
#include "gui/window/drawn.h"
#include "gui/window/main_window.h"
#include "gui/window/page_files.h"

namespace orrery::gui {
namespace {

/// A program that needs a display says so, where Qt would abort.
void RequireDisplay() {
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return;
  throw UnavailableError(
      "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; --export FOLDER draws the pages without one");
}

/// What Qt warns of without a display is of no use to anybody: that its stand-in for one has no hints of sizes.
void Quiet(QtMsgType type, const QMessageLogContext&, const QString& message) {
  if (type == QtCriticalMsg || type == QtFatalMsg)
    std::fprintf(stderr, "orrery-gui: %s\n", message.toUtf8().constData());
}

void SetUp(QApplication* application) {
  QApplication::setApplicationName("orrery");
  QApplication::setApplicationDisplayName("Orrery");
  QApplication::setApplicationVersion(QString::fromStdString(Version()));
  QApplication::setStyle(QStyleFactory::create("Fusion"));
  QFont font = application->font();
  if (QFontDatabase::families().contains("DejaVu Sans")) font.setFamily("DejaVu Sans");
  application->setFont(font);
}

int ShowWindow(int argc, char** argv, const std::vector<std::string>& files) {
  RequireDisplay();
  QApplication application(argc, argv);
  SetUp(&application);
  Session session;
  Runner runner(&session);
  MainWindow window(&session, &runner);
  window.show();
  QStringList names;
  for (const std::string& file : files) names += QString::fromStdString(file);
  if (!names.isEmpty()) window.OpenFiles(names);
  return application.exec();
}

std::string CommandOf(int argc, char** argv) {
  std::string command = "orrery gui";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  return command;
}

int Run(int argc, char** argv) {
  CLI::App app("Orrery's window: expert load, what-if and timelines of simulated clusters");
  app.set_version_flag("--version", Version());
  std::vector<std::string> files;
  DrawnOptions drawn;
  std::string folder;
  app.add_option(
      "FILE", files,
      "scenarios, sessions or recorded expert loads; the second scenario is shown against the first");
  CLI::Option* to = app.add_option("--export", folder, "draw the pages into this folder, without a display");
  const auto only_with = [&](CLI::Option* option) { option->needs(to); };
  only_with(app.add_option("--pages", drawn.pages, "pages by name; all of them by default")
                ->delimiter(',')
                ->allow_extra_args(false));
  only_with(app.add_option("--formats", drawn.formats, "png, svg, csv")
                ->delimiter(',')
                ->allow_extra_args(false)
                ->check(CLI::IsMember({"png", "svg", "csv"})));
  only_with(app.add_option("--size", drawn.size, "of a page, in logical pixels")->capture_default_str());
  only_with(app.add_option("--scale", drawn.scale, "device pixels a logical one")
                ->check(CLI::Range(0.5, 8.0))
                ->capture_default_str());
  only_with(app.add_option("--theme", drawn.theme, "light or dark")
                ->check(CLI::IsMember({"light", "dark"}))
                ->capture_default_str());
  only_with(app.add_option("--select", drawn.select, "FACET=NUMBER, e.g. layer=60")
                ->delimiter(',')
                ->allow_extra_args(false));
  only_with(app.add_option("--against", drawn.against, "a scenario that the pages are compared with"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return e.get_exit_code() == 0 ? app.exit(e) : (app.exit(e), static_cast<int>(kBadInput));
  }
  if (folder.empty() && to->count() > 0) throw InputError("--export: expected a folder");
  if (folder.empty()) return ShowWindow(argc, argv, files);
  if (files.size() != 1)
    throw InputError(fmt::format("--export: expected one scenario, found {}", files.size()));
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qInstallMessageHandler(Quiet);
  QApplication application(argc, argv);
  SetUp(&application);
  drawn.folder = folder;
  drawn.command = CommandOf(argc, argv);
  DrawPages(files.front(), drawn);
  return kDone;
}

}  // namespace
}  // namespace orrery::gui

int main(int argc, char** argv) {
  return orrery::ExitCodeOf("orrery-gui", [&] { return orrery::gui::Run(argc, argv); });
}
