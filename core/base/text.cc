#include "core/base/text.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "core/base/error.h"

namespace orrery {
namespace {

/// One character of UTF-8: its code point and how many bytes it takes; no bytes where there is none.
struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;
};

Character Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code < kSmallest[bytes] || code > 0x10ffff || surrogate ? Character{} : Character{code, bytes};
}

struct Range {
  std::uint32_t first, last;
};
// Unicode 15, "Control", "Format" and separators of lines: what a terminal or a browser obeys, and what it
// does not show (directions that reorder a line, characters without width, marks of byte order, tags).
constexpr Range kObeyed[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
                             {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                             {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f}};

bool Obeyed(std::uint32_t code) {
  return std::any_of(std::begin(kObeyed), std::end(kObeyed),
                     [&](const Range& r) { return code >= r.first && code <= r.last; });
}

/// The last `digits` hexadecimal digits, or as many more as the number has. By hand, since the profiler's device half
/// takes this file and needs the standard library alone.
std::string Hexadecimal(std::uint32_t number, int digits) {
  std::string text;
  for (; number != 0 || digits > 0; number >>= 4, --digits)
    text.insert(text.begin(), "0123456789abcdef"[number & 0xfU]);
  return text;
}

std::string Escaped(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  return code < 0x100 ? "\\x" + Hexadecimal(code, 2) : "\\u" + Hexadecimal(code, 4);
}

/// `text` with all escaped that a terminal obeys, but for what `keep` is true of.
template <typename Keep>
std::string Escape(std::string_view text, Keep keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = Decode(text);
    const std::size_t bytes = std::max<std::size_t>(c.bytes, 1);
    if (c.bytes == 0) {
      out += Escaped(static_cast<unsigned char>(text[0]));
    } else if (Obeyed(c.code) && !keep(c.code)) {
      out += Escaped(c.code);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

/// "UTF-16" or "UTF-32" where `text` begins like it, else "". Without a mark of the byte order, the zeros of
/// the first character, which is ASCII in every format read here, tell.
std::string_view OtherEncoding(std::string_view text) {
  using namespace std::string_view_literals;
  if (text.starts_with("\xff\xfe\0\0"sv) || text.starts_with("\0\0\xfe\xff"sv)) return "UTF-32";
  if (text.starts_with("\xff\xfe"sv) || text.starts_with("\xfe\xff"sv)) return "UTF-16";
  if (text.size() < 4) return "";
  const bool zero[] = {text[0] == 0, text[1] == 0, text[2] == 0, text[3] == 0};
  if (zero[1] && zero[2] && zero[3] && !zero[0]) return "UTF-32";
  if (zero[0] && zero[1] && zero[2] && !zero[3]) return "UTF-32";
  return zero[0] != zero[1] && zero[2] == zero[0] && zero[3] == zero[1] ? "UTF-16" : "";
}

/// Bytes of `text` before the first that is no UTF-8.
std::size_t ValidBytes(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t bytes = Decode(text.substr(i, 4)).bytes;
    if (bytes == 0) return i;
    i += bytes;
  }
  return i;
}

}  // namespace

std::string Printable(std::string_view text) {
  return Escape(text, [](std::uint32_t) { return false; });
}

std::string PrintableLines(std::string_view text) {
  return Escape(text, [](std::uint32_t code) { return code == '\n' || code == '\t'; });
}

std::string Clipped(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u)
    --end;  // not inside a character
  return std::string(text.substr(0, end)) + "... (" + std::to_string(text.size()) + " bytes)";
}

void RequireUtf8(std::string_view text, const std::string& name) {
  if (const std::string encoding(OtherEncoding(text)); !encoding.empty()) {
    throw InputError(Place{name}, "is " + encoding + ", expected UTF-8: 'iconv -f " + encoding +
                                      " -t UTF-8' makes it that");
  }
  const std::size_t valid = ValidBytes(text);
  if (valid == text.size()) return;
  const std::string_view before = text.substr(0, valid);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') + 1;  // 0 where there is none
  throw InputError(Place{name, static_cast<int>(line), static_cast<int>(valid - start) + 1},
                   "byte 0x" + Hexadecimal(static_cast<unsigned char>(text[valid]), 2) +
                       " is no UTF-8, expected UTF-8 text");
}

void RequireLineFeeds(std::string_view text, const std::string& name) {
  const std::size_t end = text.find('\r');
  if (end == std::string_view::npos || text.find('\n') != std::string_view::npos) return;
  if (text.find_first_not_of(" \t\r", end) == std::string_view::npos) return;  // one line
  throw InputError(Place{name},
                   "its lines end in carriage returns alone (CR): expected line feeds (LF or CR LF)");
}

}  // namespace orrery
