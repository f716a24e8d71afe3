// Changes YAML as text, so that comments and layout stay.
#pragma once

#include <optional>
#include <string>

#include "core/config/document.h"
#include "core/config/written.h"

namespace orrery {

/// `value` as it would be written.
Written WrittenOf(const Value& value);

/// `text` changed where it has to be for it to say what `wanted` says, the rest left as it stands. nullopt where
/// only writing it anew would do. InputError if `text` is no document.
std::optional<std::string> WithValuesOf(std::string text, const Document& wanted);

/// `text` with a key at the top called otherwise; nullopt where the key does not begin a line.
std::optional<std::string> WithKeyRenamed(const std::string& text, const std::string& from,
                                          const std::string& to);

}  // namespace orrery
