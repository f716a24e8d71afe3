#include "profiler/printable.h"

#include <gtest/gtest.h>

namespace orrery::profiler {
namespace {

TEST(Printable, KeepsWhatCanBePrinted) {
  EXPECT_EQ(Printable("void gemm<128, true>(a|b) \u00e4\u00b5s"), "void gemm<128, true>(a|b) \u00e4\u00b5s");
  EXPECT_EQ(Printable(""), "");
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(Printable("a\nb\tc\rd"), "a\\nb\\tc\\x0dd");
  EXPECT_EQ(Printable("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(Printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Printable, EscapesWhatReordersOrHidesText) {
  EXPECT_EQ(Printable("a\u202eb\u2066c\u200bd\ufeff"), "a\\u202eb\\u2066c\\u200bd\\ufeff");
  EXPECT_EQ(Printable("a\u2028b\u00adc\u061c\U000E0041"), "a\\u2028b\\xadc\\u061c\\ue0041");
  EXPECT_EQ(Printable("\u4e2d\u05d0\U0001F600"), "\u4e2d\u05d0\U0001F600") << "letters of any script stay";
}

TEST(Printable, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(Printable("\xc2"), "\\xc2");
  EXPECT_EQ(Printable("\xe4z"), "\\xe4z") << "Latin-1";
  EXPECT_EQ(Printable("\xc0\xaf\xed\xa0\x80"), "\\xc0\\xaf\\xed\\xa0\\x80") << "overlong, surrogate";
  EXPECT_EQ(Printable("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
}

}  // namespace
}  // namespace orrery::profiler
