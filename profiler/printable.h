// Names in traces and measurements come from other programs: no control character of theirs reaches a
// terminal or breaks a row.
#pragma once

#include <string>
#include <string_view>

namespace orrery::profiler {

/// `text` as one line of valid UTF-8: control characters (C0, DEL, C1), characters that reorder a line or
/// have no width, and bytes that are no UTF-8 are written as "\n", "\t", "\x1b", "\u202e"; all else as it is.
std::string Printable(std::string_view text);

}  // namespace orrery::profiler
