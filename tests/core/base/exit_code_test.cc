#include "core/base/exit_code.h"

#include <new>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/base/run_control.h"

namespace orrery {
namespace {

/// The code and what was said on standard error.
std::pair<int, std::string> EndOf(const std::function<int()>& run) {
  testing::internal::CaptureStderr();
  const int code = ExitCodeOf("orrery", run);
  return {code, testing::internal::GetCapturedStderr()};
}

TEST(ExitCodeOf, IsWhatTheProgramReturns) {
  EXPECT_EQ(EndOf([] { return 1; }), std::pair(1, std::string()));
}

TEST(ExitCodeOf, TellsEveryKindOfFailureInOneLine) {
  using P = std::pair<int, std::string>;
  EXPECT_EQ(EndOf([]() -> int {
              throw InputError(Place{"a.yaml", 3, 1}, "expected\na map");
            }),
            P(kBadInput, "orrery: a.yaml:3:1: expected\\na map\n"));
  EXPECT_EQ(EndOf([]() -> int { throw Stopped("pricing kernels"); }),
            P(kStopped, "orrery: stopped while pricing kernels; nothing was written\n"));
  EXPECT_EQ(EndOf([]() -> int { throw UnavailableError("no GPU"); }), P(kUnavailable, "orrery: no GPU\n"));
  EXPECT_EQ(EndOf([]() -> int { throw std::bad_alloc(); }).first, kUnavailable);
  EXPECT_EQ(EndOf([]() -> int { throw std::logic_error("odd"); }),
            P(kInternalError, "orrery: internal error: odd\n"));
}

}  // namespace
}  // namespace orrery
