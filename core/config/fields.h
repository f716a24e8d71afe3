// The fields of a struct, described once. From one description come: reading with the place of every error,
// writing, the list of keys with their types, units, limits and defaults (`orrery help keys`,
// docs/scenario.md), and what a form needs.
//
//   struct Ramp { std::int64_t from = 0; double over = 0; };
//
//   const Fields<Ramp>& RampFields() {
//     static const Fields<Ramp> fields = [] {
//       Fields<Ramp> f;
//       f.Add("from", &Ramp::from, Count<std::int64_t>("sequences", 1, 1 << 24), "first batch").Required();
//       f.Add("over", &Ramp::over, Count<double>("tokens", 1, 1e15), "tokens until the full batch").Required();
//       return f;
//     }();
//     return fields;
//   }
//   Ramp ramp = RampFields().Read(document.root());
//
// A `Codec<T>` reads, writes and describes one value. codecs.h has those of numbers, quantities, choices,
// lists, maps.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/document.h"
#include "core/config/written.h"

namespace orrery {

struct FieldInfo;

/// What a value may be, for people and for forms.
struct FieldType {
  enum class Kind { kWhole, kNumber, kQuantity, kChoice, kText, kFlag, kList, kMap };
  Kind kind = Kind::kText;
  std::string words;                  ///< "whole number", "size, e.g. 80 GB", "list of whole numbers", ...
  std::string unit;                   ///< "sequences", "bytes", "seconds"; empty: none
  std::optional<double> least, most;  ///< limits of a number
  std::vector<std::string> choices;   ///< of kChoice; of kText: names that are offered
  std::vector<FieldInfo> fields;      ///< of kMap, or of the maps in a list
};

/// One key as a reader of the documentation or a form sees it.
struct FieldInfo {
  std::string key;
  std::string help;
  FieldType type;
  bool required = false;
  std::string default_text;  ///< as it would be written; empty: absent
  std::string only_for;  ///< where the key means something to some values of another key only; empty: always
};

/// Reads, writes and describes values of type T.
template <class T>
struct Codec {
  FieldType type;
  std::function<T(const Value&)> read;     ///< InputError with the value's place
  std::function<Written(const T&)> write;  ///< reads back to an equal value
  /// Of maps: only the keys given are read, the rest stays as `base` has it. Empty: `read`.
  std::function<T(const Value&, const T& base)> read_over;
  /// Of maps: the keys that differ from `base`'s. Empty: `write`.
  std::function<Written(const T&, const T& base)> write_changed;
};

/// Which keys of a map were given: for defaults that follow from other keys.
class GivenKeys {
 public:
  explicit GivenKeys(const Value& map) : map_(map) {}
  bool Has(std::string_view key) const { return map_.Find(key) != nullptr; }
  /// The map, for an error's place: `given.ErrorAt("data", "expected ...")`.
  InputError ErrorAt(std::string_view key, std::string_view message) const;
  const Value& map() const { return map_; }

 private:
  const Value& map_;
};

/// A default as documentation shows it: a scalar or a short list; empty for what is absent.
std::string DefaultTextOf(const Written& written);
/// Whether something written stands for "not given": an empty text, list or map.
bool IsAbsent(const Written& written);

namespace internal {

/// The untyped half of Fields: reads and writes through functions over `void*`.
class FieldTable {
 public:
  struct Entry {
    FieldInfo info;
    std::function<void(const Value&, bool over, void*)>
        read;  ///< `over`: what the struct holds is a base to change
    std::function<Written(const void*)> write;
    std::function<Written(const void*, const void* base)> write_changed;
    std::function<bool(const void*)>
        present;  ///< whether the key means something to this struct; empty: always
  };

  Entry& Add(Entry entry);
  /// Reads the keys of `map` into `*into`. `over`: the struct is whole already, so no key is required.
  void Read(const Value& map, bool over, void* into) const;
  /// Required keys, and those whose value differs from `fresh`'s.
  Written Write(const void* from, const void* fresh) const;
  /// Keys whose value differs from `base`'s.
  Written WriteChanged(const void* from, const void* base) const;
  std::vector<FieldInfo> Infos() const;

 private:
  std::deque<Entry> entries_;  // Add returns a reference that must stay
};

}  // namespace internal

template <class S>
class Fields {
 public:
  /// Returned by Add, to say more of the field just added.
  class Field {
   public:
    explicit Field(internal::FieldTable::Entry* entry) : entry_(entry) {}
    Field& Required() {
      entry_->info.required = true;
      entry_->info.default_text.clear();
      return *this;
    }
    /// How the default reads where it follows from other keys, e.g. "head_dim".
    Field& DefaultText(std::string text) {
      entry_->info.default_text = std::move(text);
      return *this;
    }
    /// The key is written only where `present` says so of the struct, and `words` says when.
    Field& OnlyFor(std::string words, std::function<bool(const S&)> present) {
      entry_->info.only_for = std::move(words);
      entry_->present = [present = std::move(present)](const void* s) {
        return present(*static_cast<const S*>(s));
      };
      return *this;
    }

