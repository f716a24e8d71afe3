// Keeps a session in the state folder, and finds those that a program which ended badly left there.
#pragma once

#include <QLockFile>
#include <QString>
#include <QStringList>
#include <functional>
#include <memory>
#include <string>

namespace orrery::gui {

class Autosave {
 public:
  /// `folder` empty: the user's state folder. Off: it keeps and finds nothing.
  Autosave(QString folder, bool on);
  ~Autosave();  ///< a program that ends well leaves nothing behind

  bool on() const { return on_; }
  /// Where this program's session is kept.
  QString file() const;
  /// InputError where it cannot be written.
  void Keep(const std::function<std::string(const std::string& file)>& text);

  QStringList LeftBehind() const;  ///< oldest first; not those of programs that still run
  void Forget(const QString& left_behind);

 private:
  void Begin();

  QString folder_;
  bool on_;
  QString name_;
  std::unique_ptr<QLockFile> lock_;  ///< held while the program runs
};

}  // namespace orrery::gui
