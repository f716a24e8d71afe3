// Jobs that one worker thread does one after another, the most urgent first. No Qt: whoever listens is told on
// the worker thread that there is news, and takes it on its own.
#pragma once

#include <any>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/base/run_control.h"

namespace orrery::gui {

struct JobName {
  int variant = 0;
  std::uint64_t generation = 0;
  int kind = 0;
  bool operator==(const JobName&) const = default;
};

struct Job {
  JobName name;
  int urgency = 0;      ///< smaller comes first; of equal ones the first added
  bool yields = false;  ///< stopped for a more urgent job, and begun again after it
  std::function<std::any(const RunControl&)> work;  ///< may throw Stopped, and any exception where it fails
};

struct JobNews {
  enum class What : std::uint8_t { kStarted, kProgress, kDone, kStopped, kFailed };
  JobName job;
  What what{};
  double share = 0;   ///< done, 0 to 1: of kProgress
  std::string words;  ///< what is being done, or why it failed
  std::string key;    ///< of kFailed: that the failure is about, where it is one of a scenario
  std::any result;    ///< of kDone
};

class JobQueue {
 public:
  using Clock = std::chrono::steady_clock;

  /// `news` is called on the worker thread, `between` apart at least while a job tells its progress. It must not
  /// wait for whoever calls the queue.
  explicit JobQueue(std::function<void()> news, Clock::duration between = std::chrono::milliseconds(50));
  /// Stops what runs, drops what waits; no thread is left.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  /// In place of a waiting job of the same name.
  void Add(Job job);
  /// Drops the jobs that wait and stops the one that runs, where `which` says so.
  void Remove(const std::function<bool(const JobName&)>& which);
  /// Whether a job waits or runs.
  bool Has(const JobName& name) const;
  bool Idle() const;
  /// All that happened since it was asked last, in order; of the progress of a job only the newest.
  std::vector<JobNews> Take();

 private:
  struct Running {
    JobName name;
    int urgency = 0;
    bool yields = false, again = false;
    std::stop_source stop;
  };
  void Work(const std::stop_token& end);
  std::optional<Job> Next(const std::stop_token& end);
  void Run(Job job);
  JobNews Outcome(const Job& job, const std::stop_token& stop);
  void Tell(JobNews news);
  void TellProgress(const JobName& name, double share, std::string_view words);

  std::function<void()> news_;
  Clock::duration between_;
  mutable std::mutex mutex_;  ///< guards all below but the worker
  std::condition_variable_any added_;
  std::deque<Job> waiting_;
  std::optional<Running> running_;
  std::vector<JobNews> told_;
  Clock::time_point last_progress_{};
  std::jthread worker_;  ///< last: it ends before what it uses
};

}  // namespace orrery::gui
