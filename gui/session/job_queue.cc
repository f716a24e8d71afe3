#include "gui/session/job_queue.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/config/key_error.h"

namespace orrery::gui {

JobQueue::JobQueue(std::function<void()> news, Clock::duration between)
    : news_(std::move(news)), between_(between), worker_([this](const std::stop_token& end) { Work(end); }) {}

JobQueue::~JobQueue() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
    if (running_) running_->again = false, running_->stop.request_stop();
  }
  worker_.request_stop();
  worker_.join();
}

void JobQueue::Add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](const Job& other) { return other.name == job.name; });
    if (running_ && running_->yields && job.urgency < running_->urgency && !running_->stop.stop_requested()) {
      running_->again = true;
      running_->stop.request_stop();
    }
    const auto after =
        std::upper_bound(waiting_.begin(), waiting_.end(), job.urgency,
                         [](int urgency, const Job& other) { return urgency < other.urgency; });
    waiting_.insert(after, std::move(job));
  }
  added_.notify_one();
}

void JobQueue::Remove(const std::function<bool(const JobName&)>& which) {
  std::vector<Job> dropped;  // their functions go after the lock
  const std::lock_guard lock(mutex_);
  for (auto job = waiting_.begin(); job != waiting_.end();) {
    if (!which(job->name)) {
      ++job;
      continue;
    }
    dropped.push_back(std::move(*job));
    job = waiting_.erase(job);
  }
  if (!running_ || !which(running_->name)) return;
  running_->again = false;
  running_->stop.request_stop();
}

bool JobQueue::Has(const JobName& name) const {
  const std::lock_guard lock(mutex_);
  if (running_ && running_->name == name && (running_->again || !running_->stop.stop_requested()))
    return true;
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const Job& job) { return job.name == name; });
}

bool JobQueue::Idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty() && !running_;
}

std::vector<JobNews> JobQueue::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(told_, {});
}

void JobQueue::Work(const std::stop_token& end) {
  while (std::optional<Job> job = Next(end)) Run(std::move(*job));
}

std::optional<Job> JobQueue::Next(const std::stop_token& end) {
  std::unique_lock lock(mutex_);
  if (!added_.wait(lock, end, [this] { return !waiting_.empty(); }) || end.stop_requested())
    return std::nullopt;
  Job job = std::move(waiting_.front());
  waiting_.pop_front();
  running_ = Running{job.name, job.urgency, job.yields, false, {}};
  return job;
}

void JobQueue::Run(Job job) {
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex_);
    stop = running_->stop.get_token();
  }
  Tell({job.name, JobNews::What::kStarted, 0, {}, {}, {}});
  JobNews outcome = Outcome(job, stop);
  {
    const std::lock_guard lock(mutex_);
    const bool again = running_->again && outcome.what == JobNews::What::kStopped;
    running_.reset();
    if (again) {
      const auto before =
          std::lower_bound(waiting_.begin(), waiting_.end(), job.urgency,
                           [](const Job& other, int urgency) { return other.urgency < urgency; });
      waiting_.insert(before, std::move(job));
    }
  }
  Tell(std::move(outcome));
}

JobNews JobQueue::Outcome(const Job& job, const std::stop_token& stop) {
  JobNews news{job.name, JobNews::What::kDone, 1, {}, {}, {}};
  const RunControl control(
      [&](double share, std::string_view words) { TellProgress(job.name, share, words); }, stop);
  try {
    news.result = job.work(control);
  } catch (const Stopped&) {
    news.what = JobNews::What::kStopped;
  } catch (const KeyError& e) {
    news.what = JobNews::What::kFailed;
    news.words = e.what();
    news.key = e.path();
  } catch (const std::exception& e) {
    news.what = JobNews::What::kFailed;
    news.words = e.what();
  }
  return news;
}

void JobQueue::Tell(JobNews news) {
  {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::move(news));
  }
  news_();
}

void JobQueue::TellProgress(const JobName& name, double share, std::string_view words) {
  {
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    if (now - last_progress_ < between_) return;
    last_progress_ = now;
    std::erase_if(
        told_, [&](const JobNews& old) { return old.what == JobNews::What::kProgress && old.job == name; });
    told_.push_back({name, JobNews::What::kProgress, share, std::string(words), {}, {}});
  }
  news_();
}

}  // namespace orrery::gui
