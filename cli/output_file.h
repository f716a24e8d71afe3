#pragma once

#include <string>

namespace orrery::cli {

/// Writes `text` to `file` whole or not at all (a temporary beside it, then renamed); "-" is standard output.
/// InputError naming the file if it cannot be written.
void WriteOutput(const std::string& file, const std::string& text);

}  // namespace orrery::cli
