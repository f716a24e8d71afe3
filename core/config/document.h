// A YAML document read strictly: every value knows where it stands, unknown and repeated keys are refused,
// quantities carry units. Errors are InputError with file:line:column, the key's path, the value and what
// was expected.
//
//   Document doc = Document::Load("scenario.yaml");
//   doc.Set("parallelism.expert", "32");                     // --set
//   const Value& root = doc.root();
//   root.AllowKeys({"name", "parallelism"});
//   int expert = root.At("parallelism").At("expert").AsInt(1, 65536);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/units.h"

namespace orrery {

/// Letters that may stand for factors in a number of tokens. Of a length k is 1024 and M 1024^2, as contexts are
/// called; of an amount of text M, B and T are 10^6, 10^9 and 10^12.
enum class CountSuffix { kNone, kLength, kAmount };

/// The whole number that `text` says with or without its unit (`unit`, singular or plural): "4096", "4k", "1e12",
/// "14.8T tokens"; absent if it says none.
std::optional<std::int64_t> ParseCount(std::string_view text, std::string_view unit, CountSuffix suffix);

/// One node of a document: null, scalar, list or map. Map entries keep their order.
class Value {
 public:
  enum class Type { kNull, kScalar, kList, kMap };

  Type type() const { return type_; }
  bool quoted() const { return quoted_; }  ///< a scalar in quotes: in JSON a text, never a number
  bool is_null() const { return type_ == Type::kNull; }
  bool is_scalar() const { return type_ == Type::kScalar; }
  bool is_list() const { return type_ == Type::kList; }
  bool is_map() const { return type_ == Type::kMap; }
  const Place& place() const { return place_; }
  const std::string& path() const { return path_; }  ///< "parallelism.expert"; "" at the root

  // Maps.
  /// The value under `key`; InputError if this is no map or the key is missing.
  const Value& At(std::string_view key) const;
  /// The value under `key`, or nullptr if absent (or null). InputError if this is no map.
  const Value* Find(std::string_view key) const;
  /// InputError on the first key not in `keys`, naming the nearest known one, and on one that is there without a
  /// value, unless Document::Set took that away.
  void AllowKeys(const std::vector<std::string>& keys) const;
  const std::vector<std::pair<std::string, Value>>& entries() const;
  /// The map less one key, for a reader that has taken it.
  Value Without(std::string_view key) const;

  // Lists.
  const std::vector<Value>& items() const;

  // Scalars. Each throws InputError saying what was expected.
  const std::string& AsString() const;
  bool AsBool() const;
  std::int64_t AsInt(std::int64_t min, std::int64_t max) const;
  double AsDouble(double min, double max) const;
  /// "15360 sequences" or "15360" -> 15360 (ParseCount).
  std::int64_t AsCount(std::string_view unit, std::int64_t min, std::int64_t max,
                       CountSuffix suffix = CountSuffix::kNone) const;
  Bytes AsBytes() const;               ///< "80 GB", "227 KiB"
  BytesPerSecond AsRate() const;       ///< "50 GB/s", "400 Gb/s"
  FlopsPerSecond AsFlopsRate() const;  ///< "989 TFLOPS"
  Time AsTime() const;                 ///< "2 us", "0.29 s"
  /// One of `choices`; its index.
  std::size_t AsChoice(const std::vector<std::string>& choices) const;

  /// An InputError about this value: "file:1:2: key.path: 'value': <message>".
  InputError Error(std::string_view message) const;

 private:
  friend class Document;
  const std::string& Scalar(std::string_view expected) const;

  Type type_ = Type::kNull;
  bool quoted_ = false;
  bool taken_away_ = false;  ///< a null that stands for a key that is not to be given
  std::string scalar_;
  std::vector<Value> items_;
  std::vector<std::pair<std::string, Value>> entries_;
  Place place_;
  std::string path_;
};

class Document {
 public:
  /// InputError if the file is missing, too large (16 MiB), not YAML or not a map.
  static Document Load(const std::filesystem::path& file);
  /// The same from text; `name` stands for the file in messages.
  static Document Parse(std::string_view text, const std::string& name);

  /// Sets (or adds) the value at a dotted path; `yaml` is parsed as YAML, and `null` or `~` takes the key away. Places read
  /// "--set path=...", or `place` where another option than --set was given. InputError where there is no value.
  void Set(std::string_view path, std::string_view yaml, std::string_view place = "");

  /// What the user changed after the document was read, both as they wrote it.
  struct Change {
    std::string path, value;
  };
  /// Remembers it, so that a report does not call the result by the name of what the file says.
  void NoteChange(std::string path, std::string value) {
    changes_.push_back({std::move(path), std::move(value)});
  }
  const std::vector<Change>& changes() const { return changes_; }

  /// Gives a key at the top another name, if it is there: its value keeps its place and, for messages, its
  /// path. Remembers it in renamed(). InputError if both names are there.
  void Rename(std::string_view from, std::string_view to);
  /// Keys that stood under an old name, each with the current one.
  const std::vector<std::pair<std::string, std::string>>& renamed() const { return renamed_; }

  const Value& root() const { return root_; }
  /// Canonical text of the whole document: same content, same text. For hashes and records.
  std::string Canonical() const;

 private:
  Value root_;
  std::vector<Change> changes_;
  std::vector<std::pair<std::string, std::string>> renamed_;
};

/// `path` as written in a file: relative to that file's folder, or to the working directory where the value was
/// given on the command line.
std::filesystem::path ResolveBeside(const Value& path);

/// `text` as one YAML scalar, quoted, so that it reads back as itself whatever is in it.
std::string QuoteYaml(std::string_view text);

/// FNV-1a 64 of `text`, 16 hexadecimal digits: names an input in reports.
std::string HashHex(std::string_view text);

}  // namespace orrery
