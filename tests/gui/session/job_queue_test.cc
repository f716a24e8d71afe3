#include "gui/session/job_queue.h"

#include <atomic>
#include <future>
#include <stdexcept>

#include <gtest/gtest.h>

namespace orrery::gui {
namespace {

using namespace std::chrono_literals;
using What = JobNews::What;

/// Takes news until one of its last expected kind came, or a while passed.
class Listener {
 public:
  std::function<void()> Function() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++told_;
      news_.notify_all();
    };
  }
  /// All news up to the `count`-th that is no progress.
  std::vector<JobNews> Until(JobQueue* queue, std::size_t count) {
    std::vector<JobNews> all;
    std::size_t seen = 0;
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (seen < count && std::chrono::steady_clock::now() < end) {
      for (JobNews& news : queue->Take()) {
        seen += news.what == What::kProgress ? 0 : 1;
        all.push_back(std::move(news));
      }
      std::unique_lock lock(mutex_);
      if (seen < count) news_.wait_for(lock, 10ms);
    }
    return all;
  }
  int told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  int told_ = 0;
};

Job Named(int variant, int urgency, std::function<std::any(const RunControl&)> work) {
  Job job;
  job.name = {variant, 1, urgency};
  job.urgency = urgency;
  job.work = std::move(work);
  return job;
}

/// Runs until it is stopped.
std::any Forever(const RunControl& control) {
  for (;;) control.Check(), std::this_thread::sleep_for(1ms);
}

/// A job that holds the worker until it is let go.
struct Gate {
  std::promise<void> open;
  std::promise<void> reached;
  std::function<std::any(const RunControl&)> Work() {
    return [this, wait = open.get_future().share()](const RunControl&) {
      reached.set_value();
      wait.wait();
      return std::any();
    };
  }
};

std::vector<int> DoneInOrder(const std::vector<JobNews>& news) {
  std::vector<int> done;
  for (const JobNews& n : news)
    if (n.what == What::kDone) done.push_back(n.job.variant);
  return done;
}

TEST(JobQueue, DoesTheMostUrgentFirstAndOfEqualOnesTheFirstAdded) {
  Listener listener;
  JobQueue queue(listener.Function());
  Gate gate;
  queue.Add(Named(0, 0, gate.Work()));
  gate.reached.get_future().wait();
  for (const auto& [variant, urgency] : {std::pair{1, 3}, {2, 1}, {3, 2}, {4, 1}})
    queue.Add(Named(variant, urgency, [](const RunControl&) { return std::any(); }));
  gate.open.set_value();
  EXPECT_EQ(DoneInOrder(listener.Until(&queue, 10)), (std::vector<int>{0, 2, 4, 3, 1}));
}

TEST(JobQueue, GivesTheResult) {
  Listener listener;
  JobQueue queue(listener.Function());
  queue.Add(Named(1, 0, [](const RunControl&) { return std::any(42); }));
  const std::vector<JobNews> news = listener.Until(&queue, 2);
  ASSERT_EQ(news.size(), 2u);
  EXPECT_EQ(news[0].what, What::kStarted);
  EXPECT_EQ(std::any_cast<int>(news[1].result), 42);
  EXPECT_TRUE(queue.Idle());
}

TEST(JobQueue, TellsWhyAJobFailedAndGoesOn) {
  Listener listener;
  JobQueue queue(listener.Function());
  queue.Add(Named(1, 0, [](const RunControl&) -> std::any { throw std::runtime_error("no such table"); }));
  queue.Add(Named(2, 0, [](const RunControl&) { return std::any(); }));
  const std::vector<JobNews> news = listener.Until(&queue, 4);
  ASSERT_EQ(news.size(), 4u);
  EXPECT_EQ(news[1].what, What::kFailed);
  EXPECT_EQ(news[1].words, "no such table");
  EXPECT_EQ(news[3].what, What::kDone);
}

TEST(JobQueue, RemovesWhatWaitsAndStopsWhatRuns) {
  Listener listener;
  JobQueue queue(listener.Function());
  std::promise<void> running;
  queue.Add(Named(1, 0, [&running](const RunControl& control) {
    running.set_value();
    return Forever(control);
  }));
  running.get_future().wait();
  std::atomic<bool> ran = false;
  queue.Add(Named(2, 0, [&ran](const RunControl&) {
    ran = true;
    return std::any();
  }));
  EXPECT_TRUE(queue.Has({1, 1, 0}));
  queue.Remove([](const JobName&) { return true; });
  EXPECT_FALSE(queue.Has({1, 1, 0})) << "it is on its way out";
  const std::vector<JobNews> news = listener.Until(&queue, 2);
  ASSERT_GE(news.size(), 2u);
  EXPECT_EQ(news.back().what, What::kStopped);
  EXPECT_FALSE(ran);
}

TEST(JobQueue, AJobInPlaceOfAWaitingOneOfItsName) {
  Listener listener;
  JobQueue queue(listener.Function());
  Gate gate;
  queue.Add(Named(0, 0, gate.Work()));
  gate.reached.get_future().wait();
  queue.Add(Named(1, 1, [](const RunControl&) { return std::any(1); }));
  queue.Add(Named(1, 1, [](const RunControl&) { return std::any(2); }));
  gate.open.set_value();
  const std::vector<JobNews> news = listener.Until(&queue, 4);
  ASSERT_EQ(news.size(), 4u);
  EXPECT_EQ(std::any_cast<int>(news.back().result), 2);
}

TEST(JobQueue, AYieldingJobStepsBackForAMoreUrgentOneAndBeginsAgain) {
  Listener listener;
  JobQueue queue(listener.Function());
  std::atomic<int> begun = 0;
  std::promise<void> running;
  Job slow = Named(1, 3, [&](const RunControl& control) {
    if (++begun == 1) {
      running.set_value();
      Forever(control);
    }
    return std::any();
  });
  slow.yields = true;
  queue.Add(std::move(slow));
  running.get_future().wait();
  queue.Add(Named(2, 0, [](const RunControl&) { return std::any(); }));
  EXPECT_EQ(DoneInOrder(listener.Until(&queue, 6)), (std::vector<int>{2, 1}));
  EXPECT_EQ(begun, 2);
}

TEST(JobQueue, TellsProgressNoOftenerThanAsked) {
  Listener listener;
  JobQueue queue(listener.Function(), 1h);
  queue.Add(Named(1, 0, [](const RunControl& control) {
    for (int i = 0; i < 1000; ++i) control.Tell(i * 1e-3, "counting");
    return std::any();
  }));
  const std::vector<JobNews> news = listener.Until(&queue, 2);
  EXPECT_LE(listener.told(), 3) << "started, once on the way, done";
  for (const JobNews& n : news) {
    if (n.what == What::kProgress) {
      EXPECT_EQ(n.words, "counting");
    }
  }
}

TEST(JobQueue, LeavesNoThreadBehind) {
  std::atomic<bool> ended = false;
  {
    Listener listener;
    JobQueue queue(listener.Function());
    std::promise<void> running;
    queue.Add(Named(1, 0, [&](const RunControl& control) {
      running.set_value();
      try {
        return Forever(control);
      } catch (const Stopped&) {
        ended = true;
        throw;
      }
    }));
    running.get_future().wait();
    queue.Add(Named(2, 0, Forever));
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace orrery::gui
