// One config.json being read: values from the file or from the defaults of the architecture's configuration
// class, and an account of every key, so that nothing of a file is passed over in silence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/document.h"

namespace orrery::models {

constexpr std::int64_t kMaxDimension = 1 << 20;

/// A key that says nothing new at these values. At others it means something that is not modelled: `why`.
struct FixedKey {
  std::string key;
  std::vector<std::string> values;
  std::string why;
};

/// What transformers fills in for keys that a file leaves out.
struct ConfigClass {
  std::string name;      ///< "Qwen3Config"
  std::string defaults;  ///< as a JSON object; a key that is not in it must be in the file
  /// (name, key): names a key may have instead (the class's attribute_map)
  std::vector<std::pair<std::string, std::string>> aliases;
};

class HuggingFaceConfig {
 public:
  HuggingFaceConfig(const Value& root, const ConfigClass& of);

  const Value& root() const { return root_; }

  /// The file's value, else the class's default, which is noted. InputError where there is none, or a null.
  const Value& Get(const std::string& key);
  /// The same without the note: for a key that may turn out to change nothing. nullptr: neither, or null.
  const Value* Quiet(const std::string& key);
  /// Whether the file itself has the key, null or not.
  bool InFile(const std::string& key);

  /// Whether anything asked for the key.
  bool Asked(const std::string& key) const { return Known(key); }

  int Int(const std::string& key, std::int64_t min = 1, std::int64_t max = kMaxDimension);
  /// Where neither file nor class has a value: `where_null`, which the class derives and which is noted
  /// unless the file says null itself.
  int IntOr(const std::string& key, int where_null, std::int64_t min = 0);
  bool Bool(const std::string& key);

  /// InputError where a key has another value than those listed.
  void Require(const std::vector<FixedKey>& keys);
  /// Counts keys as known, whatever their value.
  void Ignore(const std::vector<std::string>& keys);

  /// A sentence on what of the file is not taken.
  void LeaveOut(const std::string& note) { notes_.push_back(note); }
  /// InputError on a key that nothing asked for, unless it is off, or its name says that it changes no shape,
  /// cache or kernel; these are noted.
  void Account();

  /// The class's defaults that stood in, then the notes.
  std::vector<std::string> Notes() const;

 private:
  const Value* Raw(const std::string& key);
  void NoteDefault(const std::string& key, const std::string& value);
  bool Known(const std::string& key) const;

  const Value& root_;
  const ConfigClass& class_;
  Document defaults_;
  std::vector<std::string> known_, defaulted_, notes_;
};

/// "awq, 4 bits" of a quantization_config; "" where it is FP8, which weights are priced in by default.
std::string OtherQuantization(const Value& config);

}  // namespace orrery::models
