// Waits for what comes with the event loop.
#pragma once

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QThread>

namespace orrery::gui {

constexpr int kLong = 60000;  // milliseconds a test waits at most

/// Whether the condition came true in time.
template <class Condition>
bool Until(Condition&& condition) {
  QElapsedTimer timer;
  timer.start();
  while (!condition() && timer.elapsed() < kLong) {
    QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
    if (!condition()) QThread::msleep(1);
  }
  return condition();
}

}  // namespace orrery::gui
