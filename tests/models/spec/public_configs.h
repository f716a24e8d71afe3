// Facts of public config.json files, as their repositories have them, for tests of readers and of what is published.
#pragma once

#include <string>

#include <fmt/format.h>

namespace orrery::models {

/// What every decoder's file tells.
struct ConfigShape {
  int hidden, intermediate, layers, heads, kv_heads;
  int vocabulary, positions;
};

inline std::string ConfigJson(const std::string& type, const std::string& model_class, const ConfigShape& s,
                              const std::string& more) {
  return fmt::format(
      R"({{"architectures": ["{}"], "model_type": "{}", "hidden_size": {}, "intermediate_size": {},
        "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {}, "vocab_size": {},
        "max_position_embeddings": {}, "initializer_range": 0.02, "use_cache": true, "rms_norm_eps": 1e-06,
        "bos_token_id": 1, "eos_token_id": [1, 2], "torch_dtype": "bfloat16"{}{}}})",
      model_class, type, s.hidden, s.intermediate, s.layers, s.heads, s.kv_heads, s.vocabulary, s.positions,
      more.empty() ? "" : ", ", more);
}

/// A list that repeats `period` over `layers`: JSON strings or numbers as they stand.
inline std::string Repeated(const std::string& first, const std::string& last, int period, int layers) {
  std::string list;
  for (int i = 0; i < layers; ++i)
    list += (list.empty() ? "" : ", ") + ((i + 1) % period == 0 ? last : first);
  return "[" + list + "]";
}

}  // namespace orrery::models
