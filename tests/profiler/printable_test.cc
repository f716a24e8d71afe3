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

TEST(Printable, TakesACutOffCharacter) { EXPECT_EQ(Printable("\xc2"), "\xc2"); }

}  // namespace
}  // namespace orrery::profiler
