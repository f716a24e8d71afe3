#include "core/resources.h"

#include <algorithm>
#include <cstdlib>

namespace orrery {

namespace fs = std::filesystem;

fs::path ResourceRoot() {
  if (const char* home = std::getenv("ORRERY_HOME"); home != nullptr && *home != '\0') return home;
  return ORRERY_SOURCE_DIR;
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

std::string Version() { return ORRERY_VERSION; }

}  // namespace orrery
