#include "scenarios/schema/schema_version.h"

namespace orrery::scenarios {
namespace {

struct Renamed {
  const char *from, *to;
};

/// Top-level keys by their former names.
constexpr Renamed kRenamed[] = {{"communication", "exchange"}};  // schema 2

}  // namespace

std::string CurrentKey(const std::string& path) {
  const std::string first = path.substr(0, path.find('.'));
  for (const Renamed& key : kRenamed) {
    if (first == key.from) return key.to + path.substr(first.size());
  }
  return path;
}

void UseCurrentKeys(Document* document) {
  for (const Renamed& key : kRenamed) document->Rename(key.from, key.to);
}

}  // namespace orrery::scenarios
