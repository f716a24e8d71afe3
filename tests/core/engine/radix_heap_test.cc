#include "core/engine/radix_heap.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/random.h"

namespace orrery {
namespace {

TEST(RadixHeap, PopsInTimeOrder) {
  RadixHeap<int> heap;
  for (int t : {5, 3, 9, 1, 7}) heap.Push(static_cast<std::uint64_t>(t), t);
  for (int expected : {1, 3, 5, 7, 9}) EXPECT_EQ(heap.Pop().payload, expected);
  EXPECT_TRUE(heap.empty());
}

TEST(RadixHeap, EqualTimesPopInTheOrderTheyWerePushed) {
  RadixHeap<int> heap;
  for (int i = 0; i < 100; ++i) heap.Push(i % 2 == 0 ? 40 : 8, i);
  std::vector<int> popped;
  while (!heap.empty()) popped.push_back(heap.Pop().payload);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(popped[static_cast<std::size_t>(i)], 2 * i + 1);
    EXPECT_EQ(popped[static_cast<std::size_t>(50 + i)], 2 * i);
  }
}

/// The hold model against std::priority_queue with (time, sequence) order: identical pops.
class HoldModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(HoldModel, AgreesWithAPriorityQueue) {
  const std::uint64_t spread = GetParam();
  RandomStream random(7, "hold", {spread});
  using Item = std::tuple<std::uint64_t, std::uint32_t>;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> reference;
  RadixHeap<std::uint32_t> heap;
  std::uint32_t sequence = 0;
  const auto push = [&](std::uint64_t time) {
    heap.Push(time, sequence);
    reference.emplace(time, sequence++);
  };
  for (int i = 0; i < 500; ++i) push(random.Below(spread));
  for (int i = 0; i < 20000; ++i) {
    const auto event = heap.Pop();
    ASSERT_EQ(event.time, std::get<0>(reference.top()));
    ASSERT_EQ(event.payload, std::get<1>(reference.top()));
    reference.pop();
    push(event.time + random.Below(spread));
  }
}

INSTANTIATE_TEST_SUITE_P(Spreads, HoldModel,
                         testing::Values(1, 2, 16, 1000, 1u << 20, std::uint64_t{1} << 40));

TEST(RadixHeapDeathTest, RefusesThePast) {
  RadixHeap<int> heap;
  heap.Push(10, 0);
  heap.Pop();
  EXPECT_DEATH(heap.Push(9, 1), "before now");
}

}  // namespace
}  // namespace orrery
