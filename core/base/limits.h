// How much any reader takes in: one set of limits for files, settings on the command line and messages.
#pragma once

#include <cstddef>

namespace orrery {

/// Lists and maps inside one another. More than any file here needs, and far below what exhausts a stack.
inline constexpr int kMaxLevels = 64;
/// Values of one document, with those that aliases repeat.
inline constexpr std::size_t kMaxValues = std::size_t{1} << 20;
/// A document's bytes.
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{16} << 20;
/// Bytes of the input that one message quotes: a line.
inline constexpr std::size_t kMaxQuoted = 120;
/// Bytes of a whole message, whatever it was put together from.
inline constexpr std::size_t kMaxMessage = 4096;

}  // namespace orrery
