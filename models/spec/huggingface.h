// Reads a Hugging Face config.json into a ModelSpec. Sizes come from the file; what else it leaves out, from
// the architecture's configuration class. Every key is accounted for: read, known to change nothing, named in
// the spec's `notes`, or refused.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/config/document.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// The `model_type`s that are understood: "deepseek_v2", "deepseek_v3", "kimi_k2", "llama", ...
std::vector<std::string> HuggingFaceModelTypes();

/// A config.json, or the text model of a multimodal one (its text_config). InputError (file:line:column) on
/// an unknown architecture, a missing size, an unknown key that may change a shape or a cache, or a feature
/// whose cache or cost is not modelled (sliding windows, biases outside QKV, sparse layer patterns). JSON as
/// Python writes it: NaN and Infinity are numbers.
ModelSpec ReadHuggingFace(const std::filesystem::path& file);

/// The same from an already parsed document.
ModelSpec ReadHuggingFace(const Value& root);

}  // namespace orrery::models
