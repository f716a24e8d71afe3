#include "core/base/date.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(Date, IsADayThatExists) {
  for (const char* day : {"2026-01-31", "2024-02-29", "2000-02-29", "1970-01-01"})
    EXPECT_TRUE(IsDate(day)) << day;
  for (const char* none :
       {"", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-31", "2026-01-31T",
        "26-01-31", "2026/01/31", "yesterday", "2026-01-3x", "-026-01-31", "2026--1-31"})
    EXPECT_FALSE(IsDate(none)) << none;
}

TEST(Date, OfTheCommitIsADayOrLaterThanEveryOther) {
  EXPECT_TRUE(IsDate(CommitDate())) << CommitDate();
  EXPECT_GE(CommitDate(), "2026-11-01");
}

}  // namespace
}  // namespace orrery
