// Names in traces and measurements come from other programs: no control character of theirs reaches a
// terminal or breaks a row.
#pragma once

#include "core/base/text.h"

namespace orrery::profiler {

using orrery::Printable;

}  // namespace orrery::profiler
