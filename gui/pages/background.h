// Work of a page beside the GUI thread: one piece at a time, a new one stops the one before it.
#pragma once

#include <QObject>
#include <QThreadPool>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include "core/base/run_control.h"

namespace orrery::gui {

class Background : public QObject {
  Q_OBJECT

 public:
  explicit Background(QObject* parent) : QObject(parent) { pool_.setMaxThreadCount(1); }
  /// Stops what runs and waits for it.
  ~Background() override;

  /// `make` runs on a worker thread, `then` takes its result on this one, unless another piece was begun or Stop was
  /// called before. Where `make` throws, `failed` is told why (a stop is no failure).
  template <class T>
  void Run(std::function<T(const RunControl&)> make, std::function<void(T)> then,
           std::function<void(QString)> failed) {
    Start(
        [make = std::move(make), then = std::move(then)](const RunControl& control) -> std::function<void()> {
          auto result = std::make_shared<T>(make(control));
          return [result, then] { then(std::move(*result)); };
        },
        std::move(failed));
  }
  void Stop();
  bool Busy() const { return busy_; }
  /// Waits until nothing is being made, and hands over what was.
  void Wait();

 Q_SIGNALS:
  void Done();

 private:
  using Piece = std::function<std::function<void()>(const RunControl&)>;
  void Start(Piece piece, std::function<void(QString)> failed);

  QThreadPool pool_;
  std::stop_source stop_;
  int number_ = 0;  ///< of the piece whose result is wanted
  bool busy_ = false;
};

}  // namespace orrery::gui
