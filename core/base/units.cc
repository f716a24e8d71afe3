#include "core/base/units.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery {

void ThrowTooLong(double seconds) {
  throw InputError(
      fmt::format("a time of {:.3g} s is more than the {:.0f} days that can be simulated; a rate or a size "
                  "in the input is "
                  "out of all proportion",
                  seconds, kLongestSeconds / 86400));
}

}  // namespace orrery
