// Calendar days as texts.
#pragma once

#include <string_view>

namespace orrery {

/// Whether `text` is a day that exists, as "2026-01-31".
bool IsDate(std::string_view text);

}  // namespace orrery
