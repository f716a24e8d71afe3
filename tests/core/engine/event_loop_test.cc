#include "core/engine/event_loop.h"

#include <string>

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(EventLoop, HandlesEventsInOrderOfTimeAndThoseOfEqualTimeAsScheduled) {
  EventLoop<std::string> loop;
  loop.At(Time{20}, "c");
  loop.At(Time{10}, "a");
  loop.At(Time{10}, "b");
  std::string seen;
  EXPECT_EQ(loop.Run([&](Time, const std::string& e) { seen += e; }), 3u);
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(loop.now(), Time{20});
}

TEST(EventLoop, AHandlerSchedulesWhatFollows) {
  EventLoop<int> loop;
  loop.At(Time{1}, 3);
  std::vector<std::int64_t> times;
  loop.Run([&](Time now, int left) {
    times.push_back(now.count());
    if (left > 0) loop.At(now + Time{5}, left - 1);
  });
  EXPECT_EQ(times, (std::vector<std::int64_t>{1, 6, 11, 16}));
}

TEST(EventLoop, ACancelledEventIsNotHandledAndItsTicketDoesNotCancelAnother) {
  EventLoop<int> loop;
  const auto first = loop.At(Time{5}, 1);
  EXPECT_TRUE(loop.Cancel(first));
  EXPECT_FALSE(loop.Cancel(first));
  loop.At(Time{6}, 2);
  int sum = 0;
  loop.Run([&](Time, int e) { sum += e; });
  EXPECT_EQ(sum, 2);
  loop.At(Time{7}, 3);  // may take the slot that `first` had
  EXPECT_FALSE(loop.Cancel(first));
  loop.Run([&](Time, int e) { sum += e; });
  EXPECT_EQ(sum, 5);
}

TEST(EventLoop, RunsUpToATimeAndGoesOnFromThere) {
  EventLoop<int> loop;
  loop.At(Time{10}, 1);
  loop.At(Time{1000}, 2);
  int sum = 0;
  const auto add = [&](Time, int e) { sum += e; };
  EXPECT_EQ(loop.Run(add, Time{100}), 1u);
  EXPECT_EQ(loop.now(), Time{100});
  loop.At(Time{200}, 4);  // before what was pending
  EXPECT_EQ(loop.Run(add, Time{500}), 1u);
  EXPECT_EQ(sum, 5);
  EXPECT_EQ(loop.Run(add), 1u);
  EXPECT_EQ(sum, 7);
  EXPECT_EQ(loop.pending(), 0u);
}

}  // namespace
}  // namespace orrery
