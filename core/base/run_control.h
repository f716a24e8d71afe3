// How whoever waits for a long computation hears of it and ends it: progress out, a stop in.
//
//   RunControl control(progress, stop_token);
//   control.Check();                                   // throws Stopped if it was asked to stop
//   control.Tell(0.3, "pricing kernels");
//   Analyse(..., control.Part(0.5, 1.0));              // its 0 to 1 are the second half of ours
//
// Copies share one state. Every function may be called from several threads at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

namespace orrery {

/// A computation ended because it was asked to, with nothing half-written.
class Stopped : public std::exception {
 public:
  explicit Stopped(std::string what) : what_(std::move(what)) {}
  /// What was being done.
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

class RunControl {
 public:
  /// Called with the share done, 0 to 1, and what is being done; from one thread at a time, never with less
  /// than before.
  using Progress = std::function<void(double, std::string_view)>;

  RunControl() = default;  ///< tells nobody, is never stopped
  explicit RunControl(Progress progress, std::stop_token stop = {});

  /// Throws Stopped if a stop was asked for.
  void Check() const;
  /// Tells how far this part is, and checks.
  void Tell(double share) const;
  void Tell(double share, std::string_view what) const;
  /// The same control for a part of the work, from `from` to `to` of this one's.
  RunControl Part(double from, double to) const;

 private:
  struct Shared {
    Progress progress;
    std::stop_token stop;
    std::mutex mutex;
    std::string what;
    double told = 0;
  };
  std::shared_ptr<Shared> shared_;
  double from_ = 0, length_ = 1;
};

/// Equal parts of a work that run side by side: told as they are done.
class ParallelParts {
 public:
  ParallelParts(const RunControl& control, std::size_t count) : control_(control), count_(count) {}
  /// For each part's own long functions: stops them, and tells nothing.
  const RunControl& StopOnly() const { return stop_only_; }
  void Done() { control_.Tell(static_cast<double>(++done_) / static_cast<double>(count_)); }

 private:
  RunControl control_;
  RunControl stop_only_ = control_.Part(0, 0);
  std::size_t count_;
  std::atomic<std::size_t> done_{0};
};

}  // namespace orrery
