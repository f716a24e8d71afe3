// Files are written whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

namespace orrery::profiler {

/// Writes `text` to a temporary file beside `file` and renames it; "-" is standard output. InputError if it
/// cannot.
void WriteFileWhole(const std::filesystem::path& file, std::string_view text);

}  // namespace orrery::profiler
