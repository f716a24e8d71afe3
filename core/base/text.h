// Text that came from outside: made safe to print, short enough to quote, and known to be UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "core/base/limits.h"

namespace orrery {

/// `text` as one line of valid UTF-8: control characters (C0, DEL, C1), characters that reorder a line or
/// have no width, and bytes that are no UTF-8 are written as "\n", "\t", "\x1b", "\u202e"; all else as it is.
std::string Printable(std::string_view text);

/// The same for a report of many lines: line breaks and tabs stay.
std::string PrintableLines(std::string_view text);

/// `text` where it has at most `most` bytes, else its beginning and how long it is: "abc... (70000 bytes)".
std::string Clipped(std::string_view text, std::size_t most = kMaxQuoted);

/// InputError naming `name` (a file, say) and the place if `text` is not UTF-8; UTF-16 and UTF-32, with or
/// without a mark of their byte order, are called by name.
void RequireUtf8(std::string_view text, const std::string& name);

/// InputError if carriage returns alone end its lines, as old Macs wrote them: it would be one long line.
void RequireLineFeeds(std::string_view text, const std::string& name);

}  // namespace orrery