    /// The key is written only where `present` says so: of a value that follows from other keys.
    Field& WrittenIf(std::function<bool(const S&)> present) {
      entry_->present = [present = std::move(present)](const void* s) {
        return present(*static_cast<const S*>(s));
      };
      return *this;
    }

   private:
    internal::FieldTable::Entry* entry_;
  };

  /// A member. Its default is the one of a fresh S.
  template <class T>
  Field Add(std::string key, T S::*member, Codec<T> codec, std::string help) {
    return AddAt<T>(
        std::move(key), [member](S& s) -> T& { return s.*member; }, std::move(codec), std::move(help));
  }

  /// Something reached through `at`: a member of a member.
  template <class T>
  Field AddAt(std::string key, std::function<T&(S&)> at, Codec<T> codec, std::string help) {
    internal::FieldTable::Entry entry;
    entry.info.key = std::move(key);
    entry.info.help = std::move(help);
    entry.info.type = codec.type;
    S fresh{};
    entry.info.default_text = DefaultTextOf(codec.write(at(fresh)));
    // `at` only names a place: what it is given stays as it is.
    const auto of = [at](const void* s) -> const T& { return at(*const_cast<S*>(static_cast<const S*>(s))); };
    entry.read = [at, codec](const Value& value, bool over, void* s) {
      T& member = at(*static_cast<S*>(s));
      member = over && codec.read_over ? codec.read_over(value, member) : codec.read(value);
    };
    entry.write = [of, codec](const void* s) { return codec.write(of(s)); };
    entry.write_changed = [of, codec](const void* s, const void* base) {
      return codec.write_changed ? codec.write_changed(of(s), of(base)) : codec.write(of(s));
    };
    return Field(&table_.Add(std::move(entry)));
  }

  /// A key that is more than one member, or whose value depends on another key: `read` changes the struct,
  /// `write` says what would be read back to it. Keys are read in the order in which they were added.
  Field AddWith(std::string key, FieldType type, std::function<void(const Value&, S*)> read,
                std::function<Written(const S&)> write, std::string help) {
    internal::FieldTable::Entry entry;
    entry.info.key = std::move(key);
    entry.info.help = std::move(help);
    entry.info.type = std::move(type);
    entry.info.default_text = DefaultTextOf(write(S{}));
    entry.read = [read = std::move(read)](const Value& value, bool, void* s) {
      read(value, static_cast<S*>(s));
    };
    entry.write = [write](const void* s) { return write(*static_cast<const S*>(s)); };
    entry.write_changed = [write](const void* s, const void*) { return write(*static_cast<const S*>(s)); };
    return Field(&table_.Add(std::move(entry)));
  }

  /// Runs after the keys of a map are read: fills defaults that follow from others and refuses what does not
  /// go together. `s` holds what was read.
  void After(std::function<void(S*, const GivenKeys&)> after) { after_.push_back(std::move(after)); }

  /// InputError on unknown keys, missing required ones, and values out of range.
  S Read(const Value& map) const { return Take(map, false, S{}); }
  /// The same over a value that is whole already, such as a preset's: no key is required.
  S ReadOver(const Value& map, S base) const { return Take(map, true, std::move(base)); }

  /// Required keys, and those whose value differs from the default.
  Written Write(const S& s) const {
    const S fresh{};
    return table_.Write(&s, &fresh);
  }
  /// Keys whose value differs from `base`'s: what ReadOver needs to make `s` of `base`.
  Written WriteChanged(const S& s, const S& base) const { return table_.WriteChanged(&s, &base); }

  std::vector<FieldInfo> Infos() const { return table_.Infos(); }

 private:
  S Take(const Value& map, bool over, S s) const {
    table_.Read(map, over, &s);
    const GivenKeys given(map);
    for (const auto& after : after_) after(&s, given);
    return s;
  }

  internal::FieldTable table_;
  std::vector<std::function<void(S*, const GivenKeys&)>> after_;
};

/// One line of `orrery help keys`.
struct KeyLine {
  std::string path;  ///< "parallelism.pipeline"; entries of a list as "stages[]"
  FieldInfo info;
};

/// Every key below `fields`, depth first, those whose path starts with `prefix`.
std::vector<KeyLine> KeyLines(const std::vector<FieldInfo>& fields, std::string_view prefix = "");

/// "whole number, 1 to 64", "one of: a, b", "size, e.g. 80 GB".
std::string TypeText(const FieldType& type);

}  // namespace orrery
