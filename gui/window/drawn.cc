#include "gui/window/drawn.h"

#include <QCoreApplication>
#include <QEventLoop>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "gui/session/expert_view.h"
#include "gui/session/runner.h"
#include "gui/session/session.h"
#include "gui/window/main_window.h"
#include "gui/window/page_files.h"
#include "scenarios/schema/calibration_field.h"
#include "scenarios/schema/file_kind.h"

namespace orrery::gui {
namespace {

std::optional<int> WholeNumber(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

QSize SizeOf(const std::string& text) {
  const std::size_t x = text.find('x');
  const auto width = x == std::string::npos ? std::nullopt : WholeNumber(text.substr(0, x));
  const auto height = x == std::string::npos ? std::nullopt : WholeNumber(text.substr(x + 1));
  if (!width || !height || *width < 640 || *height < 400 || *width > 10000 || *height > 10000)
    throw InputError(
        fmt::format("--size {}: expected WIDTHxHEIGHT from 640x400 to 10000x10000, e.g. 1440x900", text));
  return {*width, *height};
}

Selection SelectionOf(const std::vector<std::string>& facets) {
  Selection selection;
  const std::vector<std::pair<std::string, std::optional<int> Selection::*>> known = {
      {"layer", &Selection::layer},
      {"expert", &Selection::expert},
      {"rank", &Selection::ep_rank},
      {"pipeline-rank", &Selection::pipeline_rank},
      {"micro-batch", &Selection::micro_batch},
      {"domain", &Selection::domain}};
  for (const std::string& facet : facets) {
    const std::size_t equal = facet.find('=');
    const std::string name = facet.substr(0, equal);
    const auto number = equal == std::string::npos ? std::nullopt : WholeNumber(facet.substr(equal + 1));
    std::vector<std::string> names;
    bool found = false;
    for (const auto& [known_name, member] : known) {
      names.push_back(known_name);
      if (known_name != name || !number) continue;
      selection.*member = *number;
      found = true;
    }
    if (!found)
      throw InputError(fmt::format("--select {}: expected one of {} with a number, e.g. layer=10", facet,
                                   fmt::join(names, ", ")));
  }
  return selection;
}

/// Runs the event loop until the runner has answered all it was asked; the first failure is thrown.
void AwaitAnswers(Session* session, Runner* runner) {
  QEventLoop loop;
  QString why;
  QObject::connect(runner, &Runner::BecameIdle, &loop, &QEventLoop::quit);
  QObject::connect(runner, &Runner::Failed, &loop, [&](int, Sureness, const QString& error) {
    why = error;
    loop.quit();
  });
  for (const VariantPtr& variant : session->variants()) runner->Request(variant->id, Sureness::kAnalysed);
  if (!runner->Idle()) loop.exec();
  if (!why.isEmpty()) throw InputError(why.toStdString());
}

/// Opens a pre-training scenario: the one kind that has pages.
int Opened(Session* session, const std::string& file) {
  if (scenarios::IsFile(file)) {
    const scenarios::FoundFile found = scenarios::KindOfFile(file);
    if (found.kind == scenarios::FileKind::kUnknown) throw InputError(file + ": " + found.why);
    if (found.kind != scenarios::FileKind::kPretraining)
      throw InputError(fmt::format("{} is {}; --export draws pre-training scenarios", file,
                                   scenarios::FileKindWords(found.kind)));
  }
  const Change change = session->Open(file);
  if (!change.ok()) throw InputError(change.error.toStdString());
  if (session->Find(change.id)->plan->training() == nullptr)
    throw InputError(file + " is an attention scenario; --export draws pre-training scenarios");
  return change.id;
}

/// Facets beyond what the scenario has would select nothing.
void CheckSelection(const Selection& selection, const scenarios::Scenario& scenario) {
  const auto check = [](const char* name, const std::optional<int>& value, int count) {
    if (value && *value >= count)
      throw InputError(fmt::format("--select {}={}: expected 0 to {}", name, *value, count - 1));
  };
  check("layer", selection.layer, static_cast<int>(MoeLayerNames(scenario.model).size()));
  check("expert", selection.expert, scenario.ExpertSlots());
  check("rank", selection.ep_rank, scenario.parallelism.expert);
  check("pipeline-rank", selection.pipeline_rank, scenario.parallelism.pipeline);
  check("micro-batch", selection.micro_batch, scenario.MicroBatches());
}

}  // namespace

void DrawPages(const std::string& scenario, const DrawnOptions& options) {
  const QSize size = SizeOf(options.size);
  const Selection selection = SelectionOf(options.select);
  Session session({.state_folder = {}, .autosave = false});
  const int shown = Opened(&session, scenario);
  const int against = options.against.empty() ? -1 : Opened(&session, options.against);
  session.Show(shown);
  session.ShowAgainst(against);
  CheckSelection(selection, *session.Shown()->plan->training());
  if (std::filesystem::exists(options.folder) && !std::filesystem::is_directory(options.folder))
    throw InputError(Place{options.folder.string()}, "is a file, expected a folder");
  session.Select(selection);
  RunnerOptions by_request;
  by_request.by_itself = false;
  Runner runner(&session, by_request);
  MainWindow window(&session, &runner);
  window.SetLooks(options.theme == "dark" ? MainWindow::Looks::kDark : MainWindow::Looks::kLight);
  std::vector<Page*> pages;
  std::vector<std::string> names;
  for (Page* page : window.pages()) {
    names.push_back(page->id().toStdString());
    if (options.pages.empty()) pages.push_back(page);
  }
  for (const std::string& name : options.pages) {
    Page* page = window.FindPage(QString::fromStdString(name));
    if (page == nullptr)
      throw InputError(fmt::format("--pages {}: expected some of {}", name, fmt::join(names, ", ")));
    pages.push_back(page);
  }
  AwaitAnswers(&session, &runner);
  window.resize(size);
  window.show();
  for (Page* page : pages) {
    window.ShowPage(page->id());
    page->Settle();
    QCoreApplication::processEvents();
  }
  ExportOptions files;
  files.folder = options.folder;
  files.scale = options.scale;
  files.command = options.command;
  files.formats.clear();
  for (const std::string& format : options.formats) files.formats += QString::fromStdString(format);
  const std::vector<Output> outputs = ExportedFiles(pages, window.windowTitle(), files);
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) throw InputError(Place{options.folder.string()}, "cannot be made: " + error.message());
  WriteOutputs(outputs);
}

}  // namespace orrery::gui
