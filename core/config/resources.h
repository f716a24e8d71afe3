// Finds the data files that travel with Orrery (presets, device and calibration data, scenarios) and those
// that a user puts beside a document.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/config/document.h"

namespace orrery {

/// The folder that the running program lies in; empty where the system does not tell.
std::filesystem::path ProgramFolder();

/// The folder that holds models/, hw/, scenarios/: $ORRERY_HOME if set, else share/orrery of the prefix that the
/// program is installed in (PREFIX/bin/orrery), or beside the shared object where this code was linked into one
/// (a module that another program has loaded), else the tree it was built from. InputError if that holds no data.
std::filesystem::path ResourceRoot();

/// Names (stems) of the files `folder`/*.`extension` below the root, sorted; empty if the folder is absent.
std::vector<std::string> ResourceNames(const std::string& folder, const std::string& extension);

/// The file that a value of a document names, as ResolveBeside; InputError at the value if there is none.
std::filesystem::path FileBeside(const Value& path);

/// Orrery's version, "major.minor.patch".
std::string Version();

}  // namespace orrery
