// Finds the data files that travel with Orrery (presets, device and calibration data, scenarios).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace orrery {

/// The folder that holds models/, hw/, scenarios/: $ORRERY_HOME if set, else the tree it was built from.
std::filesystem::path ResourceRoot();

/// Names (stems) of the files `folder`/*.`extension` below the root, sorted; empty if the folder is absent.
std::vector<std::string> ResourceNames(const std::string& folder, const std::string& extension);

/// Orrery's version, "major.minor.patch".
std::string Version();

}  // namespace orrery
