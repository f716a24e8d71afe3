#include "gui/session/autosave.h"

#include <QDir>
#include <QFile>
#include <QStandardPaths>
#include <QUuid>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"

namespace orrery::gui {
namespace {

constexpr const char* kSuffix = ".orrery.yaml";

QString LockOf(const QString& session) { return session + ".lock"; }

}  // namespace

Autosave::Autosave(QString folder, bool on) : folder_(std::move(folder)), on_(on) {
  if (folder_.isEmpty())
    folder_ = QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation) + "/orrery/sessions";
}

Autosave::~Autosave() {
  if (lock_) QFile::remove(file());
}

QString Autosave::file() const { return name_.isEmpty() ? QString() : folder_ + "/" + name_ + kSuffix; }

void Autosave::Begin() {
  if (!QDir().mkpath(folder_)) throw InputError(Place{folder_.toStdString()}, "this folder cannot be made");
  name_ = QUuid::createUuid().toString(QUuid::WithoutBraces);
  lock_ = std::make_unique<QLockFile>(LockOf(file()));
  lock_->setStaleLockTime(0);  // held until the program ends, however long that takes
  lock_->tryLock(0);
}

void Autosave::Keep(const std::function<std::string(const std::string& file)>& text) {
  if (!on_) return;
  if (!lock_) Begin();
  const std::string name = file().toStdString();
  WriteOutput(name, text(name));
}

QStringList Autosave::LeftBehind() const {
  QStringList left;
  if (!on_) return left;
  const QDir folder(folder_);
  for (const QString& name :
       folder.entryList({QString("*") + kSuffix}, QDir::Files, QDir::Time | QDir::Reversed)) {
    const QString session = folder.filePath(name);
    if (session == file()) continue;
    // A lock whose program is gone is stale: it can be taken, and is given back at once.
    QLockFile lock(LockOf(session));
    lock.setStaleLockTime(0);
    if (lock.tryLock(0)) left.push_back(session);
  }
  return left;
}

void Autosave::Forget(const QString& left_behind) { QFile::remove(left_behind); }

}  // namespace orrery::gui
