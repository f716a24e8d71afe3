// Calendar days as texts.
#pragma once

#include <string_view>

namespace orrery {

/// Whether `text` is a day that exists, as "2026-01-31".
bool IsDate(std::string_view text);

/// The day of the commit that this program was built from, as above; "9999-12-31" where it was built from no
/// repository.
std::string_view CommitDate();

}  // namespace orrery
