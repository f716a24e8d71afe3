// The architectures of transformers that are understood: one entry of a table each (models/spec/families/).
#pragma once

#include <string>
#include <vector>

#include "models/spec/huggingface_config.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// A `model_type`.
struct HuggingFaceFamily {
  std::string model_type;
  std::vector<std::string> classes;  ///< that may stand in `architectures`
  ConfigClass config;
  std::vector<FixedKey> fixed;  ///< beside those of every architecture
  /// Attention, experts, MTP modules: what differs. `spec` has its layers, hidden size and vocabulary.
  void (*read)(HuggingFaceConfig*, ModelSpec* spec);
};

const std::vector<HuggingFaceFamily>& HuggingFaceFamilies();

/// A `model_type` that is known and refused.
struct RefusedFamily {
  std::string model_type, why;
};
const std::vector<RefusedFamily>& RefusedFamilies();

/// The family of a `model_type`, or nullptr.
const HuggingFaceFamily* FindFamily(const std::string& model_type);

}  // namespace orrery::models
