#include "scenarios/step/memo.h"

#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "core/base/parallel.h"

namespace orrery::scenarios {
namespace {

struct Key {
  int a = 0;
  std::string b;
  bool operator==(const Key&) const = default;
};

TEST(Memo, MakesAValueOncePerKey) {
  Memo memo;
  int made = 0;
  const auto get = [&](int a) {
    return memo.Get<std::string>(Key{a, "x"}, [&] { return ++made, std::to_string(a); });
  };
  const auto first = get(1);
  EXPECT_EQ(*first, "1");
  EXPECT_EQ(get(1), first) << "the same object";
  EXPECT_EQ(*get(2), "2");
  EXPECT_EQ(made, 2);
}

TEST(Memo, KeepsTypesApart) {
  Memo memo;
  EXPECT_EQ(*memo.Get<int>(7, [] { return 1; }), 1);
  EXPECT_EQ(*memo.Get<double>(7, [] { return 2.5; }), 2.5);
  EXPECT_EQ(*memo.Get<int>(Key{7, ""}, [] { return 3; }), 3);
  EXPECT_EQ(*memo.Get<int>(7, [] { return 4; }), 1);
}

TEST(Memo, ForgetsTheOldestAndWhatIsHeldStays) {
  Memo memo;
  const auto held = memo.Get<int>(0, [] { return 0; });
  for (int i = 1; i <= static_cast<int>(Memo::kMost); ++i) memo.Get<int>(i, [i] { return i; });
  EXPECT_EQ(*memo.Get<int>(2, [] { return -1; }), 2) << "still known";
  EXPECT_EQ(*memo.Get<int>(0, [] { return -1; }), -1) << "made anew";
  EXPECT_EQ(*held, 0);
}

TEST(Memo, KeepsFewerWhereItIsToldTo) {
  Memo memo;
  const auto get = [&](int key, int value) {
    return *memo.Get<int>(
        key, [value] { return value; }, 2);
  };
  for (const int key : {1, 2, 3}) EXPECT_EQ(get(key, key), key);
  EXPECT_EQ(get(3, -3), 3);
  EXPECT_EQ(get(2, -2), 2);
  EXPECT_EQ(get(1, -1), -1) << "the oldest went";
}

TEST(Memo, AValueMayAskForAnother) {
  Memo memo;
  EXPECT_EQ(*memo.Get<int>(1, [&] { return 1 + *memo.Get<int>(2, [] { return 2; }); }), 3);
}

TEST(Memo, WhatMakingThrowsIsNotKept) {
  Memo memo;
  EXPECT_THROW(memo.Get<int>(1, []() -> int { throw 5; }), int);
  EXPECT_EQ(*memo.Get<int>(1, [] { return 1; }), 1);
}

TEST(Memo, GivesAllThreadsTheSame) {
  Memo memo;
  std::atomic<int> wrong{0};
  ParallelFor(1000, [&](std::size_t i) {
    const int key = static_cast<int>(i % 10);
    if (*memo.Get<int>(key, [key] { return key * key; }) != key * key) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace orrery::scenarios
