// A reader under libFuzzer: any bytes are either read or refused with an InputError, whose message is one
// short line. Everything else, an exception of another kind, a crash, a hang, a broken invariant, is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/text.h"

namespace orrery::fuzz {

template <typename Read>
void Try(const Read& read) {
  try {
    read();
  } catch (const InputError& e) {
    const std::string_view message = e.what();
    ORRERY_CHECK(message.size() < 3 * kMaxMessage,
                 "a message of " + std::to_string(message.size()) + " bytes");
    ORRERY_CHECK(message == Printable(message), "a message that is no line: " + Printable(message));
  }
}

}  // namespace orrery::fuzz

/// ORRERY_FUZZ(text) { ... }: the body gets each input as a std::string_view.
#define ORRERY_FUZZ(text)                                                             \
  static void FuzzOne(std::string_view text);                                         \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    const std::string_view input(reinterpret_cast<const char*>(data), size);          \
    orrery::fuzz::Try([&] { FuzzOne(input); });                                       \
    return 0;                                                                         \
  }                                                                                   \
  static void FuzzOne(std::string_view text)
