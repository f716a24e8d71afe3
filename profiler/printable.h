// Names in traces and measurements come from other programs: no control character of theirs reaches a
// terminal or breaks a row.
#pragma once

#include <string>
#include <string_view>

namespace orrery::profiler {

/// `text` with control characters (C0, DEL and, as UTF-8, C1) written as "\n", "\t", "\x1b"; all else as it
/// is. One line.
std::string Printable(std::string_view text);

}  // namespace orrery::profiler
