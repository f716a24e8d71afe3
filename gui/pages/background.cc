#include "gui/pages/background.h"

#include <QEventLoop>
#include <QMetaObject>
#include <exception>
#include <string>

namespace orrery::gui {

Background::~Background() {
  stop_.request_stop();
  pool_.waitForDone();
}

void Background::Stop() {
  stop_.request_stop();
  ++number_;
  busy_ = false;
}

void Background::Start(Piece piece, std::function<void(QString)> failed) {
  Stop();
  stop_ = std::stop_source();
  busy_ = true;
  pool_.start([this, piece = std::move(piece), failed = std::move(failed), number = number_,
               token = stop_.get_token()] {
    std::function<void()> hand_over;
    std::string error;
    try {
      hand_over = piece(RunControl(nullptr, token));
    } catch (const Stopped&) {
      return;
    } catch (const std::exception& e) {
      error = e.what();
    }
    QMetaObject::invokeMethod(
        this,
        [this, number, hand_over, error, failed] {
          if (number != number_) return;
          busy_ = false;
          if (hand_over) {
            hand_over();
          } else {
            failed(QString::fromStdString(error));
          }
          Q_EMIT Done();
        },
        Qt::QueuedConnection);
  });
}

void Background::Wait() {
  if (!busy_) return;
  QEventLoop loop;
  connect(this, &Background::Done, &loop, &QEventLoop::quit);
  loop.exec();
}

}  // namespace orrery::gui
