// The key `calibration`, of every kind of scenario.
#pragma once

#include <filesystem>
#include <string>

#include "core/config/fields.h"
#include "hw/cost/cost_model.h"

namespace orrery::scenarios {

/// Whether a regular file has this name; an empty name is none.
bool IsFile(const std::filesystem::path& path);

/// A table, or a list of several. A file is looked for beside the document first.
Codec<hw::CalibrationChoice> CalibrationCodec();

/// The contents of the tables that are files, for hashes.
std::string ContentsOf(const hw::CalibrationChoice& calibration);

}  // namespace orrery::scenarios
