#include "core/base/text.h"

#include <gmock/gmock.h>

#include "tests/core/input_error.h"

namespace orrery {
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

TEST(PrintableLines, KeepsTheLinesOfAReport) {
  EXPECT_EQ(PrintableLines("name  \x1b[31mred\x07\n\tb\r\n"), "name  \\x1b[31mred\\x07\n\tb\\x0d\n");
}

TEST(Clipped, QuotesAtMostALine) {
  EXPECT_EQ(Clipped("short"), "short");
  EXPECT_EQ(Clipped(std::string(120, 'x')), std::string(120, 'x'));
  EXPECT_EQ(Clipped(std::string(70000, 'x')), std::string(120, 'x') + "... (70000 bytes)");
  EXPECT_EQ(Clipped("ab\u00e9", 3), "ab... (4 bytes)") << "not half a character";
}

TEST(RequireUtf8, NamesOtherEncodings) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"\xff\xfe"
                                      "n\0a\0"sv,
                                      "\xfe\xff\0n\0a"sv, "n\0a\0m\0"sv, "\0n\0a\0m"sv})
    EXPECT_THAT(ErrorOf([&] { RequireUtf8(text, "f"); }),
                testing::StartsWith("f: is UTF-16, expected UTF-8"));
  for (const std::string_view text : {"\xff\xfe\0\0n\0\0\0"sv, "\0\0\xfe\xff\0\0\0n"sv, "n\0\0\0a\0\0\0"sv})
    EXPECT_THAT(ErrorOf([&] { RequireUtf8(text, "f"); }),
                testing::StartsWith("f: is UTF-32, expected UTF-8"));
}

TEST(RequireUtf8, NamesThePlaceOfABadByte) {
  RequireUtf8("a: \u00e9\u4e2d\U0001F600\nb\n", "f");
  RequireUtf8("", "f");
  RequireUtf8(
      "\xef\xbb\xbf"
      "a: 1",
      "f");
  EXPECT_EQ(ErrorOf([] { RequireUtf8("a: 1\nname: caf\xe9\n", "f"); }),
            "f:2:10: byte 0xe9 is no UTF-8, expected UTF-8 text");
}

}  // namespace
}  // namespace orrery
