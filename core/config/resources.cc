#include "core/config/resources.h"

#include <algorithm>
#include <cstdlib>

#include <dlfcn.h>

#include "core/base/error.h"

namespace orrery {

namespace fs = std::filesystem;

namespace {

bool HoldsData(const fs::path& root) {
  std::error_code error;
  return fs::is_directory(root / "hw" / "data", error) && fs::is_directory(root / "models" / "data", error);
}

/// The shared object that this code was linked into; empty where that is the program itself.
fs::path SharedObject() {
  static const char inside = 0;  // its address lies in the object
  Dl_info info{};
  std::error_code error;
  if (dladdr(&inside, &info) == 0 || info.dli_fname == nullptr) return {};
  const fs::path object = fs::weakly_canonical(info.dli_fname, error);
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return fs::equivalent(object, program, error) || !fs::is_regular_file(object, error) ? fs::path{} : object;
}

/// Where an installation has the data of what runs now.
fs::path InstalledRoot() {
  const fs::path object = SharedObject();
  return (object.empty() ? ProgramFolder().parent_path() : object.parent_path()) / "share" / "orrery";
}

}  // namespace

fs::path ProgramFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

fs::path ResourceRoot() {
  const char* home = std::getenv("ORRERY_HOME");
  if (home != nullptr && *home != '\0') {
    if (HoldsData(home)) return home;
    throw InputError(
        "ORRERY_HOME: '" + std::string(home) +
        "' has no folders hw/data and models/data; expected a checkout of Orrery, or ORRERY_HOME unset");
  }
  fs::path installed = InstalledRoot();
  if (HoldsData(installed)) return installed;
  if (HoldsData(ORRERY_SOURCE_DIR)) return ORRERY_SOURCE_DIR;
  throw InputError("neither '" + installed.string() +
                   "' nor '" ORRERY_SOURCE_DIR
                   "', which Orrery was built from, has "
                   "folders hw/data and models/data; set ORRERY_HOME to where they are");
}

std::vector<std::string> ResourceNames(const std::string& folder, const std::string& extension) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(ResourceRoot() / folder, error)) {
    if (entry.is_regular_file() && entry.path().extension() == "." + extension) {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::filesystem::path FileBeside(const Value& path) {
  std::filesystem::path file = ResolveBeside(path);
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) throw path.Error("no such file: " + file.string());
  return file;
}

std::string Version() { return ORRERY_VERSION; }

}  // namespace orrery
