// Reads a Hugging Face config.json into a ModelSpec: what is there is read, what is not understood is refused
// by name, and what an architecture's configuration class would fill in is said in the spec's `source`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/document.h"
#include "models/model_spec.h"

namespace orrery::models {

/// The `model_type`s that are understood: "deepseek_v2", "deepseek_v3", "kimi_k2", "llama", ...
std::vector<std::string> HuggingFaceModelTypes();

/// A config.json. InputError (file:line:column) on an unknown architecture, an unknown or missing key, or a
/// feature whose cache or cost is not modelled (sliding windows, biases outside QKV, sparse layer patterns).
ModelSpec ReadHuggingFace(const std::filesystem::path& file);

/// The same from an already parsed document.
ModelSpec ReadHuggingFace(const Value& root);

}  // namespace orrery::models
