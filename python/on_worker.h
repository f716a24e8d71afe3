// Long work for Python: on a thread of its own, while the calling thread tells a callback how far it is and
// looks for Ctrl-C.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include <pybind11/pybind11.h>

#include "core/base/run_control.h"

namespace orrery::python {

/// What the worker has told, for the calling thread.
class Told {
 public:
  struct News {
    bool done = false, fresh = false;
    double share = 0;
    std::string what;
  };

  void Progress(double share, std::string_view what) {
    const std::lock_guard lock(mutex_);
    news_.fresh = true, news_.share = share, news_.what = what;
  }
  void Done() {
    const std::lock_guard lock(mutex_);
    news_.done = true;
    // Under the lock: the waiting thread destroys this object as soon as it has seen the news.
    changed_.notify_one();
  }
  /// Returns at once when the work is done, else after a moment. Called without the interpreter's lock.
  News Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return news_.done; });
    News news = news_;
    news_.fresh = false;
    return news;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  News news_;
};

/// `work(control)` on a thread; its result, or its exception. `progress` is None or is called as
/// progress(share, text), at most fifty times a second, with the latest. An exception of Python's, a
/// KeyboardInterrupt or the callback's own, stops the work, waits for its end and is thrown on. `work`
/// touches nothing of Python's. Called with the interpreter's lock.
template <class Work>
auto OnWorker(const pybind11::object& progress, Work work) {
  using Result = std::invoke_result_t<Work, const RunControl&>;
  std::optional<Result> result;
  std::exception_ptr error;
  Told told;
  std::stop_source stop;
  std::thread worker([&] {
    try {
      const auto tell = [&told](double share, std::string_view what) { told.Progress(share, what); };
      result.emplace(work(RunControl(tell, stop.get_token())));
    } catch (...) {
      error = std::current_exception();
    }
    told.Done();
  });
  const auto join = [&] {
    const pybind11::gil_scoped_release released;
    worker.join();
  };
  try {
    for (Told::News news; !news.done;) {
      {
        const pybind11::gil_scoped_release released;
        news = told.Wait();
      }
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
      if (news.fresh && !progress.is_none()) progress(news.share, news.what);
    }
  } catch (...) {
    stop.request_stop();
    join();
    throw;
  }
  join();
  if (error) std::rethrow_exception(error);
  return std::move(*result);
}

}  // namespace orrery::python
