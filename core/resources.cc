#include "core/resources.h"

#include <algorithm>
#include <cstdlib>

#include "core/error.h"

namespace orrery {

namespace fs = std::filesystem;

fs::path ResourceRoot() {
  const char* home = std::getenv("ORRERY_HOME");
  const bool set = home != nullptr && *home != '\0';
  const fs::path root = set ? home : ORRERY_SOURCE_DIR;
  std::error_code error;
  if (fs::is_directory(root / "hw" / "data", error) && fs::is_directory(root / "models" / "data", error))
    return root;
  const std::string missing = "'" + root.string() + "' has no folders hw/data and models/data";
  throw InputError(set ? "ORRERY_HOME: " + missing + "; expected a checkout of Orrery, or ORRERY_HOME unset"
                       : missing + ", which Orrery was built from; set ORRERY_HOME to where they are now");
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
