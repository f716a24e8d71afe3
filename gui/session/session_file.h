// A session as it is kept in a file, .orrery.yaml: scenarios in full, other files by path and hash.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/fields.h"
#include "core/config/written.h"
#include "gui/session/variant.h"

namespace orrery::gui {

struct SavedVariant {
  std::string name;
  std::string file;  ///< that it was opened from, relative to the session's folder; empty: none
  std::optional<double> dollars_per_gpu_hour, run_tokens;
  Written scenario;
};

struct SavedFile {
  std::string path;  ///< relative to the session's folder
  std::string hash;  ///< of its contents
};

struct SessionFile {
  int version = 1;
  std::string page;
  int shown = 0, against = -1;  ///< places in `variants`; -1: none
  std::vector<SavedVariant> variants;
  std::vector<SavedFile> files;
};

/// YAML. Paths are relative to the folder of `file`, which is where it is to be saved.
std::string SessionText(const std::vector<VariantPtr>& variants, int shown, int against,
                        const std::string& page, const std::string& file);

/// A session as it was read: variants have their places as ids.
struct ReadSession {
  SessionFile saved;
  std::vector<VariantPtr> variants;
  std::vector<std::string> changed;  ///< files whose contents are no longer those that the session had
};
/// InputError with the place of what is wrong.
ReadSession LoadSession(const std::string& file);

/// Of a file's bytes; empty where it cannot be read.
std::string HashOfContents(const std::string& file);

}  // namespace orrery::gui
